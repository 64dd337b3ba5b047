import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Response } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { deviceCookieOf, logInsAt, times } from '../support/throttling.js';

const APP = 'https://app.example.com';
const OWN = 'https://auth.example.com';
const STRANGER = '198.51.100.7';
const PASSWORD = 'a password of my own';

/** The headers of requests that a page of another site makes its visitor's browser send. */
const FOREIGN: [string, Record<string, string>][] = [
  ['of another site', { Origin: 'https://evil.example' }],
  ['of another site, with Fetch Metadata', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }],
  ['with an opaque origin', { Origin: 'null' }],
  ['of a sibling host', { Origin: 'https://blog.example.com', 'Sec-Fetch-Site': 'same-site' }],
  ['of another site without Origin', { 'Sec-Fetch-Site': 'cross-site' }],
  ['of a sibling host without Origin', { 'Sec-Fetch-Site': 'same-site' }],
];
const ALLOWED: [string, Record<string, string>][] = [
  ['the server’s own Origin', { Origin: OWN, 'Sec-Fetch-Site': 'same-origin' }],
  ['an Origin on CORS_ORIGINS', { Origin: APP, 'Sec-Fetch-Site': 'cross-site' }],
  ['no page', {}],
  ['a user who types the URL', { 'Sec-Fetch-Site': 'none' }],
];

let auth: TestApp;
let user: TestUser;
beforeEach(async () => {
  auth = await createTestApp({ RATE_LIMIT: 'on', TRUST_PROXY: 1, CORS_ORIGINS: APP, ISSUER: OWN });
  user = await auth.createUser();
});
afterEach(() => auth.close());

const form = (path: string, headers: Record<string, string>, body: object): Promise<Response> =>
  auth
    .http()
    .post(path)
    .set(headers)
    .type('form')
    .send(body)
    .then((response) => response);
const register = (username: string, headers: Record<string, string> = {}): Promise<Response> =>
  auth
    .http()
    .post('/register')
    .set(headers)
    .send({ username, password: PASSWORD })
    .then((response) => response);
const right = () => ({ username: user.username, password: user.password });

describe('a log-in by a form of a page', () => {
  it.each(FOREIGN)('%s sets no cookie, so that the visitor keeps the device cookie of their own account', async (_what, headers) => {
    const response = await form('/token', headers, right());
    expect([response.status, response.headers['set-cookie']]).toEqual([200, undefined]);
    const kept = deviceCookieOf(await auth.http().post('/token').send(right()));
    const renewed = await form('/token', { ...headers, Cookie: kept }, right());
    expect([renewed.status, renewed.headers['set-cookie']]).toEqual([200, undefined]);
  });

  it.each(ALLOWED)('from %s sets the device cookie', async (_what, headers) => {
    expect(deviceCookieOf(await form('/token', headers, right()))).toMatch(/^__Host-device=/);
  });
});

describe('a log-out that a foreign page asks for', () => {
  it.each(FOREIGN)('%s clears no refresh cookie', async (_what, headers) => {
    const token = await auth.token(user);
    const response = await auth
      .http()
      .post('/logout')
      .set({ ...headers, Cookie: '__Host-refresh_token=x' })
      .auth(token, { type: 'bearer' });
    expect(response.headers['set-cookie']).toBeUndefined();
  });
});

describe('a registration', () => {
  it.each(FOREIGN)('of a page %s sets no device cookie', async (_what, headers) => {
    const response = await register('fresh', headers);
    expect([response.status, response.headers['set-cookie']]).toEqual([201, undefined]);
  });

  it.each(ALLOWED)('from %s sets a device cookie', async (_what, headers) => {
    const response = await register('fresh', headers);
    expect([response.status, deviceCookieOf(response)]).toEqual([201, expect.stringMatching(/^__Host-device=/)]);
  });

  it('sets no cookie where it is refused', async () => {
    const taken = await register(user.username);
    expect([taken.status, taken.headers['set-cookie']]).toEqual([409, undefined]);
  });

  it('lets its device log in for the first time while strangers have used up the failures of the account', async () => {
    const cookie = deviceCookieOf(await register('fresh'));
    const { logIn, inARow } = logInsAt(auth);
    expect(await inARow(11, { username: 'fresh', from: STRANGER })).toEqual([...times(10, 401), 429]);
    expect((await logIn({ username: 'fresh', password: PASSWORD })).status).toBe(429);
    expect((await logIn({ username: 'fresh', password: PASSWORD, cookie })).status).toBe(200);
  });
});
