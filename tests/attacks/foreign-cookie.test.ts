import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const APP = 'https://app.example.com';
const NAME = '__Host-refresh_token';

let auth: TestApp;
let user: TestUser;
/** Refresh cookies of the same name that something else on this host has set. */
let foreign: string[];
beforeAll(async () => {
  auth = await createTestApp({ CORS_ORIGINS: APP, RATE_LIMIT: 'on', LIMIT_FAILURES_PER_ADDRESS: 5 });
  const another = await createTestApp();
  const { refreshToken } = await another.session(await another.createUser());
  await another.close();
  foreign = [refreshToken, 'a-cookie-of-an-app'];
  user = await auth.createUser();
});
afterAll(() => auth.close());

const post = (path: string, cookie: string, body: object) =>
  auth
    .http()
    .post(path)
    .set({ Origin: APP, Cookie: `${NAME}=${cookie}` })
    .send(body);
const eventTypes = async (): Promise<string[]> => (await auth.services.audit.list({}, { limit: 100 })).items.map(({ type }) => type);

describe('a refresh cookie that another service on this host has set', () => {
  test('is no failed attempt at a refresh, however often it comes, and leaves no trace in the audit', async () => {
    const before = await eventTypes();
    for (const cookie of foreign)
      for (let times = 0; times < 6; times += 1) expect((await post('/token', cookie, { grant_type: 'refresh_token' })).status).toBe(401);
    const { refreshToken } = await auth.session(user);
    expect((await post('/token', refreshToken, { grant_type: 'refresh_token' })).status).toBe(200);
    expect((await eventTypes()).filter((type) => type !== 'log_in.succeeded')).toEqual(
      before.filter((type) => type !== 'log_in.succeeded'),
    );
  });

  test('is not taken for a token to revoke at a log-in, a log-out or a verification', async () => {
    const { username, password } = user;
    for (const cookie of foreign) {
      expect((await post('/token', cookie, { username, password, refresh_transport: 'cookie' })).status).toBe(200);
      expect((await post('/email/verify', cookie, { token: 'x'.repeat(43) })).status).toBe(400);
      expect((await post('/logout', cookie, {})).status).toBe(204);
    }
    expect(await eventTypes()).not.toContain('token.rejected');
  });

  test('does not keep a client from refreshing by a token in the body', async () => {
    for (const cookie of foreign) {
      const { refreshToken } = await auth.session(user);
      expect((await post('/token', cookie, { grant_type: 'refresh_token', refresh_token: refreshToken })).status).toBe(200);
    }
  });
});
