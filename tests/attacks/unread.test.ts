import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { createHasher } from '../../src/adapters/hasher.js';
import { createHttpServer, LIMITS } from '../../src/http-server.js';
import { exchange, get, keepConnection, listen, postJson, statusesOf, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const SHORT = {
  keepAliveTimeout: 100,
  unreadTimeout: 300,
  readTimeout: 60_000,
  answerTimeout: 60_000,
  headersTimeout: 200,
  connectionsCheckingInterval: 50,
};
const LARGE = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** More than the buffers between two sockets of one machine hold. */
const MANY = 20;
const LOG_IN = postJson('/token', '{"username":"ada","password":"a wrong password"}');

/** Its comparisons take longer than anybody is waited for who does not read. */
const slowHasher = () => ({
  ...createHasher({ threads: 1, queueLimit: 10 }),
  matches: () => new Promise<boolean>((done) => setTimeout(done, 3 * SHORT.unreadTimeout, false)),
});

describe('a client that does not read', () => {
  let auth: TestApp;
  let servers: Server[] = [];
  beforeAll(async () => {
    auth = await createTestApp({}, { hasher: slowHasher() });
    await auth.http().get('/health/ready');
  });
  afterEach(async () => {
    for (const server of servers) await stop(server);
    servers = [];
  });
  afterAll(() => auth.close());

  const start = async (limits: Partial<typeof SHORT> = {}): Promise<{ server: Server; port: number }> => {
    const server = createHttpServer(auth.app, { ...SHORT, ...limits });
    servers.push(server);
    return { server, port: await listen(server) };
  };
  /** Asks for a great deal; resolves with the client’s end and with the server’s. */
  const askForMuch = async (server: Server, port: number): Promise<{ client: Socket; theirs: Socket }> => {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    const theirs = await new Promise<Socket>((come) => server.once('connection', come));
    client.write(LARGE.repeat(MANY));
    return { client, theirs };
  };

  test('any of its answer is left, and what was to be sent is let go', async () => {
    const { server, port } = await start();
    const { client, theirs } = await askForMuch(server, port);
    client.pause();
    await once(theirs, 'close');
    expect([theirs.destroyed, theirs.writableLength]).toEqual([true, 0]);
    client.destroy();
    expect((await exchange(port, get('/health/live'))).status).toBe(200);
  });

  test('but a little of its answer at a time is left when its time is over', async () => {
    const { server, port } = await start({ readTimeout: 1000, unreadTimeout: 60_000 });
    const began = performance.now();
    const { client, theirs } = await askForMuch(server, port);
    let taken = 0;
    // Reads no further ahead than its own small buffer.
    client.on('readable', () => undefined);
    const sip = setInterval(() => {
      const chunk: unknown = client.read(1024);
      if (Buffer.isBuffer(chunk)) taken += chunk.length;
    }, 20);
    await once(theirs, 'close');
    clearInterval(sip);
    client.destroy();
    expect(taken).toBeGreaterThan(0);
    expect(performance.now() - began).toBeGreaterThanOrEqual(900);
  });

  test('all of an answer that took long to make is given the time to', async () => {
    const TIME = { readTimeout: 2000, unreadTimeout: 60_000 };
    // More than the buffers hold, and read in a small part of the time also on a machine under load.
    const size = 16 * 1024 * 1024;
    const made = express().get('/', (_req, res) => {
      res.write('a');
      setTimeout(() => res.end(Buffer.alloc(size)), 2 * TIME.readTimeout);
    });
    const server = createHttpServer(made, { ...SHORT, ...TIME });
    servers.push(server);
    const client = connect(await listen(server), '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await sleep(2 * TIME.readTimeout + TIME.readTimeout / 10);
    let read = 0;
    for await (const chunk of client) if (Buffer.isBuffer(chunk)) read += chunk.length;
    expect(read).toBeGreaterThan(size);
  });

  test('all of a long answer, but asks for more meanwhile, has that long for each', async () => {
    const TIME = { readTimeout: 1000, unreadTimeout: 60_000 };
    const made = express()
      .get('/long', (_req, res) => {
        const drip = setInterval(() => res.write('a'), 50);
        setTimeout(() => {
          clearInterval(drip);
          res.end();
        }, 3 * TIME.readTimeout);
      })
      .get('/short', (_req, res) => res.end('short'));
    const server = createHttpServer(made, { ...SHORT, ...TIME });
    servers.push(server);
    const client = keepConnection(await listen(server));
    client.send('GET /long HTTP/1.1\r\nHost: localhost\r\n\r\nGET /short HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await client.closed).toMatch(/short$/);
  });

  test('because there is nothing yet is waited for', async () => {
    const { port } = await start();
    expect(statusesOf(await exchange(port, LOG_IN))).toEqual([401]);
  });

  test('because it asks no more for a while may ask again, however short its time to send and to read is', async () => {
    const { port } = await start({ keepAliveTimeout: 60_000 });
    const idle = keepConnection(port);
    idle.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.received('"live"');
    await sleep(3 * SHORT.unreadTimeout);
    idle.send(get('/health/ready'));
    expect(statusesOf({ wire: await idle.closed })).toEqual([200, 200]);
  });

  test('is kept longer than balancers keep their connections to it', () => {
    expect(LIMITS.keepAliveTimeout).toBeGreaterThan(60_000 + LIMITS.connectionsCheckingInterval);
  });

  test('and asks no more is hung up on', async () => {
    const { port } = await start();
    const idle = keepConnection(port);
    idle.send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.received('"live"');
    expect(statusesOf({ wire: await idle.closed })).toEqual([200]);
  });
});
