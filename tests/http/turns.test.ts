import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import express from 'express';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { errorHandler } from '../../src/middleware/error-handler.js';
import { inTurn } from '../../src/middleware/in-turn.js';
import { requestContext } from '../../src/middleware/request-context.js';
import { createLogger } from '../../src/observability/logger.js';
import { listen, stop } from '../support/raw-http.js';

const MANY = 50;
/** So many may wait for their turn. */
const MOST = 60;
const WORK_MS = 5;

/** Keeps the event loop busy. */
const work = (): void => {
  const end = performance.now() + WORK_MS;
  while (performance.now() < end);
};

describe('requests that come in one moment', () => {
  let begun: string[];
  const logger = createLogger({ level: 'silent', readable: false });
  const app = express();
  app.set('trust proxy', 1);
  app.get('/live', (_req, res) => {
    begun.push('live');
    res.end();
  });
  app.use(requestContext(logger), inTurn(MOST));
  app.get('/busy/:index', ({ params }, res) => {
    begun.push(params.index);
    work();
    res.end();
  });
  app.use(errorHandler({ logger, databaseFault: () => undefined }));
  const server = createServer(app);
  let port: number;
  beforeEach(async () => {
    begun = [];
    port = await listen(server);
  });
  afterEach(() => stop(server));

  /** Sends each over a connection that is accepted before the first is sent: Node accepts one a turn. The last is sent from another client. */
  async function sendAtOnce(paths: readonly string[], last: readonly string[] = []): Promise<void> {
    const sockets: Socket[] = [];
    while (sockets.length < paths.length + last.length) {
      const taken = once(server, 'connection');
      sockets.push(connect(port, '127.0.0.1'));
      await taken;
    }
    const answered = Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
    const head = (path: string, from: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${from}\r\nConnection: close\r\n\r\n`;
    for (const [index, path] of paths.entries()) sockets[index]?.write(head(path, '198.51.100.7'));
    for (const [index, path] of last.entries()) sockets[paths.length + index]?.write(head(path, '203.0.113.9'));
    await answered;
  }
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const indexes = Array.from({ length: MANY }, (_, index) => String(index));

  test('are begun in their order, all of them, and a sign of life does not wait for them', async () => {
    await sendAtOnce([...indexes.map((index) => `/busy/${index}`), '/live']);
    expect(begun.filter((path) => path !== 'live')).toEqual(indexes);
    expect(begun.indexOf('live')).toBeLessThan(MANY / 2);
  });

  test('are refused at once beyond as many as may wait, also over one connection, and the others are answered in their order', async () => {
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    let wire = '';
    client.on('data', (chunk: Buffer) => (wire += chunk.toString()));
    const paths = Array.from({ length: 3 * MOST }, (_, index) => `/busy/${index}`);
    client.write(paths.map(ask).join('') + 'GET /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(client, 'close');
    const statuses = [...wire.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect(statuses).toHaveLength(3 * MOST + 1);
    expect(new Set(statuses)).toEqual(new Set(['200', '503']));
    const worked = begun.filter((path) => path !== 'live');
    expect(worked.length).toBeLessThan(2 * MOST);
    expect(worked).toEqual(paths.slice(0, worked.length).map((path) => path.slice('/busy/'.length)));
    expect(wire).toContain('"overloaded"');
  });

  test('begin by turns of their clients, and the surplus of one client refuses no other’s', async () => {
    const many = Array.from({ length: 3 * MOST }, (_, index) => `/busy/${index}`);
    await sendAtOnce(many, ['/busy/other-1', '/busy/other-2']);
    expect(begun.length).toBeLessThan(many.length);
    expect(begun).toEqual(expect.arrayContaining(['other-1', 'other-2']));
    expect(begun.indexOf('other-2')).toBeLessThan(begun.length - MOST / 2);
  });

  test('are not begun for whoever has hung up', async () => {
    const [gone, stays] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all([once(gone, 'connect'), once(stays, 'connect')]);
    gone.write(indexes.map((index) => ask(`/busy/${index}`)).join(''));
    gone.resetAndDestroy();
    stays.write('GET /busy/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(stays.resume(), 'close');
    expect(begun.length).toBeLessThan(MANY);
    expect(begun.at(-1)).toBe('last');
  });

  test('are begun as well when there is time again', async () => {
    await sendAtOnce(indexes.map((index) => `/busy/${index}`));
    await sendAtOnce(['/busy/last']);
    expect(begun).toEqual([...indexes, 'last']);
  });
});
