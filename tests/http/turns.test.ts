import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import express from 'express';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { inTurn } from '../../src/middleware/in-turn.js';
import { listen, stop } from '../support/raw-http.js';

const MANY = 50;
const WORK_MS = 5;

/** Keeps the event loop busy. */
const work = (): void => {
  const end = performance.now() + WORK_MS;
  while (performance.now() < end);
};

describe('requests that come in one moment', () => {
  let begun: string[];
  const app = express();
  app.get('/live', (_req, res) => {
    begun.push('live');
    res.end();
  });
  app.use(inTurn());
  app.get('/work/:index', ({ params }, res) => {
    begun.push(params.index);
    work();
    res.end();
  });
  const server = createServer(app);
  let port: number;
  beforeEach(async () => {
    begun = [];
    port = await listen(server);
  });
  afterEach(() => stop(server));

  /** Each over a connection that was taken before the first is sent: Node takes one a turn. */
  async function sendAtOnce(paths: readonly string[]): Promise<void> {
    const sockets: Socket[] = [];
    while (sockets.length < paths.length) {
      const taken = once(server, 'connection');
      sockets.push(connect(port, '127.0.0.1'));
      await taken;
    }
    const answered = Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
    for (const [index, path] of paths.entries()) sockets[index]?.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await answered;
  }
  const indexes = Array.from({ length: MANY }, (_, index) => String(index));

  test('are begun in their order, all of them, and a sign of life does not wait for them', async () => {
    await sendAtOnce([...indexes.map((index) => `/work/${index}`), '/live']);
    expect(begun.filter((path) => path !== 'live')).toEqual(indexes);
    expect(begun.indexOf('live')).toBeLessThan(MANY / 2);
  });

  test('are begun as well when there is time again', async () => {
    await sendAtOnce(indexes.map((index) => `/work/${index}`));
    await sendAtOnce(['/work/last']);
    expect(begun).toEqual([...indexes, 'last']);
  });
});
