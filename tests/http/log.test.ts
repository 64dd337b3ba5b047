import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHttpServer } from '../../src/http-server.js';
import { member } from '../support/answers.js';
import { exchange, listen, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

type Http = ReturnType<TestApp['http']>;

/** What the log says of one request when it is over. */
async function loggedOf(auth: TestApp, ask: (http: Http) => ReturnType<Http['get']>): Promise<unknown> {
  const id = randomUUID();
  await ask(auth.http()).set('X-Request-Id', id);
  const lines = auth.log.map((line): unknown => JSON.parse(line)).filter((line) => member(line, 'request_id') === id);
  expect(lines).toHaveLength(1);
  return lines[0];
}

describe('the path in the log', () => {
  let auth: TestApp;
  let token: string;
  beforeAll(async () => {
    auth = await createTestApp();
    token = await auth.token(await auth.createUser());
  });
  afterAll(() => auth.close());

  test('is the route’s own, so that a token in it is nowhere', async () => {
    const path = '/verify-token/:token';
    expect(await loggedOf(auth, (http) => http.get(`/verify-token/${token}`))).toMatchObject({ method: 'GET', path, status: 200 });
    expect(await loggedOf(auth, (http) => http.get('/verify-token/short'))).toMatchObject({ method: 'GET', path, status: 401 });
    expect(await loggedOf(auth, (http) => http.delete('/verify-token/short'))).toMatchObject({ method: 'DELETE', path, status: 405 });
  });

  test('is as it was sent where no route has it, but for its query and what could be a token', async () => {
    expect(await loggedOf(auth, (http) => http.get('/nothing?password=secret'))).toMatchObject({ path: '/nothing', status: 404 });
    expect(await loggedOf(auth, (http) => http.get(`/nothing/${token}`))).toMatchObject({ path: '/nothing/[redacted]', status: 404 });
  });
});

describe('a line of the log', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp();
  });
  afterAll(() => auth.close());

  test('says when, who, from where, what, how it ended and how long it took', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    expect(await loggedOf(auth, (http) => http.get('/users/me').set('Authorization', `Bearer ${token}`))).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      request_id: expect.any(String),
      method: 'GET',
      path: '/users/me',
      status: 200,
      ms: expect.any(Number),
      ip: expect.any(String),
      user_id: user.id,
      msg: 'request',
    });
  });

  test.each([
    ['no credentials', 401, 'authentication_required', (http: Http) => http.get('/users/me')],
    ['a token that is none', 401, 'invalid_token', (http: Http) => http.get('/users/me').set('Authorization', 'Bearer x')],
    ['a body that can’t be read', 400, 'malformed_request', (http: Http) => http.post('/token').type('json').send('{')],
    ['a rule that is broken', 422, 'validation_failed', (http: Http) => http.post('/register').send({ username: 'x' })],
    ['a wrong password', 401, 'invalid_credentials', (http: Http) => http.post('/token').send({ username: 'x', password: 'x' })],
    ['a method that is not taken', 405, 'method_not_allowed', (http: Http) => http.delete('/token')],
  ])('of a request that is refused for %s says so', async (_what, status, fault, ask) => {
    expect(await loggedOf(auth, ask)).toMatchObject({ status, fault });
  });

  test('of a user who asks for what they may not is followed by an event', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const line = await loggedOf(auth, (http) => http.get('/admin/users').set('Authorization', `Bearer ${token}`));
    expect(line).toMatchObject({ status: 403, fault: 'insufficient_scope', user_id: user.id });
    const { items } = await auth.services.audit.list({ type: 'access.denied' }, { limit: 10 });
    expect(items).toMatchObject([{ userId: user.id, requestId: member(line, 'request_id'), details: { scope: 'admin' } }]);
  });
});

test('what never becomes a request is told in the log, without its bytes', async () => {
  const auth = await createTestApp();
  const told: unknown[] = [];
  const logger = { info: (...given: unknown[]) => told.push(given) };
  const server = createHttpServer(auth.app, undefined, logger);
  const port = await listen(server);
  const { headers } = await exchange(port, 'GET /canary HTTP/1.1\r\nHost: localhost\r\nCanary : x\r\n\r\n');
  expect(told).toEqual([
    [
      {
        request_id: headers['x-request-id'],
        status: 400,
        fault: 'malformed_request',
        reason: expect.stringMatching(/^HPE_/),
        peer: '127.0.0.1',
      },
      'unreadable request',
    ],
  ]);
  await stop(server);
  await auth.close();
});

describe('the client’s address in the log', () => {
  const LOOPBACK = expect.stringMatching(/^(::ffff:)?127\.0\.0\.1$|^::1$/);
  const [CLIENT, SPOOFED, PROXY] = ['203.0.113.7', '198.51.100.1', '192.0.2.9'];
  test.each([
    ['no proxy is trusted: the socket’s, whatever was sent', 0, CLIENT, LOOPBACK],
    ['no proxy is trusted: the socket’s, however long the list', 0, `${SPOOFED}, ${CLIENT}`, LOOPBACK],
    ['one is trusted: the one that it names', 1, CLIENT, CLIENT],
    ['one is trusted: the last of a list, as the client wrote the rest', 1, `${SPOOFED}, ${CLIENT}`, CLIENT],
    ['one is trusted and names nobody: the socket’s', 1, '', LOOPBACK],
    ['two are trusted: the last but one of a list', 2, `${SPOOFED}, ${CLIENT}, ${PROXY}`, CLIENT],
  ])('where %s', async (_what, TRUST_PROXY, forwarded, ip) => {
    const auth = await createTestApp({ TRUST_PROXY });
    expect(await loggedOf(auth, (http) => http.get('/health/live').set('X-Forwarded-For', forwarded))).toMatchObject({ ip });
    await auth.close();
  });
});
