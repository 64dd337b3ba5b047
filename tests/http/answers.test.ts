import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dependencies } from '../support/dependencies.js';
import { entriesOf, member } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** JSON is UTF-8 by its own rules; any other text says its charset, or a browser would guess it. */
const TEXT = /^(text\/(html|css|javascript)|application\/(problem\+)?json); charset=utf-8$|^application\/x-ndjson$/;
const HOURLY = 'public, max-age=3600';

describe('every address that can be read', () => {
  let auth: TestApp;
  let token: string;
  let paths: string[];
  beforeAll(async () => {
    auth = await createTestApp();
    token = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
    const document: unknown = (await auth.http().get('/openapi.json')).body;
    const read = entriesOf(member(document, 'paths')).filter(([, path]) => member(path, 'get') !== undefined);
    paths = [
      ...read.map(([path]) => path.replaceAll(/\{\w+\}/g, '1')),
      ...['swagger-ui.css', 'swagger-ui-bundle.js', 'docs.js', 'favicon-32x32.png'].map((asset) => `/docs/${asset}`),
      '/nothing',
    ];
  });
  afterAll(() => auth.close());

  const get = (path: string, headers: Record<string, string> = {}) =>
    auth
      .http()
      .get(path)
      .redirects(0)
      .set({ Authorization: `Bearer ${token}`, ...headers });

  test('says of what type and charset its answer is, and how long', async () => {
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      const answer = await get(path).buffer(true);
      const { headers, text, status } = answer;
      const body: unknown = answer.body;
      const type = String(headers['content-type']);
      expect([path, type]).toEqual([path, type === 'image/png' ? 'image/png' : expect.stringMatching(TEXT)]);
      if (type.includes('json;') && !type.includes('ndjson')) expect([path, JSON.parse(text)]).toEqual([path, body]);
      const length = Buffer.isBuffer(body) ? body.length : Buffer.byteLength(text);
      if (headers['transfer-encoding'] === undefined)
        expect([path, status, headers['content-length']]).toEqual([path, status, String(length)]);
    }
  });

  test('sends nobody from http to https, so that a client that was set up wrong is noticed', async () => {
    for (const path of paths) {
      const { status, headers } = await get(path, { 'X-Forwarded-Proto': 'http', 'Upgrade-Insecure-Requests': '1' });
      expect([path, status >= 300 && status < 400, headers['location']]).toEqual([path, false, undefined]);
    }
  });

  test('is stored by no cache, but for what is the same for everybody', async () => {
    const stored: [string, unknown][] = [];
    for (const path of paths) {
      const { headers, status } = await get(path);
      if (status === 200 && headers['cache-control'] !== 'no-store') stored.push([path, headers['cache-control']]);
    }
    expect(Object.fromEntries(stored)).toEqual({
      '/.well-known/jwks.json': 'public, max-age=30',
      '/docs/swagger-ui.css': HOURLY,
      '/docs/swagger-ui-bundle.js': HOURLY,
      '/docs/favicon-32x32.png': HOURLY,
    });
  });

  test('runs, sends and frames nothing, and is read by no page of another site', async () => {
    for (const path of paths) {
      const { headers } = await get(path);
      const policy = String(headers['content-security-policy']).split(/; ?/);
      expect([path, policy]).toEqual([
        path,
        expect.arrayContaining(["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]),
      ]);
      expect(policy.filter((directive) => directive.startsWith('script-src') && directive !== "script-src 'self'")).toEqual([]);
      expect(headers).toMatchObject({
        'strict-transport-security': 'max-age=31536000',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
    }
  });

  test('makes no script of its answer, whatever callback is named', async () => {
    for (const path of paths.filter((one) => !one.startsWith('/docs'))) {
      const { text, headers } = await get(`${path}?callback=canary&jsonp=canary`).buffer(true);
      expect([path, text.includes('canary'), String(headers['content-type']).includes('javascript')]).toEqual([path, false, false]);
    }
  });

  test('tells nothing of what the service is built of', async () => {
    const versions = dependencies().map(([, version]) => version);
    expect(versions.length).toBeGreaterThan(20);
    for (const path of [
      '/',
      '/errors',
      '/health/live',
      '/health/ready',
      '/nothing',
      '/users/me',
      '/.well-known/oauth-authorization-server',
    ]) {
      const { headers, text } = await get(path);
      for (const name of ['server', 'x-powered-by', 'via', 'x-runtime']) expect(headers).not.toHaveProperty(name);
      expect(text).not.toMatch(/express|sqlite|sequelize|postgres/i);
      expect([path, versions.filter((version) => text.includes(`"${version}"`)), text.includes(process.versions.node)]).toEqual([
        path,
        [],
        false,
      ]);
    }
  });
});
