import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { member } from '../support/answers.js';
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
