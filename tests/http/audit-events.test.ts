import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditDetails, AuditType } from '../../src/services/audit/audit-events.js';
import type { TestSession, TestUser } from '../../src/testing.js';
import { text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const DAY_SECONDS = 24 * 60 * 60;
/** Longer than a window in which refusals are counted. */
const BETWEEN_TESTS_SECONDS = 120;
const UNKNOWN_ID = '11111111-2222-4333-8444-555555555555';

let auth: TestApp;
let ada: TestUser;
let bob: TestUser;
let adas: TestSession;
let bobs: TestSession;
let admin: string;
let service: { readonly id: string; readonly key: string };
let lastSeq = 0;
let index = 0;

beforeAll(async () => {
  auth = await createTestApp();
});
afterAll(() => auth.close());

const latest = async () => (await auth.services.audit.list({}, { limit: 100 })).items.filter(({ seq }) => seq > lastSeq).reverse();

beforeEach(async () => {
  auth.clock.advance(BETWEEN_TESTS_SECONDS);
  index += 1;
  ada = await auth.createUser({ username: `ada-${index}`, email: `Ada-${index}@example.com`, emailVerified: true });
  bob = await auth.createUser();
  [adas, bobs] = [await auth.session(ada), await auth.session(bob)];
  admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
  service = await auth.services.serviceKeys.create({ name: 'a service', scopes: ['introspect'] });
  await auth.services.audit.recordSummaries();
  lastSeq = (await auth.services.audit.list({}, { limit: 1 })).items[0]?.seq ?? 0;
});

interface Sent {
  readonly bearer?: string;
  readonly body?: object;
}
async function send(method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string, { bearer, body }: Sent = {}): Promise<number> {
  const request = auth.http()[method](path);
  if (bearer !== undefined) void request.set('Authorization', `Bearer ${bearer}`);
  return (await (body === undefined ? request : request.send(body))).status;
}
const get = (path: string, bearer?: string) => send('get', path, bearer === undefined ? {} : { bearer });
const logIn = (username: string, password: string) => send('post', '/token', { body: { username, password } });
const refresh = (token: string) => send('post', '/token', { body: { grant_type: 'refresh_token', refresh_token: token } });
const adminPatch = (body: object) => send('patch', `/admin/users/${ada.id}`, { bearer: admin, body });
const end = (session: TestSession) => auth.services.sessions.revoke(session.refreshToken, { kind: 'nobody' }, NOWHERE);
const NOWHERE = { ip: null, userAgent: null, requestId: null };
/** A token with another last character. */
const altered = (token: string): string => token.slice(0, -2) + (token.endsWith('AA') ? 'QQ' : 'AA');

interface Expected {
  readonly type: AuditType;
  readonly details?: AuditDetails;
  /** Whom it is about: nobody unless named. */
  readonly about?: 'ada' | 'bob';
}
type Row = readonly [action: string, act: () => Promise<number>, status: number, events: readonly Expected[]];

const rejected = (token: string, reason: string): Expected => ({ type: 'token.rejected', details: { token, reason } });

const ownership: Row[] = [
  [
    'DELETE /users/me/sessions/{id} of another user’s session',
    () => send('delete', `/users/me/sessions/${bobs.id}`, { bearer: adas.accessToken }),
    404,
    [{ type: 'access.denied', about: 'ada', details: { resource: 'session' } }],
  ],
  [
    'DELETE /users/me/sessions/{id} of a session that does not exist',
    () => send('delete', `/users/me/sessions/${UNKNOWN_ID}`, { bearer: adas.accessToken }),
    404,
    [],
  ],
  [
    'POST /revoke of another user’s refresh token',
    () => send('post', '/revoke', { bearer: adas.accessToken, body: { token: bobs.refreshToken } }),
    200,
    [{ type: 'access.denied', about: 'ada', details: { resource: 'session' } }],
  ],
  [
    'POST /revoke of another user’s access token',
    () => send('post', '/revoke', { bearer: adas.accessToken, body: { token: bobs.accessToken } }),
    200,
    [{ type: 'access.denied', about: 'ada', details: { resource: 'session' } }],
  ],
  [
    'POST /revoke by a service key',
    () => send('post', '/revoke', { bearer: service.key, body: { token: bobs.refreshToken } }),
    200,
    [{ type: 'access.denied', details: { resource: 'session' } }],
  ],
  [
    'a user without the scope at /admin',
    () => get('/admin/users', adas.accessToken),
    403,
    [{ type: 'access.denied', about: 'ada', details: { scope: 'admin' } }],
  ],
  [
    'a service key without the scope at /admin',
    () => get('/admin/users', service.key),
    403,
    [{ type: 'access.denied', details: { scope: 'admin' } }],
  ],
];

const tokens: Row[] = [
  ['no token', () => get('/users/me'), 401, []],
  ['a forged access token', () => get('/users/me', 'e30.e30.e30'), 401, [rejected('access', 'forged')]],
  ['an altered access token', () => get('/users/me', altered(adas.accessToken)), 401, [rejected('access', 'forged')]],
  ['a forged access token in the path', () => get('/verify-token/forged'), 401, [rejected('access', 'forged')]],
  [
    'an access token of a session that was ended',
    async () => {
      await end(adas);
      return get('/users/me', adas.accessToken);
    },
    401,
    [
      { type: 'session.ended', about: 'ada', details: { reason: 'revoked', sessions: 1 } },
      { ...rejected('access', 'revoked'), about: 'ada' },
    ],
  ],
  [
    'an expired access token',
    () => {
      auth.clock.advance(DAY_SECONDS);
      return get('/users/me', adas.accessToken);
    },
    401,
    [],
  ],
  ['a refresh token as a Bearer token', () => get('/users/me', adas.refreshToken), 401, [rejected('refresh', 'misused')]],
  ['a service key where a user is required', () => get('/users/me', service.key), 401, [rejected('service_key', 'misused')]],
  ['a forged refresh token', () => refresh(altered(adas.refreshToken)), 400, [rejected('refresh', 'forged')]],
  [
    'a refresh token of a session that was ended',
    async () => {
      await end(adas);
      return refresh(adas.refreshToken);
    },
    400,
    [{ type: 'session.ended', about: 'ada', details: { reason: 'revoked', sessions: 1 } }, rejected('refresh', 'revoked')],
  ],
  [
    'an expired refresh token',
    () => {
      auth.clock.advance(40 * DAY_SECONDS);
      return refresh(adas.refreshToken);
    },
    400,
    [rejected('refresh', 'expired')],
  ],
  [
    'a reused refresh token',
    async () => {
      const next = await auth.services.sessions.refresh(adas.refreshToken, NOWHERE);
      await auth.services.sessions.refresh(next.refreshToken, NOWHERE);
      auth.clock.advance(DAY_SECONDS);
      return refresh(adas.refreshToken);
    },
    400,
    [{ type: 'session.ended', about: 'ada', details: { reason: 'refresh_token_reused', sessions: 1 } }],
  ],
  ['POST /revoke of a forged token', () => send('post', '/revoke', { body: { token: 'x' } }), 200, [rejected('unknown', 'forged')]],
  [
    'POST /logout with a forged refresh token',
    () => send('post', '/logout', { body: { refresh_token: 'x' } }),
    401,
    [rejected('refresh', 'forged')],
  ],
  [
    'POST /introspect of a forged token',
    () => send('post', '/introspect', { bearer: service.key, body: { token: 'x' } }),
    200,
    [rejected('unknown', 'forged')],
  ],
  [
    'POST /introspect of an expired token',
    () => {
      auth.clock.advance(DAY_SECONDS);
      return send('post', '/introspect', { bearer: service.key, body: { token: adas.accessToken } });
    },
    200,
    [],
  ],
  ['a forged service key', () => get('/revocations', `lingomate_sk_${'A'.repeat(43)}`), 401, [rejected('service_key', 'forged')]],
];

const authentication: Row[] = [
  [
    'a wrong password',
    () => logIn(ada.username, 'wrong'),
    401,
    [{ type: 'log_in.failed', about: 'ada', details: { reason: 'invalid_credentials' } }],
  ],
  [
    'the name of no account',
    () => logIn('nobody-at-all', 'wrong'),
    401,
    [{ type: 'log_in.failed', details: { reason: 'invalid_credentials' } }],
  ],
  [
    'the right password of a disabled account',
    async () => {
      await adminPatch({ disabled: true });
      return logIn(ada.username, ada.password);
    },
    403,
    [
      { type: 'session.ended', about: 'ada', details: { reason: 'account_disabled', sessions: 1 } },
      { type: 'account.disabled', about: 'ada' },
      { type: 'log_in.failed', about: 'ada', details: { reason: 'account_disabled' } },
    ],
  ],
  [
    'a wrong current password',
    () =>
      send('put', '/users/me/password', {
        bearer: adas.accessToken,
        body: { current_password: 'wrong', new_password: 'another password of mine' },
      }),
    403,
    [{ type: 'reauthentication.failed', about: 'ada' }],
  ],
  [
    'a wrong recovery code',
    () =>
      send('post', '/password/reset', {
        body: { username: ada.username, recovery_code: 'wrong', new_password: 'another password of mine' },
      }),
    400,
    [{ type: 'password.reset_failed', about: 'ada', details: { by: 'recovery_code' } }],
  ],
  [
    'a forged reset token',
    () => send('post', '/password/reset', { body: { token: 'wrong', new_password: 'another password of mine' } }),
    400,
    [{ type: 'password.reset_failed', details: { by: 'token' } }],
  ],
];

const changes: Row[] = [
  [
    'an e-mail address in another case',
    () =>
      send('patch', '/users/me', { bearer: adas.accessToken, body: { email: `ADA-${index}@example.com`, current_password: ada.password } }),
    200,
    [{ type: 'account.email_changed', about: 'ada', details: { change: 'spelling' } }],
  ],
  ['an account that an administrator unlocks', () => adminPatch({ disabled: false }), 200, [{ type: 'account.unlocked', about: 'ada' }]],
  ['an export of users', () => get('/admin/users/export', admin), 200, [{ type: 'users.exported', details: { password_hashes: false } }]],
  ['a profile that stays as it is', () => send('patch', '/users/me', { bearer: adas.accessToken, body: {} }), 200, []],
];

describe.each([
  ['access without ownership or scope', ownership],
  ['a rejected token', tokens],
  ['an authentication that fails', authentication],
  ['a change', changes],
])('the audit of %s', (_what, rows) => {
  it.each(rows)('has the events of %s and no others', async (_action, act, status, events) => {
    expect(await act()).toBe(status);
    await auth.services.audit.recordSummaries();
    const userIds = { ada: ada.id, bob: bob.id };
    expect((await latest()).map(({ type, userId, details }) => ({ type, userId, details }))).toEqual(
      events.map(({ type, about, details = {} }) => ({ type, userId: about === undefined ? null : userIds[about], details })),
    );
  });
});

describe('the audit of a revoked service key', () => {
  it('names the key', async () => {
    await auth.services.serviceKeys.revoke(service.id);
    expect(await get('/revocations', service.key)).toBe(401);
    const [, event, ...more] = await latest();
    expect(more).toEqual([]);
    expect(event).toMatchObject({ type: 'token.rejected', details: { token: 'service_key', reason: 'revoked', service_key: service.id } });
  });
});

describe('a foreign token at POST /revoke', () => {
  it('leaves the session of its owner alive', async () => {
    await send('post', '/revoke', { bearer: adas.accessToken, body: { token: bobs.refreshToken } });
    expect(await get('/users/me', bobs.accessToken)).toBe(200);
  });
});

describe('GET /users/me/activity', () => {
  it('shows repeated refusals as the first one and a count with its times', async () => {
    const denied = () => get('/admin/users', adas.accessToken);
    for (let time = 0; time < 4; time += 1) {
      await denied();
      auth.clock.advance(1);
    }
    const start = auth.clock.now();
    auth.clock.advance(60);
    await auth.services.audit.recordSummaries();
    const response = await auth.http().get('/users/me/activity?limit=2').set('Authorization', `Bearer ${adas.accessToken}`);
    const at = (seconds: number): string => new Date(start - seconds * 1000).toISOString();
    const common = { type: 'access.denied', by: 'you' };
    expect(response.body).toMatchObject({
      data: [
        { ...common, details: { scope: 'admin', count: 3, first_at: at(3), last_at: at(1) } },
        { ...common, details: { scope: 'admin' }, created_at: at(4) },
      ],
    });
    expect(text(response.body, 'data', '0', 'details', 'first_at')).toBe(at(3));
    expect(await auth.services.audit.verify()).toMatchObject({ intact: true });
  });
});
