import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { deriveKey } from '../../src/lib/derived-key.js';
import { createTokenIds } from '../../src/services/token-id.js';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem } from '../support/answers.js';
import { documentedEndpoints, type Endpoint } from '../support/endpoints.js';
import { alone } from '../support/root-keys.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { type Specimen, specimenOf, withClaims } from '../support/tokens.js';

// A resource server that shares SECRET_KEY can sign any claims. What it can't compute is the token's `jti`.
const SECRET_KEY = randomBytes(64).toString('base64url');
const STEP_UP = 'urn:lingomate:grant:step-up';
const HOUR = 3600;

let auth: TestApp;
let admin: TestUser;
let session: TestSession;
/** The administrator's genuine token, from before it was too old for writes. */
let genuine: Specimen;
/** Of another session of the administrator, and of an ordinary user. */
let other: Specimen;
let users: Specimen;
let guarded: Endpoint[];
beforeAll(async () => {
  auth = await createTestApp({ SECRET_KEY });
  admin = await auth.createUser({ roles: ['user', 'admin'] });
  const user = await auth.createUser();
  session = await auth.session(admin);
  genuine = specimenOf(session.accessToken, SECRET_KEY);
  auth.clock.advance(2);
  other = specimenOf(await auth.token(admin), SECRET_KEY);
  users = specimenOf(await auth.token(user), SECRET_KEY);
  auth.clock.advance(10 * 60);
  guarded = (await documentedEndpoints(auth)).filter(({ path }) => path.startsWith('/admin/') || path.startsWith('/users/me'));
});
afterAll(() => auth.close());

const now = (): number => Math.floor(auth.clock.now() / 1000);
const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const METHODS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;
const isMethod = (name: string): name is keyof typeof METHODS => Object.hasOwn(METHODS, name);

const ask = ({ method, path }: Endpoint, token: string) => {
  if (!isMethod(method)) throw new TypeError(`no test sends ${method}`);
  const http = auth.http();
  return http[METHODS[method]](path.replaceAll(/\{\w+\}/g, '1')).set(bearing(token));
};
const stepUp = (token: string, password: string) => auth.http().post('/token').set(bearing(token)).send({ grant_type: STEP_UP, password });
const logOut = (token: string, scope: string) => auth.http().post(`/logout?scope=${scope}`).set(bearing(token));

const expectStepUpRefused = (response: Response): void => {
  expectProblem(response, 401, 'invalid_token', { detail: 'Token is invalid or expired', oauth: 'invalid_token' });
};

/** That a token opens nothing that matters, and that the administrator's sessions live on. */
async function expectWorthless(token: string): Promise<void> {
  for (const endpoint of guarded) expectInvalidToken(await ask(endpoint, token));
  expectStepUpRefused(await stepUp(token, admin.password));
  for (const scope of ['others', 'all']) expectInvalidToken(await logOut(token, scope));
  for (const live of [genuine.token, other.token]) expect((await auth.http().get('/admin/users').set(bearing(live))).status).toBe(200);
}

test('the routes under attack are those of the administration and of the signed-in user', () => {
  expect(guarded.filter(({ path }) => path.startsWith('/admin/')).length).toBeGreaterThanOrEqual(10);
  expect(guarded.filter(({ path }) => path.startsWith('/users/me')).length).toBeGreaterThanOrEqual(9);
});

test('the genuine token signed once more is accepted, so that one thing alone is wrong with the others', async () => {
  const again = withClaims(genuine, {});
  expect((await auth.http().get('/admin/users').set(bearing(again))).status).toBe(200);
  expect((await auth.http().get('/users/me').set(bearing(again))).status).toBe(200);
});

test('a forged token passes /verify-token, which tells validity and gives no rights', async () => {
  expect(
    (
      await auth
        .http()
        .get('/verify-token')
        .set(bearing(withClaims(genuine, { auth_time: now() })))
    ).status,
  ).toBe(200);
});

describe('a token of the administrator’s live session whose jti is copied from a genuine token', () => {
  test.each<[string, () => Readonly<Record<string, unknown>>]>([
    ['sub', () => ({ sub: users.claims['sub'] })],
    ['sid', () => ({ sid: other.claims['sid'] })],
    ['refresh_counter', () => ({ refresh_counter: 2 })],
    ['scope', () => ({ scope: 'user admin introspect' })],
    ['iat', () => ({ iat: now() })],
    ['exp', () => ({ exp: now() + 2 * HOUR })],
    ['iat and exp', () => ({ iat: now(), exp: now() + HOUR / 2 })],
    ['auth_time', () => ({ auth_time: now() })],
    ['amr', () => ({ amr: ['pwd', 'otp', 'mfa'] })],
    ['acr', () => ({ acr: 'aal2' })],
    ['acr and amr', () => ({ acr: 'phr', amr: ['hwk', 'user'] })],
  ])('is refused with another %s', async (_claim, change) => {
    await expectWorthless(withClaims(genuine, change()));
  });
});

describe('a token with a fresh auth_time and the scope admin', () => {
  const fresh = (): Readonly<Record<string, unknown>> => ({ iat: now(), exp: now() + HOUR / 2, auth_time: now(), scope: 'user admin' });
  const hmac = (key: string | Buffer, text: string): string => createHmac('sha256', key).update(text).digest('base64url');

  test.each<[string, () => string]>([
    ['of another genuine token of the same administrator', () => String(other.claims['jti'])],
    ['of another user’s genuine token', () => String(users.claims['jti'])],
    ['that is a UUID, as before 0.2', () => randomUUID()],
    ['that is empty', () => ''],
    ['of 43 zeros', () => 'A'.repeat(43)],
    ['that is an HMAC under SECRET_KEY', () => hmac(SECRET_KEY, JSON.stringify({ ...genuine.claims, ...fresh() }))],
    ['that is an HMAC under a key derived from SECRET_KEY', () => hmac(deriveKey(SECRET_KEY, 'access token id'), 'x')],
  ])('is refused with a jti %s', async (_what, jti) => {
    await expectWorthless(withClaims(genuine, { ...fresh(), jti: jti() }));
  });

  test('is refused with the jti that SECRET_KEY would give if it were ROOT_KEY', async () => {
    const claims = { iat: now(), exp: now() + HOUR / 2, auth_time: now(), scope: 'user admin', sub: String(admin.id), sid: session.id };
    const jti = createTokenIds(alone(SECRET_KEY)).of({ ...claims, refresh_counter: 1, amr: ['pwd'], acr: 'aal1' });
    await expectWorthless(withClaims(genuine, { ...claims, jti }));
  });

  test('is refused without acr and client_id, as tokens of 0.1 are', async () => {
    const { acr, client_id, ...claims } = genuine.claims;
    expect([acr, client_id]).toEqual(['aal1', 'lingomate']);
    await expectWorthless(withClaims({ ...genuine, claims }, { ...fresh(), jti: randomUUID() }));
  });

  test('is refused for the session of an ordinary user, who has no such scope', async () => {
    await expectWorthless(withClaims(users, fresh()));
    await expectWorthless(withClaims(users, { scope: 'user admin' }));
  });
});

describe('GET /admin/users with a genuine token, where no revocation has told of a change', () => {
  let stored: StoredApp;
  beforeAll(async () => {
    stored = await createStoredApp();
    await stored.createUser({ roles: ['user', 'admin'] });
  });
  afterAll(() => stored.close());

  test.each<[string, (id: number, sessionId: string) => Promise<unknown>]>([
    ['whose user is no longer an administrator', (id) => stored.users.update({ roles: ['user'] }, { where: { id } })],
    ['whose user is disabled', (id) => stored.users.update({ disabled_at: new Date(stored.clock.now()) }, { where: { id } })],
    ['whose user is gone', (id) => stored.users.destroy({ where: { id } })],
    ['whose session has ended', (_id, sid) => stored.sessions.update({ ended_at: new Date(stored.clock.now()) }, { where: { id: sid } })],
    [
      'whose session has expired',
      (_id, sid) => stored.sessions.update({ expires_at: new Date(stored.clock.now()) }, { where: { id: sid } }),
    ],
    ['whose session is gone', (_id, sid) => stored.sessions.destroy({ where: { id: sid } })],
    ['whose session is another user’s', (id, sid) => stored.sessions.update({ user_id: id - 1 }, { where: { id: sid } })],
  ])('returns 401 invalid_token for one %s', async (_what, change) => {
    const user = await stored.createUser({ roles: ['user', 'admin'] });
    const { id, accessToken } = await stored.session(user);
    const list = () => stored.http().get('/admin/users').set(bearing(accessToken));
    expect((await list()).status).toBe(200);
    await change(user.id, id);
    expectInvalidToken(await list());
  });
});
