import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { placeFastApiDatabase, query } from '../support/fastapi.js';
import { occupyPort, type RunningServer, useProcesses } from '../support/process.js';
import { keepConnection, type KeptConnection, postJson, statusesOf } from '../support/raw-http.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const PASSWORD = 'a password of my own';
const randomKey = (): string => randomBytes(64).toString('base64url');
const CHEAP = { BCRYPT_ROUNDS: '4' };

const post = (server: RunningServer, path: string, body: object): Promise<Response> =>
  fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const register = (server: RunningServer, username: string) => post(server, '/register', { username, password: PASSWORD });
const logIn = (server: RunningServer, username: string) => post(server, '/token', { username, password: PASSWORD });
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

async function accessToken(response: Response): Promise<string> {
  const body: unknown = await response.json();
  if (typeof body !== 'object' || body === null || !('access_token' in body)) throw new TypeError('there is no token in it');
  return String(body.access_token);
}

/** A start that fails: its lines on standard error. */
async function refusal(settings: Record<string, string>): Promise<string[]> {
  const { code, stdout, stderr } = await processes.runFile('src/server.ts', { cwd: folder.path, settings }).finished;
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toMatch(/^\s+at /m);
  return lines(stderr);
}

describe('a server that can’t start says why and ends', () => {
  test('bad settings: one line each, without the values of secrets', async () => {
    const told = await refusal({
      PORT: '80000',
      CORS_ORIGINS: '*',
      ALGORITHM: 'none',
      SECRET_KEY: 'canary',
      DATABASE_URL: 'mysql://root:canary@db/auth',
    });
    expect(told.map((line) => line.split(/[ [:]/)[0]).sort()).toEqual(['ALGORITHM', 'CORS_ORIGINS', 'DATABASE_URL', 'PORT', 'SECRET_KEY']);
    expect(told.join()).not.toContain('canary');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('production without keys: the command that makes one', async () => {
    const told = await refusal({ NODE_ENV: 'production', ISSUER: 'https://auth.example.com' });
    expect(told).toEqual([expect.stringMatching(/^SECRET_KEY .*node -e/), expect.stringMatching(/^ROOT_KEY .*node -e/)]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('a bad setting in .env counts like one of the environment, which stands before it', async () => {
    writeFileSync(folder.file('.env'), 'PORT=eighty\nLOG_LEVEL=loud\n');
    const told = await refusal({ PORT: '8123' });
    expect(told).toEqual([expect.stringMatching(/^LOG_LEVEL /)]);
  });

  test('an .env that can’t be read: one line that names it', async () => {
    mkdirSync(folder.file('.env'));
    expect(await refusal({})).toEqual([expect.stringMatching(/^\.env can't be read \(EISDIR\)/)]);
  });

  test('a port in use: one line that names it', async () => {
    const { port, server } = await occupyPort();
    const child = processes.runFile('src/server.ts', { cwd: folder.path, settings: { PORT: String(port) } });
    const { code, stderr } = await child.finished;
    server.close();
    expect(code).toBe(1);
    expect(lines(stderr)).toEqual([
      expect.stringMatching(new RegExp(`^start_failed: PORT: ${port} is in use on 127\\.0\\.0\\.1\\. .*another PORT`)),
    ]);
  });

  test('a HOST that is not of this machine: one line that names it', async () => {
    const child = processes.runFile('src/server.ts', { cwd: folder.path, settings: { HOST: '192.0.2.1' } });
    const { code, stderr } = await child.finished;
    expect(code).toBe(1);
    expect(lines(stderr)).toEqual([expect.stringMatching(/^start_failed: HOST: 192\.0\.2\.1 .*another HOST$/)]);
  });

  test.each([
    ['is missing', 'missing/auth.db'],
    ['is a file', 'notes.txt/auth.db'],
  ])('a folder for the database that %s: one line that names it', async (_, name) => {
    writeFileSync(folder.file('notes.txt'), 'notes');
    const told = await refusal({ DATABASE_URL: `sqlite:${name}` });
    expect(told).toEqual([expect.stringMatching(/^DATABASE_URL: .*[Mm]ake/)]);
    expect(told[0]).toContain(name.split('/')[0]);
    expect(readdirSync(folder.path)).toEqual(['notes.txt']);
  });

  test('a file that is no database: one line that names it', async () => {
    writeFileSync(folder.file('auth.db'), 'notes of mine\n'.repeat(100));
    const told = await refusal({ DATABASE_URL: 'sqlite:auth.db', SECRET_KEY: randomKey(), ROOT_KEY: randomKey() });
    expect(told).toEqual([expect.stringMatching(/^start_failed: DATABASE_URL: auth\.db is not a SQLite database/)]);
  });
});

/** A module that makes a process throw, or reject, where nothing catches it. */
const faulty = (statement: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => { ${statement} });`)}`,
});

describe('what nothing catches', () => {
  test.each([
    ['an error that is thrown', "setTimeout(() => { throw new Error('thrown far away'); })", 'uncaught exception', 'thrown far away'],
    ['a rejection', "void Promise.reject(new TypeError('rejected far away'))", 'unhandled rejection', 'rejected far away'],
  ])('%s is logged as fatal, requests under way finish, and the process ends with 1', async (_, statement, what, message) => {
    const settings = { BCRYPT_ROUNDS: '12', HASH_THREADS: '1', NODE_ENV: 'test', ...faulty(statement) };
    const server = await processes.startServer({ cwd: folder.path, settings });
    expect((await register(server, 'ada')).status).toBe(201);
    const underWay = [logIn(server, 'ada'), logIn(server, 'ada'), logIn(server, 'ada')];
    await Promise.race(underWay);
    server.signal('SIGUSR2');
    expect((await Promise.all(underWay)).map(({ status }) => status)).toEqual([200, 200, 200]);
    const { code, stdout, stderr } = await server.finished;
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const fatal = lines(stdout).filter((line) => line.includes('"level":"fatal"'));
    expect(fatal).toEqual([expect.stringContaining(`"msg":"${what}"`)]);
    expect(fatal[0]).toContain(message);
    expect(lines(stdout).at(-1)).toContain('"msg":"stopped"');
  });

  test.each([
    ['thrown', "setTimeout(() => { throw 'canary'; })"],
    ['rejected', "void Promise.reject({ token: 'canary', text: 'canary' })"],
  ])('a %s value that is no error is not in the log, as it may be a secret', async (_, statement) => {
    const server = await processes.startServer({ cwd: folder.path, settings: faulty(statement) });
    server.signal('SIGUSR2');
    const { code, stdout, stderr } = await server.finished;
    expect(code).toBe(1);
    expect(stdout).toMatch(/FATAL un\w+ \w+ \{"type":"\w+"\}/);
    expect(stdout + stderr).not.toContain('canary');
  });
});

describe('the log in development', () => {
  test('has one readable line a request, and a last one at SIGTERM', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: CHEAP });
    expect((await register(server, 'ada')).status).toBe(201);
    const token = await accessToken(await logIn(server, 'ada'));
    expect((await fetch(`${server.url}/users/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await logIn(server, 'absent')).status).toBe(401);
    const { stdout } = await server.end('SIGTERM');
    const said = lines(stdout).map((line) => line.replace(/^\d\d:\d\d:\d\d /, '').replace(/\b\d+ms\b/, 'Nms'));
    expect(said.filter((line) => line.includes('Nms'))).toEqual([
      'POST /register 201 Nms ada',
      'POST /token 200 Nms ada',
      'GET /users/me 200 Nms user 1',
      'POST /token 401 invalid_credentials Nms',
    ]);
    expect(said.slice(-2)).toEqual(['SIGTERM: finishing requests under way', 'stopped']);
    expect(stdout).not.toContain(PASSWORD);
  });
});

describe('SIGTERM', () => {
  test('lets log-ins under way finish, takes no new ones, and ends with 0', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '12', HASH_THREADS: '1' } });
    expect((await register(server, 'ada')).status).toBe(201);
    const underWay = Array.from({ length: 4 }, () => logIn(server, 'ada'));
    // One thread works through them in turn: once the first is answered the others have arrived and are waiting.
    await Promise.race(underWay);
    server.signal('SIGTERM');
    await server.printed('finishing requests under way');
    // Not over one that is kept from before.
    await expect(once(connect(Number(new URL(server.url).port), '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await Promise.all(underWay)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
  });

  test('that comes twice for one wish, as from Ctrl-C under npm, is one', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '12', HASH_THREADS: '1' } });
    expect((await register(server, 'ada')).status).toBe(201);
    const underWay = [logIn(server, 'ada'), logIn(server, 'ada')];
    await Promise.race(underWay);
    server.signal('SIGINT');
    server.signal('SIGTERM');
    expect((await Promise.all(underWay)).map(({ status }) => status)).toEqual([200, 200]);
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
  });

  /** Sooner than Node closes by itself a connection that nobody uses. */
  const OF_ITSELF_MS = 4000;
  /** A second signal sooner than this is the first one's echo. */
  const ECHO_MS = 1000;
  const LOG_IN = postJson('/token', JSON.stringify({ username: 'nobody', password: PASSWORD })).replace('Connection: close\r\n', '');
  const HALF_A_BODY = LOG_IN.slice(0, -1);
  const LIVE = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const HALF_A_HEAD = 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\n';
  /** A connection with a request under way on it: the server has read it, as it has answered what came in the same packet. */
  const withRequestUnderWay = async (server: RunningServer, underWay: string): Promise<KeptConnection> => {
    const connection = keepConnection(Number(new URL(server.url).port));
    connection.send(LIVE + underWay);
    await connection.received('{"status":"live"}');
    return connection;
  };
  const drain = async (server: RunningServer): Promise<void> => {
    server.signal('SIGTERM');
    await server.printed('finishing requests under way');
  };

  test('makes it say on a connection kept from before that it is not ready, and that this was the last answer', async () => {
    const server = await processes.startServer({ cwd: folder.path });
    const connection = await withRequestUnderWay(server, HALF_A_HEAD);
    await drain(server);
    connection.send('\r\n');
    const wire = await connection.closed;
    expect(statusesOf({ wire })).toEqual([200, 503]);
    const [before = '', after = ''] = wire.split(/(?=HTTP\/1\.1 503)/);
    expect(before).toMatch(/^connection: keep-alive\r$/im);
    expect(after).toMatch(/^connection: close\r$/im);
    const up = { status: 'up' };
    const parts = { database: up, hasher: up, process: { status: 'down' } };
    expect(JSON.parse(after.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'unavailable', parts });
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
  });

  test('does not wait for a client that keeps its connection after the answer', async () => {
    const settings = { BCRYPT_ROUNDS: '12', SHUTDOWN_SECONDS: '300' };
    const server = await processes.startServer({ cwd: folder.path, settings });
    const connection = await withRequestUnderWay(server, LOG_IN);
    await drain(server);
    await connection.received('HTTP/1.1 401');
    const wire = await Promise.race([connection.closed, sleep(OF_ITSELF_MS, 'still open', { ref: false })]);
    expect(statusesOf({ wire })).toEqual([200, 401]);
    expect(wire).toMatch(/"code":"invalid_credentials".*\}$/);
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
  });

  test('waits no longer than SHUTDOWN_SECONDS for a request that never ends', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { SHUTDOWN_SECONDS: '1' } });
    const connection = await withRequestUnderWay(server, HALF_A_BODY);
    await drain(server);
    expect(statusesOf({ wire: await connection.closed })).toEqual([200]);
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
  });

  test('that comes again after more than a second ends it at once with 1', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { SHUTDOWN_SECONDS: '300' } });
    const connection = await withRequestUnderWay(server, HALF_A_BODY);
    await drain(server);
    await sleep(ECHO_MS + 100);
    expect(await server.end('SIGTERM')).toMatchObject({ code: 1, stderr: '' });
    expect(statusesOf({ wire: await connection.closed })).toEqual([200]);
  });
});

describe('a server on a file', () => {
  test('says where it keeps the keys it made, at its first start alone, and ends with 0 on either signal', async () => {
    const first = await (await processes.startServer({ cwd: folder.path })).end('SIGTERM');
    // To a browser 127.0.0.1 is another site than a page on localhost.
    expect(first.stdout).toMatch(/listens on http:\/\/localhost:\d+, documentation at/);
    expect(first.stdout).toMatch(/SECRET_KEY and ROOT_KEY were made and are kept in lingomateai\.db\.keys\.json/);
    const second = await (await processes.startServer({ cwd: folder.path })).end('SIGINT');
    expect([first, second]).toMatchObject([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    expect(second.stdout).not.toContain('SECRET_KEY');
    expect(readdirSync(folder.path)).toContain('lingomateai.db.keys.json');
  });

  test('loses no user that it has acknowledged when it is killed', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const server = await processes.startServer({ cwd: folder.path, settings: CHEAP });
      // What the killed one wrote last.
      const last = acknowledged.at(-1);
      if (last !== undefined) expect((await logIn(server, last)).status).toBe(200);
      for (const name of ['ada', 'bob', 'eve']) {
        expect((await register(server, `${name}-${round}`)).status).toBe(201);
        acknowledged.push(`${name}-${round}`);
      }
      await server.end('SIGKILL');
    }
    await (await processes.startServer({ cwd: folder.path, settings: CHEAP })).end('SIGTERM');
    const rows = await query(folder.file('lingomateai.db'), 'SELECT username FROM users ORDER BY id');
    expect(rows.map(({ username }) => username)).toEqual(acknowledged);
    expect(await query(folder.file('lingomateai.db'), 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('shares a new one with a server that starts at the same moment: both come up, with one schema and one set of keys', async () => {
    const settings = CHEAP;
    const [one, other] = await Promise.all([
      processes.startServer({ cwd: folder.path, settings }),
      processes.startServer({ cwd: folder.path, settings }),
    ]);
    expect((await register(one, 'ada')).status).toBe(201);
    expect((await register(other, 'ADA')).status).toBe(409);
    const token = await accessToken(await logIn(other, 'ada'));
    expect((await fetch(`${one.url}/verify-token/${token}`)).status).toBe(200);
    const finished = await Promise.all([one.end('SIGTERM'), other.end('SIGTERM')]);
    expect(finished.filter(({ stdout }) => stdout.includes('Migrated'))).toHaveLength(1);
    expect(finished.filter(({ stdout }) => stdout.includes('were made'))).toHaveLength(1);
    expect(finished.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
  });
});

describe('the migrate command', () => {
  const run = (settings: Record<string, string> = {}) =>
    processes.runFile('src/cli/index.ts', { cwd: folder.path, settings, args: ['migrate'] }).finished;

  test('tells what an adoption did, and the second time that there is nothing to do', async () => {
    await placeFastApiDatabase(folder.file('lingomateai.db'));
    const first = await run();
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(lines(first.stdout)).toEqual([
      expect.stringContaining('SECRET_KEY and ROOT_KEY were made'),
      expect.stringContaining('Adopted 10 users'),
      expect.stringContaining('look like an earlier name'),
      expect.stringContaining('kept at lingomateai.db.before-adoption-'),
      expect.stringMatching(/^Migrated lingomateai\.db: 20261123-create-users/),
    ]);
    expect(await run()).toEqual({ code: 0, stdout: 'lingomateai.db is up to date\n', stderr: '' });
  });

  test('ends with 1 and one line where it can’t', async () => {
    writeFileSync(folder.file('auth.db'), 'notes of mine\n'.repeat(100));
    const { code, stdout, stderr } = await run({ DATABASE_URL: 'sqlite:auth.db' });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(lines(stderr)).toEqual([expect.stringMatching(/^start_failed: DATABASE_URL: auth\.db is not a SQLite database/)]);
  });
});
