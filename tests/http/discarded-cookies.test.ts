import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { expectProblem } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const LAN = 'http://app.lan';
const APP = 'https://app.example.com';
const LOCAL = 'http://localhost:3000';

let auth: TestApp;
let user: TestUser;
beforeAll(async () => {
  auth = await createTestApp({ CORS_ORIGINS: [LAN, APP, LOCAL].join(','), TRUST_PROXY: '1' });
  user = await auth.createUser();
});
afterAll(() => auth.close());

const logIn = (headers: Record<string, string>, refresh_transport = 'cookie') =>
  auth.http().post('/token').set(headers).send({ username: user.username, password: user.password, refresh_transport });

describe('POST /token by cookie', () => {
  test.each([
    ['a page of another site', { Origin: APP, 'Sec-Fetch-Site': 'cross-site' }, /different sites/],
    ['a page on localhost of the server on 127.0.0.1', { Origin: LOCAL, 'Sec-Fetch-Site': 'cross-site' }, /127\.0\.0\.1/],
    ['a page on plain http', { Origin: LAN, Host: 'app.lan:8000' }, /over https/],
    ['a page on localhost with the server elsewhere on plain http', { Origin: LOCAL, Host: '192.0.2.1:8000' }, /over https/],
  ])('is 400 for %s, whose browser would discard the cookie', async (_what, headers, reason) => {
    const response = await logIn(headers);
    expectProblem(response, 400, 'malformed_request', { oauth: 'invalid_request' });
    expect(response.text).toMatch(reason);
    expect(response.headers['set-cookie']).toBeUndefined();
    expect((await logIn(headers, 'body')).status).toBe(200);
  });

  test.each([
    ['a page of the same site', { Origin: APP, 'Sec-Fetch-Site': 'same-site' }],
    ['a page of the same origin behind a proxy that ends TLS', { Origin: APP, Host: 'app.example.com' }],
    [
      'a page on plain http whose server is reached over https',
      { Origin: LAN, 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https' },
    ],
    ['a page on localhost', { Origin: LOCAL, Host: 'localhost:8000' }],
    ['a page on localhost in a browser that sends no Sec-Fetch-Site', { Origin: LOCAL }],
    ['a development server that passes requests on', { Origin: LOCAL, Host: 'api:8000', 'Sec-Fetch-Site': 'same-origin' }],
    ['a client that is no browser', {}],
  ])('is 200 for %s', async (_what, headers) => {
    const response = await logIn(headers);
    expect(response.status).toBe(200);
    expect(String(response.headers['set-cookie'])).toContain('__Host-refresh_token=');
  });
});
