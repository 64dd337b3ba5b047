import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHasher } from '../../src/adapters/hasher.js';
import { AppError } from '../../src/errors/app-error.js';
import { expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** Every code of the contract and its status. */
const CONTRACT: readonly (readonly [number, readonly string[]])[] = [
  [
    400,
    ['malformed_request', 'invalid_grant', 'refresh_token_reused', 'session_revoked', 'unsupported_grant_type', 'token_invalid_or_expired'],
  ],
  [401, ['invalid_credentials', 'invalid_token', 'authentication_required', 'reauthentication_required']],
  [403, ['insufficient_scope', 'current_password_invalid', 'account_disabled']],
  [404, ['not_found']],
  [405, ['method_not_allowed']],
  [406, ['not_acceptable']],
  [408, ['request_timeout']],
  [409, ['username_taken', 'conflict', 'last_administrator']],
  [413, ['payload_too_large']],
  [415, ['unsupported_media_type']],
  [422, ['validation_failed', 'password_too_short', 'password_too_long', 'password_too_common', 'password_contains_username']],
  [429, ['rate_limited']],
  [431, ['header_too_large']],
  [500, ['internal_error']],
  [503, ['unavailable', 'overloaded']],
];

describe('errors', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp();
  });
  afterAll(() => auth.close());

  test('GET /errors lists every code of the contract with its status', async () => {
    const response = await auth.http().get('/errors');
    const body: unknown = response.body;
    expect(response.status).toBe(200);
    expect(member(body, 'next_cursor')).toBeNull();
    const data: unknown = member(body, 'data');
    const listed = Array.isArray(data) ? data.map((one: unknown) => `${Number(member(one, 'status'))} ${text(one, 'code')}`) : [];
    expect(listed.sort()).toEqual(CONTRACT.flatMap(([code, names]) => names.map((name) => `${code} ${name}`)).sort());
  });

  test('a browser gets a page with an anchor for each code, which runs no script', async () => {
    const response = await auth.http().get('/errors').set('Accept', 'text/html,application/xhtml+xml,*/*;q=0.8');
    expect(response.type).toBe('text/html');
    for (const code of CONTRACT.flatMap(([, names]) => names)) expect(response.text).toContain(`id="${code}"`);
    expect(response.text).not.toContain('<script');
    expect(response.headers['content-security-policy']).toContain("default-src 'none'");
  });

  test.each([
    ['an unknown path', '/nothing', 404, 'not_found'],
    ['a trailing slash', '/users/me/', 404, 'not_found'],
    ['another case', '/Users/Me', 404, 'not_found'],
    ['no credentials', '/users/me', 401, 'authentication_required'],
  ])('%s is told in the one shape', async (_what, path, status, code) => {
    expectProblem(await auth.http().get(path), status, code);
  });

  test('an error is JSON also to a browser', async () => {
    expectProblem(await auth.http().get('/nothing').set('Accept', 'text/html'), 404, 'not_found');
  });

  test.each([
    ['/register', undefined],
    ['/token', 'invalid_request'],
  ])('POST %s that accepts no JSON is 406', async (path, oauth) => {
    const response = await auth.http().post(path).set('Accept', 'image/png').send({});
    expectProblem(response, 406, 'not_acceptable', oauth === undefined ? {} : { oauth });
  });

  const ACCEPTED = [
    'application/json',
    'application/*',
    '*/*',
    'text/html, */*;q=0.1',
    'application/json; q=0.2, image/png',
    'application/json; charset=utf-8',
    'application/json;odata=verbose',
    'application/json;charset=UTF-8;q=0.9',
    'APPLICATION/JSON; Profile="a, b; q=0"',
    'application/problem+json',
    'application/problem+json; charset=utf-8, image/png',
    'application/json;q=0, application/json;version=1',
    '*/*;level=1;q=0.3',
    'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
    '',
  ];
  test.each(ACCEPTED)('Accept: %s is JSON', async (accept) => {
    const response = await auth.http().get('/health/live').set('Accept', accept);
    expect([response.status, response.type]).toEqual([200, 'application/json']);
    expectProblem(await auth.http().get('/users/me').set('Accept', accept), 401, 'authentication_required');
  });

  test.each([
    'image/png',
    'application/json;q=0',
    'application/json; charset=utf-8; q=0.0',
    'application/json;q=0, */*',
    'text/*;q=0',
    'json',
  ])('Accept: %s is 406', async (accept) => {
    expectProblem(await auth.http().get('/health/live').set('Accept', accept), 406, 'not_acceptable');
  });

  test.each([
    ['text/html;charset=utf-8, application/json;q=0.9', 'text/html'],
    ['text/html, */*', 'text/html'],
    ['text/html, application/json', 'text/html'],
    ['application/json, text/html', 'application/json'],
    ['text/html;q=0.5, application/json;charset=utf-8', 'application/json'],
    ['text/html;q=0, */*', 'application/json'],
    ['application/xhtml+xml, */*', 'application/json'],
  ])('GET /errors with Accept: %s is %s', async (accept, type) => {
    expect((await auth.http().get('/errors').set('Accept', accept)).type).toBe(type);
  });

  test.each([
    ['a word', 'abc'],
    ['every character that is taken', 'AZaz09._-'],
    ['128 characters', 'x'.repeat(128)],
  ])('a request id of %s is taken over into the answer and the log', async (_what, id) => {
    const response = await auth.http().get('/nothing').set('X-Request-Id', id);
    expect(response.headers['x-request-id']).toBe(id);
    expectProblem(response, 404, 'not_found');
    expect(auth.log.some((line) => line.includes(`"request_id":"${id}"`))).toBe(true);
  });

  test.each([
    ['129 characters', 'x'.repeat(129)],
    ['nothing', ''],
    ['a space', 'a b'],
    ['a slash', 'a/b'],
    ['markup', '<script>'],
    ['a letter with a mark', 'é'],
    ['a comma', 'a,b'],
    ['a quote', '"a"'],
  ])('a request id of %s is replaced by one of ours', async (_what, id) => {
    const response = await auth.http().get('/health/live').set('X-Request-Id', id);
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  test('each request has an id of its own', async () => {
    const ids = new Set<unknown>();
    for (let times = 0; times < 5; times += 1) ids.add((await auth.http().get('/health/live')).headers['x-request-id']);
    expect(ids.size).toBe(5);
  });

  test.each(['/', '/errors', '/docs', '/openapi.json', '/health/live', '/health/ready', '/users/me', '/nothing', '/verify-token/x'])(
    'the answer of %s is not sniffed, framed, cached or said to be of Express',
    async (path) => {
      const { headers } = await auth.http().get(path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
        'strict-transport-security': expect.stringMatching(/^max-age=\d{8,}/),
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('etag');
    },
  );
});

describe('when a part fails', () => {
  const credentials = { username: 'ada', password: 'correct horse battery staple' };
  const failingWith = async (error: Error): Promise<TestApp> => {
    const hasher = createHasher({ threads: 1, queueLimit: 1 });
    const fail = () => Promise.reject(error);
    return createTestApp({}, { hasher: { ...hasher, digest: fail, matches: fail } });
  };

  test('too much work is 503 with Retry-After, and OAuth clients can read it', async () => {
    const auth = await failingWith(new AppError('overloaded'));
    expectProblem(await auth.http().post('/register').send(credentials), 503, 'overloaded');
    expectProblem(await auth.http().post('/token').send(credentials), 503, 'overloaded', { oauth: 'temporarily_unavailable' });
    await auth.close();
  });

  test('a full queue refuses the surplus, answers everybody and takes work again', async () => {
    const auth = await createTestApp({ HASH_THREADS: 1, HASH_QUEUE_LIMIT: 1, BCRYPT_ROUNDS: 8 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => auth.http().post('/token').send(credentials)));
    const refused = answers.filter(({ status }) => status === 503);
    expect(answers.filter(({ status }) => status === 401).length).toBe(12 - refused.length);
    expect(refused.length).toBeGreaterThan(0);
    for (const response of refused) expectProblem(response, 503, 'overloaded', { oauth: 'temporarily_unavailable' });
    expect((await auth.http().post('/token').send(credentials)).status).toBe(401);
    await auth.close();
  });

  test('a bug of ours is 500 and tells nothing; the log has the cause', async () => {
    const auth = await failingWith(new Error('the inside of the house'));
    expectProblem(await auth.http().post('/register').send(credentials), 500, 'internal_error');
    const response = await auth.http().post('/token').send(credentials);
    expectProblem(response, 500, 'internal_error', { oauth: 'internal_error' });
    expect(response.text).not.toMatch(/inside of the house|\.ts|at /);
    const id = text(response.body, 'request_id');
    expect(auth.log.filter((line) => line.includes(id)).some((line) => line.includes('the inside of the house'))).toBe(true);
    expect((await auth.http().get('/health/live')).status).toBe(200);
    await auth.close();
  });

  test('a service that can take no more work is not ready, and says which part', async () => {
    const auth = await createTestApp(
      { HASH_QUEUE_LIMIT: 1 },
      { hasher: { ...createHasher({ threads: 1, queueLimit: 1 }), waiting: () => 1 } },
    );
    const response = await auth.http().get('/health/ready');
    expect(response.status).toBe(503);
    expect(response.type).toBe('application/problem+json');
    expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    const parts = { database: { status: 'up' }, hasher: { status: 'down' }, process: { status: 'up' } };
    expect(response.body).toMatchObject({ status: 503, code: 'unavailable', parts });
    expect((await auth.http().get('/health/live')).status).toBe(200);
    await auth.close();
  });
});
