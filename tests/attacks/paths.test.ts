import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, expectRawProblem, get, postJson } from '../support/raw-http.js';
import { createServedApp, type ServedApp } from '../support/served-app.js';

describe('paths', () => {
  let auth: ServedApp;
  let port: number;
  beforeAll(async () => {
    auth = await createServedApp();
    ({ port } = auth);
  });
  afterAll(() => auth.close());

  test.each(['%', '%z', '%zz', 'a%', '%2', '%C0%AE', '%ff', '%ED%A0%80', '%u0041'])(
    'a token with the bad escape %j is 400',
    async (token) => {
      expectRawProblem(await exchange(port, get(`/verify-token/${token}`)), 400, 'malformed_request');
    },
  );

  test.each([
    '%00',
    'a%00',
    '%2F',
    'a%2Fb',
    '..%2f',
    '..%2f..%2fusers%2fme',
    '%252F',
    '%25',
    '%0a',
    '%0d%0aX:%20x',
    '%20',
    '.',
    '..',
    '*',
    '~',
    ';',
    'a;b',
    '%E2%80%AE',
    '%f0%9f%99%82',
  ])('a token %j is no token: 401', async (token) => {
    expectRawProblem(await exchange(port, get(`/verify-token/${token}`)), 401, 'invalid_token');
  });

  test.each([
    '//users/me',
    '///users/me',
    '/users//me',
    '/users/me/',
    '/users/me//',
    '/USERS/me',
    '/Users/Me',
    '/users/me/.',
    '/users/./me',
    '/users/x/../me',
    '/users/me%2f',
    '/users/me%00',
    '/users/me%20',
    '/users/me;x=1',
    '/users/me.json',
    '/users%2fme',
    '/users/%6de',
    '/users\\me',
    '/verify-token/x/y',
    '/verify-token/x/',
    '/verify-token//',
    '//verify-token/x',
    '/Verify-Token/x',
    '/docs//',
    '/docs/docs/',
    '/health/',
    '/errors/',
    '/docs/../package.json',
    '/docs/..%2fpackage.json',
    '/docs/%2e%2e/package.json',
    '/docs/%2e%2e%2fpackage.json',
    '/docs/..%5cpackage.json',
    '/docs/swagger-ui.css/',
    '/docs/swagger-ui.css%00.png',
    '/docs//etc/passwd',
    '/package.json',
    '/.env',
    '/.git/config',
    '/lingomateai.db',
    '/lingomateai.db.keys.json',
    '/src/server.ts',
    '/node_modules/express/package.json',
    '/metrics',
    '/dev',
    '/__proto__',
    '/constructor',
    '/*',
    '/:token',
  ])('%s is nothing: 404', async (path) => {
    expectRawProblem(await exchange(port, get(path)), 404, 'not_found');
  });

  test.each([
    '//token',
    '/token/',
    '/TOKEN',
    '/Token',
    '/%74oken',
    '/./token',
    '/token;x',
    '/token%20',
    '/token%00',
    '/x/../token',
    '//register',
    '/register/',
    '/docs/',
    '/REGISTER',
    '/%72egister',
  ])('POST %s is no second way in: 404', async (path) => {
    expectRawProblem(await exchange(port, postJson(path, '{"username":"nobody","password":"a good password"}')), 404, 'not_found');
  });

  test('the query of an unknown path is not repeated', async () => {
    const answer = await exchange(port, get('/nothing?x=<script>alert(1)</script>&y=repeat-me'));
    expectRawProblem(answer, 404, 'not_found');
    expect(answer.wire).not.toMatch(/script>|repeat-me/);
  });

  test.each(['/nothing/%3Cscript%3E', '/nothing/<script>', '/nothing/%0d%0aSet-Cookie:%20x=1'])('%s is not repeated', async (path) => {
    const answer = await exchange(port, get(path));
    expectRawProblem(answer, 404, 'not_found');
    expect(answer.wire).not.toMatch(/script|set-cookie/i);
  });

  test('a Host that is somebody else\u2019s changes no link and no token', async () => {
    for (const headers of [
      ['X-Forwarded-Host: evil.test'],
      ['X-Forwarded-Proto: gopher'],
      ['X-Forwarded-Prefix: /evil'],
      ['X-Original-URL: /users/me'],
    ]) {
      const answer = await exchange(port, get('/', ...headers));
      expect(answer.status).toBe(200);
      expect(answer.wire).not.toMatch(/evil|gopher/);
    }
  });

  test('one request leaves one line in the log, whatever its address holds', async () => {
    const before = auth.log.length;
    await exchange(port, get('/nothing%0a%7B%22level%22%3A%22fake%22%7D'));
    const added = auth.log.slice(before);
    expect(added.length).toBe(1);
    for (const line of added) expect(line.trimEnd()).not.toContain('\n');
  });
});
