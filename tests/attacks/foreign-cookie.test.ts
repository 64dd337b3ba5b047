import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
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

/** The cookies that a response sets, name and value. */
const cookiesOf = (response: Response): string[] => {
  const cookies: unknown = response.headers['set-cookie'];
  return Array.isArray(cookies) ? cookies.map((cookie) => String(cookie).split(';')[0] ?? '') : [];
};

test('two instances on one host keep both log-ins in one browser where each has a COOKIE_NAME of its own', async () => {
  const settings = [{}, { COOKIE_NAME: '__Host-shop' }];
  const instances = await Promise.all(settings.map((one) => createTestApp({ CORS_ORIGINS: APP, ...one })));
  const jar = new Map<string, string>();
  const visit = async (instance: TestApp, path: string, body: object): Promise<number> => {
    const Cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await instance.http().post(path).set({ Origin: APP, Cookie }).send(body);
    for (const cookie of cookiesOf(response)) jar.set(cookie.slice(0, cookie.indexOf('=')), cookie.slice(cookie.indexOf('=') + 1));
    return response.status;
  };
  for (const instance of instances) {
    const { username, password } = await instance.createUser();
    expect(await visit(instance, '/token', { username, password, refresh_transport: 'cookie' })).toBe(200);
  }
  expect([...jar.keys()].sort()).toEqual(['__Host-device', '__Host-refresh_token', '__Host-shop', '__Host-shop-device']);
  for (const instance of instances) expect(await visit(instance, '/token', { grant_type: 'refresh_token' })).toBe(200);
  const [first, second] = instances;
  if (first === undefined || second === undefined) throw new TypeError('there are two');
  expect(await visit(first, '/logout', {})).toBe(204);
  expect([jar.get('__Host-refresh_token'), await visit(second, '/token', { grant_type: 'refresh_token' })]).toEqual(['', 200]);
  for (const instance of instances) await instance.close();
});
