import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { createHttpServer } from '../../src/http-server.js';
import { createTestAuth, type TestAuth } from '../../src/testing.js';
import { exchange, expectRawProblem, get, listen, postJson, request, statusesOf, stop } from '../support/raw-http.js';

const LARGE = 17 * 1024;
const GOOD_BODY = '{"username":"nobody","password":"correct horse battery staple"}';
const lines = (...text: string[]): string => text.join('\r\n');
const post = (...headers: string[]): string =>
  lines('POST /token HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', ...headers);

describe('the protocol', () => {
  let auth: TestAuth;
  let server: Server;
  let port: number;
  beforeAll(async () => {
    auth = await createTestAuth();
    server = createHttpServer(auth.app);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  test.each([
    ['an address of 17 kB', get(`/${'x'.repeat(LARGE)}`)],
    ['a token of 17 kB in the path', get(`/verify-token/${'x'.repeat(LARGE)}`)],
    ['a query of 17 kB', get(`/?${'x'.repeat(LARGE)}`)],
    ['a header of 17 kB', get('/health/live', `X-Large: ${'x'.repeat(LARGE)}`)],
    ['a token of 17 kB in the header', get('/users/me', `Authorization: Bearer ${'x'.repeat(LARGE)}`)],
    ['a header with a name of 17 kB', get('/health/live', `${'x'.repeat(LARGE)}: x`)],
    ['a trailer of 17 kB', lines(post('Transfer-Encoding: chunked'), '', '2', '{}', '0', `X: ${'x'.repeat(LARGE)}`, '', '')],
    ['101 headers', get('/health/live', ...Array.from({ length: 99 }, () => 'X: x'))],
    ['4,000 headers of three characters', get('/health/live', ...Array.from({ length: 4000 }, () => 'x:'))],
    ['many headers of 17 kB together', get('/health/live', ...Array.from({ length: 170 }, (_, at) => `X-${at}: ${'x'.repeat(100)}`))],
  ])('%s is 431', async (_what, bytes) => {
    expectRawProblem(await exchange(port, bytes), 431, 'header_too_large');
  });

  test('a HEAD that is too large gets no content either', async () => {
    const answer = await exchange(port, get(`/${'x'.repeat(LARGE)}`).replace('GET', 'HEAD'));
    expect([answer.status, answer.body]).toEqual([431, '']);
  });

  test.each([
    ['Content-Length and Transfer-Encoding', lines(post('Content-Length: 5', 'Transfer-Encoding: chunked'), '', '0', '', '')],
    ['Transfer-Encoding and Content-Length', lines(post('Transfer-Encoding: chunked', 'Content-Length: 5'), '', '0', '', '')],
    ['two lengths', lines(post('Content-Length: 5', 'Content-Length: 6'), '', 'hello')],
    ['one length twice', lines(post('Content-Length: 2', 'Content-Length: 2'), '', '{}')],
    ['two lengths in one header', lines(post('Content-Length: 2, 2'), '', '{}')],
    ['a negative length', lines(post('Content-Length: -1'), '', '{}')],
    ['a length with a sign', lines(post('Content-Length: +2'), '', '{}')],
    ['a length in hexadecimal', lines(post('Content-Length: 0x2'), '', '{}')],
    ['a length beyond every number', lines(post(`Content-Length: ${'9'.repeat(40)}`), '', '{}')],
    ['an encoding after chunked', lines(post('Transfer-Encoding: chunked, identity'), '', '0', '', '')],
    ['chunked twice', lines(post('Transfer-Encoding: chunked, chunked'), '', '2', '{}', '0', '', '')],
    ['chunked in two headers', lines(post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), '', '2', '{}', '0', '', '')],
    ['chunked, and an encoding in a second header', lines(post('Transfer-Encoding: chunked', 'Transfer-Encoding: gzip'), '', '0', '', '')],
    ['an encoding that nobody undoes', lines(post('Transfer-Encoding: gzip, chunked'), '', '2', '{}', '0', '', '')],
    ['identity, and chunked in a second header', lines(post('Transfer-Encoding: identity', 'Transfer-Encoding: chunked'), '', '0', '', '')],
    ['chunked with a parameter', lines(post('Transfer-Encoding: chunked;x=1'), '', '0', '', '')],
    ['chunked in quotes', lines(post('Transfer-Encoding: "chunked"'), '', '0', '', '')],
    ['chunked behind a vertical tab', lines(post('Transfer-Encoding:\x0bchunked'), '', '0', '', '')],
    ['chunked in HTTP/1.0', lines(post('Transfer-Encoding: chunked').replace('1.1', '1.0'), '', '2', '{}', '0', '', '')],
    ['an encoding that is none', lines(post('Transfer-Encoding: xchunked'), '', '0', '', '')],
    ['a space before the colon', lines(post('Transfer-Encoding : chunked'), '', '0', '', '')],
    ['a header that is folded', lines(post('Transfer-Encoding:', ' chunked', 'Content-Length: 2'), '', '{}')],
    ['a chunk size that is no number', lines(post('Transfer-Encoding: chunked'), '', 'zz', 'hello', '0', '', '')],
    ['a chunk longer than it says', lines(post('Transfer-Encoding: chunked'), '', '2', 'hello', '0', '', '')],
    ['a chunk size in hexadecimal’s own spelling', lines(post('Transfer-Encoding: chunked'), '', '0x2', '{}', '0', '', '')],
    ['a chunk size with a sign', lines(post('Transfer-Encoding: chunked'), '', '+2', '{}', '0', '', '')],
    ['a chunk size that is negative', lines(post('Transfer-Encoding: chunked'), '', '-2', '{}', '0', '', '')],
    ['a chunk size and a space', lines(post('Transfer-Encoding: chunked'), '', '2 ', '{}', '0', '', '')],
    ['a chunk size beyond every number', lines(post('Transfer-Encoding: chunked'), '', 'f'.repeat(18), '{}', '0', '', '')],
    ['a chunk extension of 20 kB', lines(post('Transfer-Encoding: chunked'), '', `2;x=${'x'.repeat(20_000)}`, '{}', '0', '', '')],
    ['a bare LF after a chunk size', `${post('Transfer-Encoding: chunked')}\r\n\r\n2\n{}\r\n0\r\n\r\n`],
    ['a bare CR after a chunk size', `${post('Transfer-Encoding: chunked')}\r\n\r\n2\r{}\r\n0\r\n\r\n`],
    ['a bare LF after a chunk', `${post('Transfer-Encoding: chunked')}\r\n\r\n2\r\n{}\n0\r\n\r\n`],
    ['a bare LF after the last chunk', `${post('Transfer-Encoding: chunked')}\r\n\r\n2\r\n{}\r\n0\n\n`],
    ['a bare LF in a chunk extension', `${post('Transfer-Encoding: chunked')}\r\n\r\n2;x\nGET / HTTP/1.1\r\n{}\r\n0\r\n\r\n`],
    ['a length behind the chunks', lines(post('Transfer-Encoding: chunked'), '', '2', '{}', '0', 'Content-Length: 50', '', '')],
    ['a length that is empty', lines(post('Content-Length: '), '', '{}')],
    ['a length with a space', lines(post('Content-Length: 2 2'), '', '{}')],
    ['a length with a point', lines(post('Content-Length: 2.0'), '', '{}')],
    ['a space before the colon of a length', lines(post('Content-Length : 2'), '', '{}')],
    ['a bare LF after the request line', `GET /health/live HTTP/1.1\nHost: localhost\r\nConnection: close\r\n\r\n`],
    ['a bare LF after a header', `GET /health/live HTTP/1.1\r\nHost: localhost\nConnection: close\r\n\r\n`],
    ['a bare LF at the end', `GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\n`],
    ['nothing but bare LF', 'GET /health/live HTTP/1.1\nHost: localhost\nConnection: close\n\n'],
    ['a bare CR in a header', 'GET /health/live HTTP/1.1\r\nHost: localhost\rX: x\r\nConnection: close\r\n\r\n'],
    ['a NUL in a header', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\nConnection: close\r\n\r\n'],
    ['a header without a colon', lines('GET /health/live HTTP/1.1', 'Host: localhost', 'nonsense', '', '')],
    ['a header without a name', lines('GET /health/live HTTP/1.1', 'Host: localhost', ': x', '', '')],
    ['no Host', lines('GET /health/live HTTP/1.1', 'Connection: close', '', '')],
    [
      'one Host twice, in another case',
      lines('GET /health/live HTTP/1.1', 'Host: localhost', 'HOST: localhost', 'Connection: close', '', ''),
    ],
    ['two Hosts in HTTP/1.0', lines('GET /health/live HTTP/1.0', 'Host: localhost', 'Host: evil.test', '', '')],
    ['a Host that is folded', lines('GET /health/live HTTP/1.1', 'Host: localhost', ' evil.test', 'Connection: close', '', '')],
    ['a Host that is none', lines('GET /health/live HTTP/1.1', 'Host: local host/x', 'Connection: close', '', '')],
    ['a Host with a user', lines('GET /health/live HTTP/1.1', 'Host: localhost@evil.test', 'Connection: close', '', '')],
    [
      'a header that is folded into nothing we read',
      lines('GET /health/live HTTP/1.1', 'Host: localhost', 'X: a', ' b', 'Connection: close', '', ''),
    ],
    ['a first header that is folded', lines('GET /health/live HTTP/1.1', ' Host: localhost', 'Connection: close', '', '')],
    ['HTTP/2.0 on one line', lines('GET /health/live HTTP/2.0', 'Host: localhost', 'Connection: close', '', '')],
    ['HTTP/1.2', lines('GET /health/live HTTP/1.2', 'Host: localhost', 'Connection: close', '', '')],
    ['an address that is no path', lines('GET health/live HTTP/1.1', 'Host: localhost', 'Connection: close', '', '')],
    ['an address that is a host', lines('GET localhost:80 HTTP/1.1', 'Host: localhost', 'Connection: close', '', '')],
    ['two Hosts', lines('GET /health/live HTTP/1.1', 'Host: localhost', 'Host: evil.test', 'Connection: close', '', '')],
    ['a space in the address', lines('GET /health live HTTP/1.1', 'Host: localhost', '', '')],
    ['a method that is none', lines('FETCH /health/live HTTP/1.1', 'Host: localhost', '', '')],
    ['a method in lower case', lines('get /health/live HTTP/1.1', 'Host: localhost', '', '')],
    ['a version that is none', lines('GET /health/live HTTP/9.9', 'Host: localhost', '', '')],
    ['the preface of HTTP/2', lines('PRI * HTTP/2.0', '', 'SM', '', '')],
    ['a TLS handshake', Buffer.from('16030100c8010000c40303', 'hex')],
    ['nonsense', 'nonsense\r\n\r\n'],
  ])('%s is 400', async (_what, bytes) => {
    expectRawProblem(await exchange(port, bytes), 400, 'malformed_request');
  });

  test.each(['/health/live', '/users/me', '/token', '/'])('TRACE %s is 405 and repeats nothing', async (path) => {
    const answer = await exchange(port, request('TRACE', path, { headers: ['X-Secret: do-not-repeat'] }));
    expectRawProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers['allow']).toMatch(/OPTIONS/);
    expect(answer.wire).not.toContain('do-not-repeat');
  });

  test.each(['example.com:443', 'localhost', '/health/live'])(
    'CONNECT %s makes no tunnel: the connection is closed without a word',
    async (target) => {
      const tunnel = lines(`CONNECT ${target} HTTP/1.1`, 'Host: example.com:443', '', get('/health/live'));
      expect((await exchange(port, tunnel)).wire).toBe('');
    },
  );

  test('OPTIONS * responds with the methods of the server as a whole', async () => {
    const answer = await exchange(port, lines('OPTIONS * HTTP/1.1', 'Host: localhost', 'Connection: close', '', ''));
    expect([answer.status, answer.body]).toEqual([204, '']);
    expect(String(answer.headers['allow']).split(', ').sort()).toEqual(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
  });

  test.each(['GET', 'HEAD', 'POST', 'DELETE'])('%s * asks for no resource: 404', async (method) => {
    const answer = await exchange(port, lines(`${method} * HTTP/1.1`, 'Host: localhost', 'Connection: close', '', ''));
    expect(answer.status).toBe(404);
  });

  test('an expectation that is not known is ignored', async () => {
    const answer = await exchange(port, get('/health/live', 'Expect: miracles'));
    expect([statusesOf(answer), answer.body]).toEqual([[200], '{"status":"live"}']);
    expect(answer.headers).toHaveProperty('x-request-id');
  });

  test('a client that waits for 100 Continue gets it, and then its answer', async () => {
    const answer = await exchange(port, postJson('/token', GOOD_BODY, 'Expect: 100-continue'));
    expect(statusesOf(answer)).toEqual([100, 401]);
  });

  test('an upgrade is not made', async () => {
    const answer = await exchange(
      port,
      lines('GET /health/live HTTP/1.1', 'Host: localhost', 'Connection: Upgrade, close', 'Upgrade: websocket', '', ''),
    );
    expect(answer.status).toBe(200);
  });

  test('a method override is ignored', async () => {
    const answer = await exchange(port, request('POST', '/users/me', { headers: ['X-HTTP-Method-Override: GET', 'Content-Length: 0'] }));
    expectRawProblem(answer, 405, 'method_not_allowed');
  });

  test.each(['http://localhost/health/live', 'http://evil.test/health/live', 'https://x:y@evil.test:1/health/live'])(
    'the path of the absolute form %s is the address, whatever host it names',
    async (target) => {
      const answer = await exchange(port, get(target));
      expect([answer.status, answer.body]).toEqual([200, '{"status":"live"}']);
    },
  );

  test('100 headers are read', async () => {
    const answer = await exchange(port, get('/health/live', ...Array.from({ length: 98 }, () => 'X: x')));
    expect(answer.status).toBe(200);
  });

  test('chunks with short extensions are read', async () => {
    const body = lines(post('Transfer-Encoding: chunked', 'Connection: close'), '', '2;name=value', '{}', '0', '', '');
    expectRawProblem(await exchange(port, body), 422, 'validation_failed');
  });

  test.each(['PUT /token', 'POST /health/live', 'POST /nothing', 'PATCH /users/me'])(
    'what stands in the body of %s, which is refused unread, is not taken for another request',
    async (what) => {
      const inner = get('/users/me/sessions');
      const outer = lines(`${what} HTTP/1.1`, 'Host: localhost', 'Content-Type: text/plain', `Content-Length: ${inner.length}`, '', inner);
      const answer = await exchange(port, outer + get('/health/live'));
      expect(statusesOf(answer)).toEqual([expect.any(Number), 200]);
      expect(answer.wire).toMatch(/\{"status":"live"\}$/);
    },
  );

  test('what stands behind a refused request is not taken for another one', async () => {
    const smuggled = postJson('/token', GOOD_BODY);
    const answer = await exchange(port, lines(post('Content-Length: 4', 'Transfer-Encoding: chunked'), '', '0', '', smuggled));
    expectRawProblem(answer, 400, 'malformed_request');
  });

  test('what stands behind a body that was too large is not taken for another request', async () => {
    const body = 'x'.repeat(200 * 1024);
    const large = lines(post(`Content-Length: ${body.length}`), '', body);
    expectRawProblem(await exchange(port, large + get('/health/live')), 413, 'payload_too_large');
  });

  test('a body that a GET brings along is not taken for another request', async () => {
    const inner = get('/users/me');
    const outer = lines('GET /health/live HTTP/1.1', 'Host: localhost', `Content-Length: ${inner.length}`, '', inner);
    const answer = await exchange(port, outer + get('/health/live'));
    expect(statusesOf(answer)).toEqual([200, 200]);
  });

  test('requests behind each other are answered in their order', async () => {
    const one = lines('GET /health/live HTTP/1.1', 'Host: localhost', '', '');
    const answer = await exchange(port, one + lines('GET /nothing HTTP/1.1', 'Host: localhost', '', '') + get('/users/me'));
    expect(statusesOf(answer)).toEqual([200, 404, 401]);
  });

  test('a request id that would break a line is not taken over', async () => {
    const answer = await exchange(port, get('/health/live', 'X-Request-Id: abc', 'X-Request-Id: def'));
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('a client that hangs up half-way harms nobody', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const whole = postJson('/token', GOOD_BODY);
        await new Promise<void>((gone) => {
          const socket = connect(port, '127.0.0.1', () => socket.write(whole.slice(0, 20 + at * 10), () => socket.destroy()));
          socket.on('error', () => undefined);
          socket.on('close', () => {
            gone();
          });
        });
      }),
    );
    expect((await exchange(port, get('/health/live'))).status).toBe(200);
  });
});
