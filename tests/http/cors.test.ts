import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestApp, type TestApp } from '../support/test-app.js';

const LISTED = ['https://app.example.com', 'http://localhost:3000'];
const EXPOSED = ['Retry-After', 'X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Location', 'WWW-Authenticate'];
const PATHS = ['/health/live', '/users/me', '/nothing', '/verify-token/nonsense', '/'];

const listOf = (value: unknown): string[] =>
  String(value)
    .toLowerCase()
    .split(',')
    .map((item) => item.trim());

describe('CORS', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp({ CORS_ORIGINS: LISTED.join(',') });
  });
  afterAll(() => auth.close());

  const get = (path: string, origin: string) => auth.http().get(path).set('Origin', origin);
  const preflight = (path: string, origin: string) =>
    auth
      .http()
      .options(path)
      .set({ Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' });

  test.each(LISTED)('%s, which is listed, may read answers and errors, with credentials', async (origin) => {
    for (const path of PATHS) {
      const { headers } = await get(path, origin);
      expect(headers).toMatchObject({ 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' });
      expect(listOf(headers['access-control-expose-headers']).sort()).toEqual(EXPOSED.map((name) => name.toLowerCase()).sort());
      expect(listOf(headers['vary'])).toContain('origin');
    }
  });

  test('a preflight of a listed origin is allowed what it asks for', async () => {
    const [origin = ''] = LISTED;
    const { status, headers } = await preflight('/token', origin);
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      allow: 'POST, OPTIONS',
    });
    expect(listOf(headers['access-control-allow-methods'])).toEqual(expect.arrayContaining(['get', 'post', 'put', 'patch', 'delete']));
    expect(listOf(headers['access-control-allow-headers'])).toEqual(expect.arrayContaining(['authorization', 'content-type']));
    expect(listOf(headers['vary'])).toContain('origin');
  });

  test.each([
    ['null', 'null'],
    ['a listed one as a prefix', 'https://app.example.com.evil.test'],
    ['a listed one as a suffix', 'https://evil-app.example.com'],
    ['a listed one as a suffix without a dot', 'https://evilapp.example.com'],
    ['a subdomain', 'https://sub.app.example.com'],
    ['the domain above', 'https://example.com'],
    ['another port', 'https://app.example.com:8443'],
    ['the default port, spelled out', 'https://app.example.com:443'],
    ['no port', 'http://localhost'],
    ['another scheme', 'http://app.example.com'],
    ['capitals', 'https://APP.example.com'],
    ['capitals in the scheme', 'HTTPS://app.example.com'],
    ['a trailing slash', 'https://app.example.com/'],
    ['a path', 'https://app.example.com/x'],
    ['a user', 'https://app.example.com@evil.test'],
    ['a trailing dot', 'https://app.example.com.'],
    ['another character for the dot', 'https://appxexample.com'],
    ['two origins', 'https://app.example.com https://evil.test'],
    ['the whole list', LISTED.join(',')],
    ['a star', '*'],
    ['a loopback address', 'http://127.0.0.1:3000'],
  ])('an origin that is %s is not allowed', async (_what, origin) => {
    for (const { headers } of [await get('/health/live', origin), await get('/users/me', origin), await preflight('/token', origin)]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(listOf(headers['vary'])).toContain('origin');
    }
  });

  test('without an origin the answer still varies by it', async () => {
    for (const path of PATHS) {
      const { headers } = await auth.http().get(path);
      expect(listOf(headers['vary'])).toContain('origin');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  test('in development each refused origin is logged once, with the setting to change, up to a hundred origins', async () => {
    const told = await createTestApp({ NODE_ENV: 'development', CORS_ORIGINS: LISTED.join(',') });
    const lines = (): string[] => told.log.filter((line) => line.includes('CORS refuses'));
    const ask = (Origin: string) => told.http().get('/health/live').set({ Origin, Host: 'localhost:8000' });
    for (const origin of [...LISTED, 'http://localhost:8000']) await ask(origin);
    expect(lines()).toEqual([]);
    for (let times = 0; times < 2; times += 1) await ask('http://localhost:5173');
    expect(lines()).toEqual([expect.stringContaining('add http://localhost:5173 to CORS_ORIGINS')]);
    await ask('null');
    expect(lines()[1]).toContain('Serve the page over http');
    await ask(`https://${'a'.repeat(400)}.example`);
    for (let port = 1; port <= 120; port += 1) await ask(`http://localhost:${port}`);
    expect(lines()).toHaveLength(100);
    await told.close();
  });

  test('in production and in tests no refused origin is logged', async () => {
    const silent = await createTestApp({ NODE_ENV: 'production', ISSUER: 'https://auth.example.com', BCRYPT_ROUNDS: 10 });
    await silent.http().get('/health/live').set('Origin', 'https://app.example.com');
    await auth.http().get('/health/live').set('Origin', 'http://localhost:5173');
    expect(auth.log.filter((line) => line.includes('CORS'))).toEqual([]);
    expect(silent.log.filter((line) => line.includes('CORS'))).toEqual([]);
    await silent.close();
  });

  test('unless set otherwise, a page on http://localhost:3000 is allowed, as in the original', async () => {
    const usual = await createTestApp();
    const { headers } = await usual.http().get('/health/live').set('Origin', 'http://localhost:3000');
    expect(headers['access-control-allow-origin']).toBe('http://localhost:3000');
    await usual.close();
  });
});
