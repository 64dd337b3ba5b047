import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Server } from 'node:http';
import { createHttpServer } from '../../src/http-server.js';
import { createHasher } from '../../src/adapters/hasher.js';
import { documentedEndpoints, type Endpoint } from '../support/endpoints.js';
import { exchange, get, listen, postJson, type RawAnswer, request, statusesOf, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PAGE_OF_OURS = 'http://localhost:3000';
const STRANGER = 'https://evil.test';
const preflight = (path: string, origin: string): string =>
  request('OPTIONS', path, {
    headers: [`Origin: ${origin}`, 'Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: authorization'],
  });

/** The directives of a policy, by their names. */
const directivesOf = (policy = ''): Record<string, string> =>
  Object.fromEntries(
    policy.split(';').map((directive): [string, string] => {
      const [name = '', ...values] = directive.trim().split(' ');
      return [name, values.join(' ')];
    }),
  );

/** What ASVS 3.4, 3.2.1, 3.5.8 and 4.1.1 ask of every answer, whoever gives it. */
function expectSecure({ headers, body, status }: RawAnswer): void {
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'strict-transport-security': 'max-age=31536000',
    vary: expect.stringMatching(/\bOrigin\b/),
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  const policy = directivesOf(headers['content-security-policy']);
  expect(policy).toMatchObject({
    'default-src': "'none'",
    'object-src': "'none'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  });
  const type = headers['content-type'];
  if (type?.startsWith('text/html')) expect(policy['script-src'] ?? "'self'").toBe("'self'");
  else expect(policy).toHaveProperty('sandbox');
  if (body !== '')
    expect(type).toMatch(
      /^(application\/(problem\+)?json|text\/(html|css|javascript)); charset=utf-8$|^application\/x-ndjson$|^image\/png$/,
    );
  if (status === 204) expect(headers).not.toHaveProperty('content-length');
  for (const name of ['x-powered-by', 'server', 'etag', 'x-aspnet-version', 'via']) expect(headers).not.toHaveProperty(name);
}

const allowed = ({ headers }: RawAnswer): string[] => Object.keys(headers).filter((name) => name.startsWith('access-control-'));

describe('every answer says how a browser may treat it', () => {
  let auth: TestApp;
  let server: Server;
  let port: number;
  let endpoints: Endpoint[];
  let bearer: string;
  beforeAll(async () => {
    auth = await createTestApp();
    const admin = await auth.createUser({ roles: ['admin'] });
    bearer = `Authorization: Bearer ${await auth.token(admin)}`;
    endpoints = await documentedEndpoints(auth);
    server = createHttpServer(auth.app, { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 20 });
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  test('each endpoint with nothing, to nobody', async () => {
    expect(endpoints.length).toBeGreaterThan(30);
    for (const { method, path } of endpoints) {
      const answer = await exchange(port, request(method, path.replace(/\{\w+\}/, '1')));
      expectSecure(answer);
      expect([method, path, answer.status]).not.toEqual([method, path, 500]);
    }
  });

  test('each address, asked which methods it takes and with one that it does not take', async () => {
    for (const path of new Set(endpoints.map((endpoint) => endpoint.path.replace(/\{\w+\}/, '1')))) {
      const [asked, wrong] = [await exchange(port, request('OPTIONS', path)), await exchange(port, request('PROPFIND', path))];
      expect([path, asked.status, wrong.status]).toEqual([path, 204, 405]);
      expectSecure(asked);
      expectSecure(wrong);
    }
  });

  test.each([
    ['a page', get('/docs', 'Accept: text/html'), 200],
    ['a page of errors', get('/errors', 'Accept: text/html'), 200],
    ['a script', get('/docs/docs.js'), 200],
    ['a picture', get('/docs/favicon-32x32.png'), 200],
    ['a way to somewhere else', get('/', 'Accept: text/html'), 302],
    ['only the head', request('HEAD', '/docs'), 200],
    ['a preflight of ours', preflight('/token', PAGE_OF_OURS), 204],
    ['a preflight of a stranger', preflight('/token', STRANGER), 204],
    ['no such path', get('/nothing'), 404],
    ['a path with a bad escape', get('/verify-token/%zz'), 400],
    ['another media type', get('/health/live', 'Accept: image/png'), 406],
    ['a body of another type', request('POST', '/token', { headers: ['Content-Type: text/plain', 'Content-Length: 1'], body: 'x' }), 415],
    [
      'a body that says it is large',
      request('POST', '/token', { headers: ['Content-Type: application/json', 'Content-Length: 200000'] }),
      413,
    ],
    ['a body that breaks rules', postJson('/register', '{}'), 422],
    ['TRACE', request('TRACE', '/'), 405],
    ['two Hosts', get('/health/live', 'Host: evil.test'), 400],
    ['no HTTP', 'nonsense\r\n\r\n', 400],
    ['a header of 17 kB', get('/', `X: ${'x'.repeat(17 * 1024)}`), 431],
    ['101 headers', get('/', ...Array.from({ length: 99 }, (_, at) => `X-${at}: x`)), 431],
    ['a head that never ends', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: ', 408],
    ['a body that never comes', postJson('/token', '{}').replace('Content-Length: 2', 'Content-Length: 9'), 408],
  ])('%s', async (_what, bytes, status) => {
    const answer = await exchange(port, bytes);
    expect(statusesOf(answer)).toEqual([status]);
    expectSecure(answer);
  });

  test('lines that are sent as they come', async () => {
    const answer = await exchange(port, get('/admin/users/export', bearer));
    expect([answer.status, answer.headers['transfer-encoding']]).toEqual([200, 'chunked']);
    expectSecure(answer);
  });

  test('an error of our own', async () => {
    const fail = () => Promise.reject(new Error('the inside of the house'));
    const broken = await createTestApp({}, { hasher: { ...createHasher({ threads: 1, queueLimit: 1 }), matches: fail } });
    const other = createHttpServer(broken.app);
    const answer = await exchange(await listen(other), postJson('/token', '{"username":"ada","password":"x"}'));
    await stop(other);
    await broken.close();
    expect(answer.status).toBe(500);
    expectSecure(answer);
  });

  test('no endpoint lets a page of a stranger read its answer or ask for more', async () => {
    for (const { method, path } of endpoints) {
      const target = path.replace(/\{\w+\}/, '1');
      for (const origin of [STRANGER, 'null', `${PAGE_OF_OURS}.evil.test`]) {
        expect([method, path, allowed(await exchange(port, request(method, target, { headers: [`Origin: ${origin}`] })))]).toEqual([
          method,
          path,
          [],
        ]);
      }
      expect([path, allowed(await exchange(port, preflight(target, STRANGER)))]).toEqual([path, []]);
      const ours = await exchange(port, request(method, target, { headers: [`Origin: ${PAGE_OF_OURS}`] }));
      expect([method, path, ours.headers['access-control-allow-origin']]).toEqual([method, path, PAGE_OF_OURS]);
    }
  });

  test.each([
    ['ours and a stranger’s', [PAGE_OF_OURS, STRANGER]],
    ['a stranger’s and ours', [STRANGER, PAGE_OF_OURS]],
    ['ours twice', [PAGE_OF_OURS, PAGE_OF_OURS]],
  ])('two Origins, %s, are none that is listed', async (_what, origins) => {
    expect(allowed(await exchange(port, get('/health/live', ...origins.map((origin) => `Origin: ${origin}`))))).toEqual([]);
  });

  test.each([' ', '\t', '\u00a0', '%20', '#', '?', ':3000', '\\'])(
    'ours with %j behind it is not listed, unless HTTP trims it',
    async (behind) => {
      const answer = await exchange(port, get('/health/live', `Origin: ${PAGE_OF_OURS}${behind}`));
      expect(allowed(answer).length > 0).toBe(behind.trim() === '' && behind !== '\u00a0');
    },
  );
});
