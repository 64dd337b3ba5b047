import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Server } from 'node:http';
import { createHttpServer } from '../../src/http-server.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { exchange, expectRawProblem, listen, postJson, statusesOf, stop } from '../support/raw-http.js';

const lines = (...text: string[]): string => text.join('\r\n');
const head = (...headers: string[]): string =>
  lines('POST /token HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...headers);
const SHORT = { maxHeaderSize: 16 * 1024, headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 };

describe('a client that never finishes', () => {
  let auth: TestApp;
  let server: Server;
  let port: number;
  beforeAll(async () => {
    auth = await createTestApp();
    await auth.http().get('/health/ready');
    server = createHttpServer(auth.app, SHORT);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  test('its headers is answered 408 and closed', async () => {
    expectRawProblem(await exchange(port, lines('GET /health/live HTTP/1.1', 'Host: localhost', 'X-Slow: ')), 408, 'request_timeout');
  });

  test.each([
    ['the body it has announced', lines(head('Content-Length: 100'), '', '{"username":')],
    ['its chunks', lines(head('Transfer-Encoding: chunked'), '', '4', '{"us', '')],
  ])('%s is answered 408 as that request, and closed', async (_what, bytes) => {
    const answer = await exchange(port, bytes);
    expectRawProblem(answer, 408, 'request_timeout');
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' });
    expect(answer.headers).toMatchObject({ connection: 'close', vary: 'Origin' });
    expect(auth.log.filter((line) => line.includes(answer.headers['x-request-id'] ?? 'none'))).toEqual([
      expect.stringContaining('"path":"/token","status":408'),
    ]);
  });

  test('a body that was refused before it came is told nothing more, and closed', async () => {
    const early = lines('PATCH /users/me HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', 'Content-Length: 100', '', '{');
    expect(statusesOf(await exchange(port, early))).toEqual([401]);
  });

  test('a request at all is answered 408 and closed', async () => {
    expectRawProblem(await exchange(port, ''), 408, 'request_timeout');
  });

  test('a chunk as it should is answered 400 as that request', async () => {
    const answer = await exchange(port, lines(head('Transfer-Encoding: chunked'), '', 'zz', 'hello', ''));
    expectRawProblem(answer, 400, 'malformed_request');
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' });
  });
});

test('nonsense behind a request that is under way is never taken for its answer', async () => {
  const auth = await createTestApp({ BCRYPT_ROUNDS: 8 });
  const server = createHttpServer(auth.app);
  try {
    const port = await listen(server);
    await auth.createUser({ username: 'ada', password: 'correct horse battery staple' });
    const logIn = postJson('/token', '{"username":"ada","password":"correct horse battery staple"}').replace('Connection: close\r\n', '');
    expect(statusesOf(await exchange(port, `${logIn}nonsense\r\n\r\n`))).not.toContain(400);
  } finally {
    await stop(server);
    await auth.close();
  }
});
