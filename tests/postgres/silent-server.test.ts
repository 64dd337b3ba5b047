import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { expectProblem } from '../support/answers.js';
import { createTestApp, freshSchema, type TestApp } from '../support/test-app.js';

/** A way to PostgreSQL that can fall silent: connections stay, and new ones are taken, but nothing passes. */
interface Line {
  readonly port: number;
  hush(silent: boolean): void;
  close(): void;
}

async function openLine(target: { host: string; port: number }): Promise<Line> {
  let silent = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(target.port, target.host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('data', (data) => other.write(data));
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('error', () => undefined);
      if (silent) socket.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return {
    port: address.port,
    hush: (hushed) => {
      silent = hushed;
      for (const socket of sockets) {
        if (hushed) socket.pause();
        else socket.resume();
      }
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const SERVER = process.env['TEST_DATABASE_URL'] ?? 'postgres://unset';
let schema: Awaited<ReturnType<typeof freshSchema>>;
let line: Line;
let auth: TestApp;

beforeAll(async () => {
  schema = await freshSchema(SERVER);
  const url = new URL(schema.url);
  line = await openLine({ host: url.hostname, port: Number(url.port || 5432) });
  url.hostname = '127.0.0.1';
  url.port = String(line.port);
  auth = await createTestApp({ DATABASE_URL: url.toString() });
});
afterAll(async () => {
  await auth.close();
  line.close();
  await schema.drop();
});

test('a PostgreSQL that is connected and silent is a fault in bounded time, and heals by itself', async () => {
  const { username, password } = await auth.createUser();
  const logIn = () => auth.http().post('/token').send({ username, password });
  const register = () => auth.http().post('/register').send({ username: 'ada', password });
  expect((await logIn()).status).toBe(200);

  line.hush(true);
  // The first meets a connection that it had, the later ones may have to make one.
  for (let round = 0; round < 2; round += 1) {
    expectProblem(await logIn(), 503, 'unavailable', { oauth: 'temporarily_unavailable' });
    expectProblem(await register(), 503, 'unavailable');
    expect((await auth.http().get('/health/ready')).body).toMatchObject({ status: 503, parts: { database: { status: 'down' } } });
    expect((await auth.http().get('/health/live')).status).toBe(200);
  }

  line.hush(false);
  expect((await logIn()).status).toBe(200);
  expect((await register()).status).toBe(201);
  expect((await auth.http().get('/health/ready')).status).toBe(200);
});
