import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectProblem } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const GETS = [
  '/',
  '/errors',
  '/docs',
  '/docs/docs.js',
  '/openapi.json',
  '/postman.json',
  '/postman-environment.json',
  '/health',
  '/health/live',
  '/health/ready',
  '/verify-token',
  '/verify-token/nonsense',
  '/revocations',
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
];
const POSTS = ['/register', '/token', '/introspect', '/revoke', '/logout'];
const OAUTH = ['/token', '/introspect', '/revoke'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const ALLOWED: [string, string[]][] = [
  ...GETS.map((path): [string, string[]] => [path, ['GET', 'HEAD']]),
  ...POSTS.map((path): [string, string[]] => [path, ['POST']]),
  ['/users/me', ['GET', 'HEAD', 'PATCH', 'DELETE']],
  ['/users/me/activity', ['GET', 'HEAD']],
  ['/users/me/email/verification', ['POST']],
  ['/users/me/recovery-codes', ['GET', 'HEAD', 'POST', 'DELETE']],
  ['/admin/users', ['GET', 'HEAD', 'POST']],
  ['/admin/users/import', ['POST']],
  ['/admin/users/export', ['GET', 'HEAD']],
  ['/admin/users/1', ['GET', 'HEAD', 'PATCH', 'DELETE']],
  ['/admin/users/1/sessions', ['GET', 'HEAD', 'DELETE']],
  ['/admin/users/1/password-reset', ['POST']],
  ['/admin/audit-events', ['GET', 'HEAD']],
  ['/users/me/password', ['PUT']],
  ['/users/me/sessions', ['GET', 'HEAD', 'DELETE']],
  ['/users/me/sessions/1', ['DELETE']],
];

describe('methods', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp();
  });
  afterAll(() => auth.close());

  const send = (method: string, path: string) => {
    const http = auth.http();
    const by: Record<string, (path: string) => ReturnType<typeof http.get>> = {
      GET: (to) => http.get(to),
      HEAD: (to) => http.head(to),
      POST: (to) => http.post(to),
      PUT: (to) => http.put(to),
      PATCH: (to) => http.patch(to),
      DELETE: (to) => http.delete(to),
      TRACE: (to) => http.trace(to),
      OPTIONS: (to) => http.options(to),
    };
    const sender = by[method];
    if (sender === undefined) throw new TypeError(`no way to send ${method}`);
    return sender(path);
  };

  test.each(ALLOWED)('%s tells its methods, by OPTIONS and by 405', async (path, methods) => {
    const allow = [...methods, 'OPTIONS'];
    const options = await send('OPTIONS', path);
    expect([options.status, options.text]).toEqual([204, '']);
    expect(options.headers['allow']?.split(', ')).toEqual(allow);
    for (const method of [...METHODS, 'TRACE'].filter((one) => !methods.includes(one))) {
      const response = await send(method, path);
      expect(response.status).toBe(405);
      expect(response.headers['allow']?.split(', ')).toEqual(allow);
      if (method !== 'HEAD') expectProblem(response, 405, 'method_not_allowed', OAUTH.includes(path) ? { oauth: 'invalid_request' } : {});
    }
  });

  test.each([...GETS, '/nothing'])('HEAD %s is GET without the body', async (path) => {
    const [get, head] = [await auth.http().get(path), await auth.http().head(path)];
    expect(head.status).toBe(get.status);
    expect(head.text).toBeFalsy();
    for (const name of ['content-type', 'cache-control', 'vary', 'location', 'www-authenticate'])
      expect([name, head.headers[name]]).toEqual([name, get.headers[name]]);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  test('OPTIONS of an unknown path is 404', async () => {
    expectProblem(await auth.http().options('/nothing'), 404, 'not_found');
  });

  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])('%s overrides nothing', async (header) => {
    expect((await auth.http().get('/health/live').set(header, 'DELETE')).status).toBe(200);
    expectProblem(await auth.http().post('/users/me').set(header, 'GET').send({}), 405, 'method_not_allowed');
  });

  test('a _method in the query overrides nothing', async () => {
    expectProblem(await auth.http().post('/users/me?_method=GET').send({}), 405, 'method_not_allowed');
  });

  test('a GET or HEAD on what only a POST may do changes nothing', async () => {
    const query = '?username=by-get&password=correct%20horse%20battery%20staple';
    for (const method of ['GET', 'HEAD']) expect((await send(method, `/register${query}`)).status).toBe(405);
    const response = await auth.http().post('/token').send({ username: 'by-get', password: 'correct horse battery staple' });
    expectProblem(response, 401, 'invalid_credentials', { oauth: 'invalid_grant' });
  });
});
