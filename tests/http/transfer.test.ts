import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';
import express from 'express';
import { createHttpServer } from '../../src/http-server.js';
import { errorHandler } from '../../src/middleware/error-handler.js';
import type { Middleware } from '../../src/middleware/locals.js';
import { requestContext } from '../../src/middleware/request-context.js';
import { createLogger } from '../../src/observability/logger.js';
import { cookieNames } from '../../src/presenters/cookie.presenter.js';
import { mountRoutes } from '../../src/routes/mount.js';
import { handler, type Route } from '../../src/routes/route.js';
import { OPEN_GUARDS } from '../support/guards.js';
import { expectProblem, member } from '../support/answers.js';
import { exchange, listen, stop } from '../support/raw-http.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

const LINES = 'application/x-ndjson';
const HASH = '$2b$04$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW';
const IMPORT = '/admin/users/import';
const EXPORT = '/admin/users/export';
const MEGABYTE = 1024 * 1024;

let auth: StoredApp;
let token: string;
let visitor: string;
beforeAll(async () => {
  auth = await createStoredApp();
  token = await auth.token(await auth.createUser({ username: 'root', roles: ['user', 'admin'] }));
  visitor = await auth.token(await auth.createUser({ username: 'visitor' }));
});
afterAll(() => auth.close());

const send = (
  body: string | Buffer,
  { type = LINES, query = '', by = token }: { type?: string | undefined; query?: string; by?: string } = {},
) => {
  const request = auth.http().post(`${IMPORT}${query}`).set('Authorization', `Bearer ${by}`);
  // supertest would write a text as JSON where it takes the type for that.
  return request.set('Content-Type', type).serialize(String).send(body);
};
const lineOf = (...users: object[]): string => users.map((user) => `${JSON.stringify(user)}\n`).join('');
const linesIn = (text: string): unknown[] => text.split('\n').flatMap((line): unknown[] => (line === '' ? [] : [JSON.parse(line)]));
const statusesIn = (text: string): unknown[] => linesIn(text).map((result) => member(result, 'status'));
const exported = () => auth.http().get(EXPORT).set('Authorization', `Bearer ${token}`).buffer(true);

describe('POST /admin/users/import', () => {
  test('answers a line for each record, and takes the same again', async () => {
    const body = lineOf({ username: 'ada', password_hash: HASH }, { username: 'x' }, { username: 'ROOT' });
    const answer = await send(body);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': LINES, 'cache-control': 'no-store' });
    expect(linesIn(answer.text)).toEqual([
      { line: 1, status: 'created', id: expect.any(Number), username: 'ada' },
      {
        line: 2,
        status: 'failed',
        username: 'x',
        errors: [{ path: 'username', code: 'too_short', message: 'needs 3 characters or more' }],
      },
      { line: 3, status: 'exists', id: 1, username: 'ROOT', notes: ['is there as "root"'] },
    ]);
    expect(statusesIn((await send(body)).text)).toEqual(['exists', 'failed', 'exists']);
    const events = await auth.services.audit.list({ type: 'users.imported' }, { limit: 1 });
    expect(events.items[0]).toMatchObject({ actor: { kind: 'user', id: '1' }, details: { created: 0, existing: 2, failed: 1 } });
  });

  test('changes nothing by a dry run', async () => {
    const before = await auth.users.count();
    expect(statusesIn((await send(lineOf({ username: 'dry' }), { query: '?dry_run=true' })).text)).toEqual(['would_create']);
    expect(await auth.users.count()).toBe(before);
    expect(statusesIn((await send(lineOf({ username: 'dry' }), { query: '?dry_run=false' })).text)).toEqual(['created']);
  });

  test('takes CSV, documents, and exports of others, told by themselves or by ?from=', async () => {
    const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/imports/${name}`, import.meta.url));
    expect(statusesIn((await send('username\r\ncsv-user\r\n', { type: 'text/csv; charset=utf-8' })).text)).toEqual(['created']);
    const table = `sep=;\r\nusername;email;password_hash\nsemicolon-user;;${HASH}\r\nsecond-user;;${HASH}\r`;
    expect(statusesIn((await send(table, { type: 'text/csv' })).text)).toEqual(['created', 'created']);
    expect(statusesIn((await send(lineOf({ username: 'jsonl-user' }), { type: 'application/jsonl' })).text)).toEqual(['created']);
    expect(statusesIn((await send('[{"username":"listed"}]', { type: 'application/json' })).text)).toEqual(['created']);
    const supabase = await send(fixture('supabase.json'), { type: 'application/json', query: '?from=supabase' });
    expect(statusesIn(supabase.text)).toEqual(['created', 'created', 'created', 'skipped', 'skipped', 'failed']);
    const keycloak = await send(fixture('keycloak-realm.json'), { type: 'application/json', query: '?dry_run=true' });
    expect(statusesIn(keycloak.text).slice(0, 2)).toEqual(['exists', 'would_create']);
    const firebase = await send(fixture('firebase.json'), { type: 'application/json' });
    expectProblem(firebase, 422, 'validation_failed', {
      detail:
        'These hashes need the project’s hash parameters, which the command line takes: --firebase-signer-key-file or FIREBASE_SIGNER_KEY, --firebase-salt-separator, --firebase-rounds and --firebase-mem-cost',
    });
  });

  test('is for administrators alone', async () => {
    expectProblem(await send('', { by: visitor }), 403, 'insufficient_scope');
    expectProblem(await auth.http().post(IMPORT).set('Content-Type', LINES).send('{}'), 401, 'authentication_required');
    expectProblem(await auth.http().get(EXPORT).set('Authorization', `Bearer ${visitor}`), 403, 'insufficient_scope');
    expectProblem(await auth.http().get(EXPORT), 401, 'authentication_required');
    expectProblem(await auth.http().get(IMPORT), 405, 'method_not_allowed');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/x-ndjson; charset=latin1'])(
    'a body of type %s is 415',
    async (type) => {
      expectProblem(await send('x', { type }), 415, 'unsupported_media_type');
    },
  );

  test('a query that could be misunderstood is 422', async () => {
    expectProblem(await send('{}', { query: '?dryrun=true' }), 422, 'validation_failed', { errors: [['dryrun', 'unknown']] });
    expectProblem(await send('{}', { query: '?dry_run=yes' }), 422, 'validation_failed', { errors: [['dry_run', 'not_allowed']] });
    expectProblem(await send('{}', { query: '?from=firebase' }), 422, 'validation_failed', { errors: [['from', 'not_allowed']] });
  });

  test('what can’t be read as a whole is a fault, and nothing of it is repeated', async () => {
    const answer = await send(`[{"password_hash":"${HASH}"`, { type: 'application/json' });
    expectProblem(answer, 400, 'malformed_request', { detail: 'The document is not JSON' });
    expectProblem(await send(`user,${HASH}\na,b\n`, { type: 'text/csv' }), 422, 'validation_failed', {
      errors: [
        ['user', 'unknown'],
        ['', 'unknown'],
      ],
    });
    expect((await send('')).status).toBe(200);
  });

  test('takes 10 MB, packed or not, and no more', async () => {
    const large = Buffer.alloc(10 * MEGABYTE, '\n');
    large.write(lineOf({ username: 'large' }));
    expect(statusesIn((await send(large)).text)).toEqual(['created']);
    const tooLarge = { detail: 'The body is larger than 10 MB: send it in pieces, or use the command line' };
    expectProblem(await send(Buffer.alloc(10 * MEGABYTE + 1, ' ')), 413, 'payload_too_large', tooLarge);
    const packed = (size: number) =>
      auth
        .http()
        .post(IMPORT)
        .set({ Authorization: `Bearer ${token}`, 'Content-Type': LINES, 'Content-Encoding': 'gzip' })
        .send(gzipSync(Buffer.alloc(size, ' ')));
    expect((await packed(MEGABYTE)).status).toBe(200);
    expectProblem(await packed(11 * MEGABYTE), 413, 'payload_too_large', tooLarge);
  });
});

describe('GET /admin/users/export', () => {
  test('gives every user in the form that an import reads, and nobody’s hash', async () => {
    await send(
      lineOf({ username: 'canary', email: 'canary@example.com', email_verified: true, roles: ['user', 'admin'], password_hash: HASH }),
    );
    const answer = await exported();
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': LINES,
      'cache-control': 'no-store',
      'content-disposition': 'attachment; filename="users.jsonl"',
    });
    expect(answer.headers).not.toHaveProperty('content-length');
    expect(answer.text).not.toMatch(/\$2|hash/);
    const users = linesIn(answer.text);
    expect(users).toHaveLength(await auth.users.count());
    expect(users).toContainEqual({
      id: expect.any(Number),
      username: 'canary',
      email: 'canary@example.com',
      email_verified: true,
      email_verified_at: new Date(auth.clock.now()).toISOString(),
      display_name: null,
      roles: ['user', 'admin'],
      disabled: false,
      created_at: new Date(auth.clock.now()).toISOString(),
    });
    expect(statusesIn((await send(answer.text)).text)).toEqual(users.map(() => 'exists'));
    expect(auth.log.filter((line) => line.includes(HASH))).toEqual([]);
  });

  test('gives HEAD its headers alone, and records no export', async () => {
    const count = async () => (await auth.services.audit.list({ type: 'users.exported' }, { limit: 100 })).items.length;
    const before = await count();
    const head = await auth.http().head(EXPORT).set('Authorization', `Bearer ${token}`);
    expect([head.status, head.headers['content-type'], head.text]).toEqual([200, LINES, undefined]);
    expect(await count()).toBe(before);
    await exported();
    expect(await count()).toBe(before + 1);
  });
});

describe('an answer that is sent as it comes', () => {
  let server: Server;
  let port: number;
  const log: string[] = [];
  let ended = Promise.resolve();

  async function* failingAt(pieces: number): AsyncGenerator<string> {
    for (let sent = 0; sent < pieces; sent += 1) yield await Promise.resolve('x'.repeat(20_000));
    throw new Error('the database is gone');
  }
  async function* endless(over: () => void): AsyncGenerator<string> {
    try {
      for (;;) yield await Promise.resolve('x'.repeat(20_000));
    } finally {
      over();
    }
  }
  const routeOf = (path: string, data: () => AsyncIterable<string>): Route => ({
    method: 'get',
    path,
    guard: 'public',
    standalone: true,
    handler: handler({}, () => ({ status: 200, content: { type: LINES, data: data() } })),
    id: path,
    tag: 'Operations',
    summary: path,
    replies: {},
  });

  beforeAll(async () => {
    const pass: Middleware = (_req, _res, next) => {
      next();
    };
    const routes = [
      routeOf('/at-once', () => failingAt(0)),
      routeOf('/later', () => failingAt(3)),
      routeOf('/endless', () => {
        let over = (): void => undefined;
        ended = new Promise((done) => {
          over = done;
        });
        return endless(over);
      }),
    ];
    const logger = createLogger({ level: 'info', readable: false, destination: { write: (line) => log.push(line) } });
    const app = express();
    app.use(requestContext(logger));
    mountRoutes(app, routes, {
      limiter: (_res, _uses, work) => work(),
      guards: OPEN_GUARDS,
      cookies: { names: cookieNames('__Host-refresh_token'), origins: new Set(), isOwnToken: () => false },
      turn: pass,
      ready: pass,
      requests: { run: (work) => work() },
    });
    app.use(errorHandler({ logger, databaseFault: () => undefined }));
    server = createHttpServer(app);
    port = await listen(server);
  });
  afterAll(() => stop(server));

  test('is a fault where nothing of it could be made, and cut off where the rest could not', async () => {
    const get = (path: string) => exchange(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect((await get('/at-once')).status).toBe(500);
    const { wire } = await get('/later');
    expect(wire).toContain('xxx');
    // The last chunk, of no bytes, is what tells a client that this was all.
    expect(wire.endsWith('\r\n0\r\n\r\n')).toBe(false);
    expect(log.filter((line) => line.includes('the database is gone'))).toHaveLength(2);
  });

  test('ends its work where the client hangs up, and is no failure', async () => {
    log.length = 0;
    const request = httpRequest({ port, host: '127.0.0.1', path: '/endless' }).end();
    await once(request, 'response');
    request.on('error', () => undefined).destroy();
    await ended;
    await new Promise((later) => setTimeout(later, 20));
    expect(log.some((line) => line.includes('request failed'))).toBe(false);
    expect(log.some((line) => line.includes('request aborted'))).toBe(true);
  });
});
