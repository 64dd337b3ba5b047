import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { packageVersion } from '../../src/package-version.js';
import { expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const PATHS: [string, string][] = [
  ['post', '/register'],
  ['post', '/token'],
  ['get', '/verify-token'],
  ['get', '/verify-token/{token}'],
  ['get', '/users/me'],
  ['get', '/errors'],
  ['get', '/health/live'],
  ['get', '/health/ready'],
  ['get', '/health'],
  ['get', '/'],
  ['get', '/docs'],
  ['get', '/openapi.json'],
  ['get', '/postman.json'],
  ['get', '/postman-environment.json'],
];

describe('in production', () => {
  it('no response reveals the version of the package, Node.js or Express', async () => {
    const production = await createTestApp({ NODE_ENV: 'production', ISSUER: 'https://auth.example.com', BCRYPT_ROUNDS: 10 });
    const versions = [packageVersion(), process.version.slice(1), 'express', 'node.js'];
    const paths = ['/', '/openapi.json', '/postman.json', '/postman-environment.json', '/errors', '/docs', '/docs/docs.js', '/health/live'];
    const more = ['/health/ready', '/.well-known/oauth-authorization-server', '/.well-known/jwks.json', '/nowhere', '/users/me'];
    for (const path of [...paths, ...more]) {
      const response = await production.http().get(path);
      const said = `${JSON.stringify(response.headers)}${response.text}`.toLowerCase();
      expect({ path, revealed: versions.filter((version) => said.includes(version)) }).toEqual({ path, revealed: [] });
    }
    expect((await production.http().get('/')).body).not.toHaveProperty('version');
    expect((await production.http().get('/openapi.json')).body).toMatchObject({ info: { version: '1' } });
    await production.close();
  });
});

describe('what the service says of itself', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp({ ISSUER: 'https://auth.example.com' });
  });
  afterAll(() => auth.close());

  test('GET / gives a script links that all lead somewhere', async () => {
    const response = await auth.http().get('/');
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ name: 'Lingomate Auth', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    const links: unknown = member(response.body, 'links');
    expect(links).toMatchObject({ docs: '/docs', openapi: '/openapi.json', errors: '/errors' });
    if (typeof links !== 'object' || links === null) throw new TypeError('no links');
    for (const link of Object.values(links)) expect((await auth.http().get(String(link))).status).toBe(200);
  });

  test('GET / sends a browser to the documentation', async () => {
    const response = await auth.http().get('/').set('Accept', BROWSER);
    expect([response.status, response.headers['location']]).toEqual([302, '/docs']);
  });

  test('GET /docs is a page that runs only what this service sends', async () => {
    const response = await auth.http().get('/docs');
    expect([response.status, response.type]).toEqual([200, 'text/html']);
    expect(response.headers['content-security-policy']).toMatch(/script-src 'self';/);
    const sources = [...response.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source = '']) => source);
    expect(sources.length).toBeGreaterThanOrEqual(3);
    for (const source of sources) {
      expect(source).not.toMatch(/^(\w+:|\/)/);
      expect((await auth.http().get(`/${source}`)).status).toBe(200);
    }
    expect(response.text).not.toMatch(/<script>|<script [^>]*>[^<]|\son\w+=/);
  });

  test.each([
    ['swagger-ui.css', 'text/css'],
    ['swagger-ui-bundle.js', 'text/javascript'],
    ['docs.js', 'text/javascript'],
    ['favicon-32x32.png', 'image/png'],
  ])('/docs/%s is there', async (asset, type) => {
    const response = await auth.http().get(`/docs/${asset}`);
    expect([response.status, response.type]).toEqual([200, type]);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });

  test.each([
    'package.json',
    'index.html',
    'constructor',
    '__proto__',
    '..%2Fpackage.json',
    '%2e%2e%2f%2e%2e%2fpackage.json',
    'swagger-ui.css%00',
  ])('/docs/%s is nothing', async (asset) => {
    expectProblem(await auth.http().get(`/docs/${asset}`), 404, 'not_found');
  });

  test('GET /openapi.json is OpenAPI 3.1 and has every call', async () => {
    const body: unknown = (await auth.http().get('/openapi.json')).body;
    expect(member(body, 'openapi')).toMatch(/^3\.1\./);
    for (const [method, path] of PATHS) expect(member(body, 'paths', path, method)).toBeDefined();
  });

  test('GET /postman.json is a collection that has every call but the page itself', async () => {
    const response = await auth.http().get('/postman.json');
    expect(text(response.body, 'info', 'schema')).toMatch(/^https:\/\/schema\.getpostman\.com\/json\/collection\/v2\.1/);
    for (const [, path] of PATHS.filter(([, one]) => one !== '/docs'))
      expect(response.text).toContain(`{{base_url}}${path.replace('{token}', '{{access_token}}')}"`);
  });

  test('GET /postman-environment.json names this service', async () => {
    const response = await auth.http().get('/postman-environment.json');
    expect(response.text).toContain('https://auth.example.com');
    expect(Array.isArray(member(response.body, 'values'))).toBe(true);
  });

  test('GET /health/live', async () => {
    const response = await auth.http().get('/health/live');
    expect([response.status, response.body]).toEqual([200, { status: 'live' }]);
  });

  test('GET /health/ready tells the state of each part', async () => {
    const up = { status: 'up' };
    const response = await auth.http().get('/health/ready');
    expect([response.status, response.body]).toEqual([
      200,
      { status: 'ready', parts: { database: up, hasher: up, process: up, revocations: up }, warnings: [] },
    ]);
  });

  test('GET /health is the same as GET /health/ready', async () => {
    const [health, ready] = [await auth.http().get('/health'), await auth.http().get('/health/ready')];
    expect([health.status, health.body]).toEqual([200, ready.body]);
  });

  test.each(['get', 'head'] as const)('%s /docs/ is redirected to /docs for good', async (method) => {
    const response = await auth.http()[method]('/docs/');
    expect([response.status, response.headers['location']]).toEqual([308, '../docs']);
    expect(response.headers['content-length']).toBe('0');
  });
});
