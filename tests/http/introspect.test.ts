import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { membersOf } from '../support/tokens.js';
import { OPERATOR } from '../../src/lib/actor.js';

const ISSUER = 'https://auth.example.com';
/** Roles whose scopes are not quite the one that is asked for. */
const ROLES = { introspect: ['introspect'], longer: ['introspection'], larger: ['Introspect'], finer: ['introspect:read'] };
const LIFE_SECONDS = 1800;
const DAY = 24 * 3600;

let auth: TestApp;
let serviceKey: string;
let user: TestUser;
let session: TestSession;
beforeAll(async () => {
  auth = await createTestApp({ ISSUER, AUDIENCE: 'api', ROLES: JSON.stringify(ROLES) });
  serviceKey = await newKey();
});
beforeEach(async () => {
  user = await auth.createUser();
  session = await auth.session(user);
});
afterAll(() => auth.close());

const newKey = async (): Promise<string> =>
  (await auth.services.serviceKeys.create({ name: 'a resource server', scopes: ['introspect'] })).key;
const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const introspect = (token: string, by = serviceKey) => auth.http().post('/introspect').set(bearing(by)).send({ token });
const introspectForm = (token: string, by = serviceKey) =>
  auth.http().post('/introspect').set(bearing(by)).type('form').send(new URLSearchParams({ token }).toString());
const seconds = (): number => Math.floor(auth.clock.now() / 1000);
const refreshed = async (refresh_token: string): Promise<{ accessToken: string; refreshToken: string }> => {
  const body: unknown = (await auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token })).body;
  return { accessToken: text(body, 'access_token'), refreshToken: text(body, 'refresh_token') };
};

/** Who may ask, and how each of these addresses is asked. */
const ADDRESSES: [string, (by: string | undefined) => ReturnType<ReturnType<TestApp['http']>['get']>][] = [
  [
    'POST /introspect',
    (by) =>
      auth
        .http()
        .post('/introspect')
        .set(by === undefined ? {} : bearing(by))
        .send({ token: session.accessToken }),
  ],
  [
    'GET /revocations',
    (by) =>
      auth
        .http()
        .get('/revocations')
        .set(by === undefined ? {} : bearing(by)),
  ],
];

describe.each(ADDRESSES)('who may call %s', (path, ask) => {
  const oauth = (code: string) => (path.includes('introspect') ? { oauth: code } : {});

  test('nobody may not: 401 without an error code', async () => {
    const response = await ask(undefined);
    expectProblem(response, 401, 'authentication_required', oauth('authentication_required'));
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });

  test('a user may not: 403, and the challenge names the scope', async () => {
    const response = await ask(session.accessToken);
    expectProblem(response, 403, 'insufficient_scope', oauth('insufficient_scope'));
    expect(response.headers['www-authenticate']).toBe('Bearer error="insufficient_scope", scope="introspect"');
  });

  test.each([['admin'], ['longer'], ['larger'], ['finer'], []])('a user with the roles [%s] may not', async (...roles) => {
    await auth.services.admin.change(user.id, { roles }, OPERATOR);
    expectProblem(await ask(await auth.token(user)), 403, 'insufficient_scope', oauth('insufficient_scope'));
  });

  test('a user with the role introspect may, until it is taken from them', async () => {
    await auth.services.admin.change(user.id, { roles: ['user', 'introspect'] }, OPERATOR);
    const token = await auth.token(user);
    expect((await ask(token)).status).toBe(200);
    await auth.services.admin.change(user.id, { roles: ['user'] }, OPERATOR);
    expectProblem(await ask(token), 401, 'invalid_token', { detail: 'Token is invalid or expired', ...oauth('invalid_token') });
  });

  test('a service key may, until it is revoked', async () => {
    const { id, key } = await auth.services.serviceKeys.create({ name: 'another', scopes: ['introspect'] });
    expect((await ask(key)).status).toBe(200);
    await auth.services.serviceKeys.revoke(id);
    expectProblem(await ask(key), 401, 'invalid_token', { detail: 'Token is invalid or expired', ...oauth('invalid_token') });
    expect((await ask(serviceKey)).status).toBe(200);
  });
});

test('a service key is given scopes of services alone, and at least one', async () => {
  for (const scopes of [['admin'], ['user'], ['introspect', 'admin'], ['*'], []])
    await expect(auth.services.serviceKeys.create({ name: 'greedy', scopes })).rejects.toMatchObject({ code: 'validation_failed' });
});

describe('POST /introspect', () => {
  test('tells of an access token these facts and no other', async () => {
    auth.clock.advance(60);
    for (const response of [await introspect(session.accessToken), await introspectForm(session.accessToken)]) {
      expect(response.status).toBe(200);
      expect(response.type).toBe('application/json');
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.body).toEqual({
        active: true,
        sub: String(user.id),
        username: user.username,
        scope: 'user',
        iat: seconds() - 60,
        exp: seconds() - 60 + LIFE_SECONDS,
        iss: ISSUER,
        aud: 'api',
        sid: session.id,
        token_type: 'bearer',
        auth_time: seconds() - 60,
        amr: ['pwd'],
        acr: 'aal1',
        client_id: 'lingomate',
      });
    }
  });

  test('tells of a refresh token these facts and no other', async () => {
    const loggedInAt = seconds();
    auth.clock.advance(60);
    const { refreshToken } = await refreshed(session.refreshToken);
    for (const response of [await introspect(refreshToken), await introspectForm(refreshToken)]) {
      expect(response.status).toBe(200);
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.body).toEqual({
        active: true,
        sub: String(user.id),
        username: user.username,
        scope: 'user',
        iat: seconds(),
        exp: seconds() + 30 * DAY,
        iss: ISSUER,
        aud: 'api',
        sid: session.id,
        token_type: 'refresh_token',
        auth_time: loggedInAt,
        amr: ['pwd'],
        acr: 'aal1',
        client_id: 'lingomate',
      });
    }
  });

  test('says the same as the token itself', async () => {
    await auth.services.admin.change(user.id, { roles: ['user', 'admin'] }, OPERATOR);
    const token = await auth.token(user);
    const { jti, refresh_counter, ...facts } = membersOf(token.split('.')[1] ?? '');
    expect([typeof jti, refresh_counter, facts['scope']]).toEqual(['string', 1, 'user admin']);
    expect((await introspect(token)).body).toEqual({ active: true, ...facts, token_type: 'bearer' });
  });

  test('takes a hint, a wrong one and an unknown one, and ignores what it does not know', async () => {
    for (const token of [session.accessToken, session.refreshToken]) {
      for (const token_type_hint of ['access_token', 'refresh_token', 'saml2', '']) {
        const body = { token, token_type_hint, resource: 'x' };
        expect(member((await auth.http().post('/introspect').set(bearing(serviceKey)).send(body)).body, 'active')).toBe(true);
      }
    }
  });

  const INACTIVE: [string, () => Promise<string> | string][] = [
    ['nothing', () => ''],
    ['a word', () => 'nonsense'],
    ['NUL', () => '\0'],
    ['90,000 characters', () => 'x'.repeat(90_000)],
    ['a service key', () => serviceKey],
    ['an access token with a space', () => `${session.accessToken} `],
    ['an access token without its signature', () => session.accessToken.replace(/[^.]*$/, '')],
    ['a refresh token without its HMAC', () => session.refreshToken.replace(/[^.]*$/, '')],
    ['the id of a session', () => session.id],
    [
      'an access token of another service',
      async () => {
        const other = await createTestApp({ ROLES: JSON.stringify(ROLES) });
        const token = await other.token(await other.createUser());
        await other.close();
        return token;
      },
    ],
    [
      'an access token that has expired',
      () => {
        auth.clock.advance(LIFE_SECONDS);
        return session.accessToken;
      },
    ],
    [
      'a refresh token that has expired',
      () => {
        auth.clock.advance(30 * DAY);
        return session.refreshToken;
      },
    ],
    [
      'a refresh token that is past its grace',
      async () => {
        await refreshed((await refreshed(session.refreshToken)).refreshToken);
        auth.clock.advance(31);
        return session.refreshToken;
      },
    ],
    [
      'the access token of a session that has ended',
      async () => {
        await auth.http().post('/logout').set(bearing(session.accessToken)).expect(204);
        return session.accessToken;
      },
    ],
    [
      'the refresh token of a session that has ended',
      async () => {
        await auth.http().post('/revoke').send({ token: session.accessToken }).expect(200);
        return session.refreshToken;
      },
    ],
    [
      'an access token of before a change of roles',
      async () => {
        await auth.services.admin.change(user.id, { roles: ['admin'] }, OPERATOR);
        return session.accessToken;
      },
    ],
    [
      'the access token of a disabled user',
      async () => {
        await auth.services.admin.change(user.id, { disabled: true }, OPERATOR);
        return session.accessToken;
      },
    ],
    [
      'the refresh token of a deleted user',
      async () => {
        await auth.http().delete('/users/me').set(bearing(session.accessToken)).send({ current_password: user.password }).expect(204);
        return session.refreshToken;
      },
    ],
  ];
  test.each(INACTIVE)('says of %s that it is not active, and nothing else', async (_what, make) => {
    const token = await make();
    for (const response of [await introspect(token), await introspectForm(token)]) {
      expect([response.status, response.text]).toEqual([200, '{"active":false}']);
      expect(response.headers['cache-control']).toBe('no-store');
    }
  });

  test('ends nothing, whatever it is asked', async () => {
    const newest = await refreshed((await refreshed(session.refreshToken)).refreshToken);
    auth.clock.advance(31);
    expect((await introspect(session.refreshToken)).body).toEqual({ active: false });
    expect(member((await introspect(newest.refreshToken)).body, 'active')).toBe(true);
    await refreshed(newest.refreshToken);
  });

  test('a body without a token, or with one of another type, breaks a rule', async () => {
    const post = (body: object) => auth.http().post('/introspect').set(bearing(serviceKey)).send(body);
    expectProblem(await post({}), 422, 'validation_failed', { oauth: 'invalid_request', errors: [['token', 'required']] });
    for (const token of [null, 5, [session.accessToken], {}])
      expectProblem(await post({ token }), 422, 'validation_failed', { oauth: 'invalid_request', errors: [['token', 'type']] });
    const twice = await auth.http().post('/introspect').set(bearing(serviceKey)).type('form').send('token=a&token=b');
    expectProblem(twice, 400, 'malformed_request', { oauth: 'invalid_request' });
    const typed = await auth.http().post('/introspect').set(bearing(serviceKey)).type('text/plain').send('token=a');
    expectProblem(typed, 415, 'unsupported_media_type', { oauth: 'invalid_request' });
  });

  test('is not asked with GET', async () => {
    expectProblem(await auth.http().get('/introspect').set(bearing(serviceKey)), 405, 'method_not_allowed', { oauth: 'invalid_request' });
    expectInvalidToken(await auth.http().get('/revocations').set(bearing(session.refreshToken)));
  });
});
