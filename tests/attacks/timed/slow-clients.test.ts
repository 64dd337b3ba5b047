import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Server } from 'node:http';
import { createHttpServer, LIMITS } from '../../../src/http-server.js';
import { expectRawProblem, get, keepConnection, listen, parseAnswer, stop } from '../../support/raw-http.js';
import { seen } from '../../support/seen.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';

const SECOND = 1000;
/** Node looks every two seconds; the rest is for a machine that has other things to do. */
const LATE_MS = LIMITS.connectionsCheckingInterval + 2 * SECOND;
const head = (...lines: string[]): string =>
  ['POST /token HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...lines].join('\r\n');

/** What is sent at once, and what is sent again and again so that it never looks idle. */
const SLOW: [what: string, first: string, drop: string, limitMs: number][] = [
  ['says nothing', '', '', LIMITS.headersTimeout],
  ['sends its request line a character a second', 'GET /', 'x', LIMITS.headersTimeout],
  ['sends its headers a character a second', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ', 'x', LIMITS.headersTimeout],
  ['sends a header a second', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n', 'X: x\r\n', LIMITS.headersTimeout],
  ['sends no body', head('Content-Length: 1000', '', ''), '', LIMITS.requestTimeout],
  ['sends its body a byte a second', head('Content-Length: 1000', '', '{'), ' ', LIMITS.requestTimeout],
  ['sends a chunk a second', head('Transfer-Encoding: chunked', '', '1', '{', ''), '1\r\n \r\n', LIMITS.requestTimeout],
  ['sends a chunk extension a character a second', head('Transfer-Encoding: chunked', '', '1;x='), 'x', LIMITS.requestTimeout],
];

describe('a client that', () => {
  let auth: TestApp;
  let server: Server;
  let port: number;
  beforeAll(async () => {
    auth = await createTestApp();
    await auth.http().get('/health/ready');
    server = createHttpServer(auth.app);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  test.concurrent.each(SLOW)(
    '%s is answered 408 within the limit and closed',
    async (_what, first, drop, limitMs) => {
      const began = performance.now();
      const slow = keepConnection(port);
      slow.send(first);
      const dripping = setInterval(() => {
        if (drop !== '') slow.send(drop);
      }, SECOND);
      const answer = parseAnswer(await slow.closed);
      clearInterval(dripping);
      const ms = performance.now() - began;
      expectRawProblem(answer, 408, 'request_timeout');
      expect(ms).toBeGreaterThanOrEqual(limitMs - 100);
      expect(ms).toBeLessThan(limitMs + LATE_MS);
      seen(`408 after ${(ms / SECOND).toFixed(1)} s of ${limitMs / SECOND}`);
    },
    LIMITS.requestTimeout + 20 * SECOND,
  );

  test(
    '100 of them at once keep nobody else waiting',
    async () => {
      const slow = Array.from({ length: 100 }, () => keepConnection(port));
      for (const one of slow) one.send('GET /health/live HTTP/1.1\r\nX: ');
      let slowest = 0;
      for (let asked = 0; asked < 50; asked += 1) {
        const began = performance.now();
        const other = keepConnection(port);
        other.send(get('/health/live'));
        expect(parseAnswer(await other.closed).status).toBe(200);
        slowest = Math.max(slowest, performance.now() - began);
      }
      expect(slowest).toBeLessThan(SECOND);
      for (const one of slow) expect(parseAnswer(await one.closed).status).toBe(408);
      seen(`others waited ${Math.round(slowest)} ms at most; all 100 were closed`);
    },
    LIMITS.headersTimeout + 20 * SECOND,
  );
});
