import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { createDatabase } from '../../src/adapters/database.js';
import { createHasher } from '../../src/adapters/hasher.js';
import type { Reply } from '../../src/controllers/reply.js';
import { createHttpServer } from '../../src/http-server.js';
import { errorHandler } from '../../src/middleware/error-handler.js';
import type { WorkQueue } from '../../src/adapters/work-queue.js';
import type { Middleware } from '../../src/middleware/locals.js';
import type { Limiter } from '../../src/middleware/rate-limit.js';
import { requestContext } from '../../src/middleware/request-context.js';
import { createLogger } from '../../src/observability/logger.js';
import { cookieNames } from '../../src/presenters/cookie.presenter.js';
import { mountRoutes } from '../../src/routes/mount.js';
import { handler, type Route } from '../../src/routes/route.js';
import { OPEN_GUARDS } from '../support/guards.js';
import { createDumper, differences, type Dump } from '../support/database-dump.js';
import { exchange, expectRawProblem, get, listen, postJson, stop } from '../support/raw-http.js';
import { eventually } from '../support/service-process.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { openTarget, type TestTarget } from '../support/test-database.js';

const INSIDE = 'the inside of the house';
const fail = (): never => {
  throw new TypeError(INSIDE);
};
const failLater = (): Promise<never> => Promise.resolve().then(fail);
const pass: Middleware = (_req, _res, next) => {
  next();
};

/** Faults that would end the process, did anybody leave them to it. */
const strays: unknown[] = [];
const stray = (error: unknown): void => {
  strays.push(error);
};
beforeAll(() => {
  process.on('unhandledRejection', stray);
  process.on('uncaughtException', stray);
});
afterAll(() => {
  process.off('unhandledRejection', stray);
  process.off('uncaughtException', stray);
  expect(strays).toEqual([]);
});

describe('an error that is thrown by', () => {
  const route = (path: string, run: () => Reply | Promise<Reply>, more: Partial<Route> = { standalone: true }): Route => ({
    method: 'get',
    path,
    guard: 'public',
    handler: handler({}, run),
    id: path,
    tag: 'Operations',
    summary: path,
    replies: {},
    ...more,
  });
  const fine = (): Reply => ({ status: 200, json: {} });
  const withContent = (data: AsyncIterable<string>): Reply => ({ status: 200, content: { type: 'text/plain', data } });
  async function* failingFirst(): AsyncGenerator<string> {
    yield await failLater();
  }
  /** Each path fails in another layer. */
  const routes = [
    route('/guard', fine, { standalone: true, guard: { scope: 'now' } }),
    route('/guard-later', fine, { standalone: true, guard: { scope: 'later' } }),
    route('/ready', fine, {}),
    route('/controller', fail),
    route('/controller-later', failLater),
    route('/presenter', () => ({ status: 200, json: { toJSON: fail } })),
    route('/number', () => ({ status: 200, json: 10n })),
    route('/header', () => ({ status: 200, headers: { 'X-Bad': 'a\nb' } })),
    route('/stream', () => withContent(failingFirst())),
    // What only looks like a fault of ours, or of Express, says nothing of the client.
    route('/status', () => Promise.reject(Object.assign(new Error(INSIDE), { status: 200 }))),
    route('/text', () => Promise.reject(new AggregateError([INSIDE]))),
    route('/fine', fine),
  ];
  const log: string[] = [];
  let server: Server;
  let port: number;
  beforeAll(async () => {
    const logger = createLogger({ level: 'info', readable: false, destination: { write: (line) => log.push(line) } });
    const guards = { ...OPEN_GUARDS, withScope: (scope: string): Middleware => (scope === 'now' ? fail : failLater) };
    const app = express().disable('x-powered-by');
    app.use(requestContext(logger));
    app.get('/middleware', fail);
    app.get('/middleware-later', failLater);
    const limiter: Limiter = (_res, _uses, work) => work();
    const requests: Pick<WorkQueue, 'run'> = { run: (work) => work() };
    mountRoutes(app, routes, {
      guards,
      limiter,
      requests,
      cookies: { names: cookieNames('__Host-refresh_token'), origins: new Set(), isOwnToken: () => false },
      turn: pass,
      ready: fail,
    });
    app.use(errorHandler({ logger, databaseFault: () => undefined }));
    server = createHttpServer(app);
    port = await listen(server);
  });
  afterAll(() => stop(server));

  test.each([...routes.map(({ path }) => path).filter((path) => path !== '/fine'), '/middleware', '/middleware-later'])(
    '%s is one 500 that tells nothing, logged once, and the next request is answered',
    async (path) => {
      log.length = 0;
      const answer = await exchange(port, get(path));
      expectRawProblem(answer, 500, 'internal_error');
      expect(answer.wire).not.toMatch(/inside of the house|\.ts|node_modules|TypeError| at /);
      await eventually(() => log.length === 2);
      expect(log.filter((line) => line.includes('request failed'))).toHaveLength(1);
      expect((await exchange(port, get('/fine'))).status).toBe(200);
    },
  );
});

describe('in the whole service', () => {
  let place: TestTarget;
  let auth: TestApp;
  let server: Server;
  let port: number;
  let dump: () => Promise<Dump>;
  /** What comes before each hash and each query. */
  let before: { readonly hash?: () => Promise<unknown>; readonly query?: () => Promise<unknown> } = {};
  let token: string;
  let admin: string;
  beforeAll(async () => {
    place = await openTarget('SQLite in memory');
    const database = createDatabase(place.target);
    const query = database.sequelize.query.bind(database.sequelize);
    const inner = createHasher({ threads: 1, queueLimit: 100 });
    const digest: typeof inner.digest = async (...given) => {
      await before.hash?.();
      return inner.digest(...given);
    };
    auth = await createTestApp({ DATABASE_URL: place.url }, { database, hasher: { ...inner, digest } });
    dump = await createDumper(database);
    Object.assign(database.sequelize, {
      query: async (...given: unknown[]): Promise<unknown> => {
        await before.query?.();
        return Reflect.apply(query, undefined, given);
      },
    });
    token = await auth.token(await auth.createUser());
    admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
    server = createHttpServer(auth.app);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
    await place.drop();
  });

  const register = (username: string): string => postJson('/register', JSON.stringify({ username, password: 'a passphrase of somebody' }));
  const me = (): string => get('/users/me', `Authorization: Bearer ${token}`);

  test.each([
    ['the adapter that hashes', { hash: failLater }, () => register('bob')],
    ['a model that reads', { query: failLater }, me],
    ['a model that writes', { query: failLater }, () => register('bob')],
  ])('an error of %s is one 500, nothing is half done, and all goes on', async (_what, failing, request) => {
    const was = await dump();
    before = failing;
    const answer = await exchange(port, request());
    before = {};
    expectRawProblem(answer, 500, 'internal_error');
    expect(answer.wire).not.toContain(INSIDE);
    expect(differences(was, await dump())).toEqual([]);
    expect((await exchange(port, me())).status).toBe(200);
  });

  const linesOf = (path: string): string[] => auth.log.filter((line) => line.includes(`"path":"${path}"`));
  /** Sends that, hangs up once `isThere` says so, and resolves when the service has noticed. */
  const hangUp = async (path: string, bytes: string, isThere: Promise<unknown>): Promise<void> => {
    auth.log.length = 0;
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined).write(bytes);
    await isThere;
    socket.destroy();
    await eventually(() => linesOf(path).length > 0);
  };
  /** Something that begins, and goes on when it is told to. */
  const gate = (): { wait: () => Promise<void>; begun: Promise<void>; open: () => void } => {
    let [begin, open] = [(): void => undefined, (): void => undefined];
    const begun = new Promise<void>((done) => (begin = done));
    const opened = new Promise<void>((done) => (open = done));
    const wait = (): Promise<void> => {
      begin();
      return opened;
    };
    return { wait, begun, open };
  };
  const expectAborted = (path: string): void => {
    expect(linesOf(path)).toEqual([expect.stringContaining('request aborted')]);
    expect(auth.log.filter((line) => line.includes('request failed'))).toEqual([]);
  };

  test('who hangs up in the middle of the body has changed nothing, and is no failure', async () => {
    const was = await dump();
    const whole = register('cut-off');
    const arrived = new Promise((done) => server.once('request', done));
    await hangUp('/register', whole.slice(0, -10), arrived);
    // It can't be told from one who goes on reading: it is answered, and that is what the log says.
    expect(linesOf('/register')).toEqual([expect.stringContaining('malformed_request')]);
    expect(auth.log.filter((line) => line.includes('request failed'))).toEqual([]);
    expect(differences(was, await dump())).toEqual([]);
    expect((await exchange(port, me())).status).toBe(200);
  });

  test('who hangs up while the hash is made is registered as a whole, and is no failure', async () => {
    const hashing = gate();
    before = { hash: hashing.wait };
    await hangUp('/register', register('impatient'), hashing.begun);
    before = {};
    hashing.open();
    const logIn = postJson('/token', JSON.stringify({ username: 'impatient', password: 'a passphrase of somebody' }));
    await eventually(async () => (await exchange(port, logIn)).status === 200);
    expectAborted('/register');
    expect((await exchange(port, register('impatient'))).status).toBe(409);
  });

  test('who hangs up before the first piece of an export is no failure, and all goes on', async () => {
    const reading = gate();
    before = { query: reading.wait };
    await hangUp('/admin/users/export', get('/admin/users/export', `Authorization: Bearer ${admin}`), reading.begun);
    before = {};
    reading.open();
    const exported = await exchange(port, get('/admin/users/export', `Authorization: Bearer ${admin}`));
    expect(exported.status).toBe(200);
    const [first, ...more] = linesOf('/admin/users/export');
    expect([first, ...more]).toHaveLength(2);
    expect(first).toContain('request aborted');
    expect(auth.log.filter((line) => line.includes('request failed'))).toEqual([]);
  });
});
