import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { createScriptReader, type Piece } from '../../src/adapters/sql-script.js';
import { member, text } from '../support/answers.js';
import { commandLineIn, readObject } from '../support/command-line.js';
import { query } from '../support/fastapi.js';
import { type RunningServer, useProcesses } from '../support/process.js';
import { createTestAuth } from '../../src/testing.js';
import { createAppOn } from '../support/sqlite-app.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);
const PASSWORD = 'a password of my own';
const KEYS_HINT =
  'The keys are not in it, and without them it is of little use. Keep lingomateai.db.keys.json, or SECRET_KEY and ROOT_KEY where they are set, apart from it.\n';

const startServer = (): Promise<RunningServer> => processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '4' } });
async function post(server: RunningServer, path: string, body: Record<string, string>): Promise<{ status: number; body: unknown }> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: readObject(await response.text()) };
}
const register = (server: RunningServer, username: string) => post(server, '/register', { username, password: PASSWORD });
const logIn = async (server: RunningServer, username: string): Promise<{ access: string; refresh: string }> => {
  const { body } = await post(server, '/token', { username, password: PASSWORD });
  return { access: text(body, 'access_token'), refresh: text(body, 'refresh_token') };
};
const verify = async (server: RunningServer, access: string): Promise<number> =>
  (await fetch(`${server.url}/verify-token`, { headers: { authorization: `Bearer ${access}` } })).status;

test('a service is backed up while it works, is not restored while it does, and after a restore no one is logged in', async () => {
  const server = await startServer();
  const answered: string[] = [];
  let isBusy = true;
  const work = async (line: number): Promise<void> => {
    for (let count = 0; isBusy; count += 1) {
      const name = `user-${line}-${count}`;
      if ((await register(server, name)).status === 201) answered.push(name);
    }
  };
  await register(server, 'ada');
  const before = await logIn(server, 'ada');
  const busy = Promise.all([work(1), work(2)]);
  while (answered.length < 5) await new Promise((done) => setTimeout(done, 5));
  const promised = [...answered];
  const made = await run('backup copy.db --json');
  isBusy = false;
  await busy;
  expect(made).toMatchObject({ code: 0, stderr: KEYS_HINT });
  const held = (await query(folder.file('copy.db'), 'SELECT username FROM users')).map(({ username }) => String(username));
  const { size, mode } = statSync(folder.file('copy.db'));
  expect(readObject(made.stdout)).toEqual({
    file: 'copy.db',
    bytes: size,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    users: held.length,
    sessions: 1,
    audit_events: held.length + 2,
    recorded: true,
    foreign_objects: [],
  });
  expect(mode & 0o777).toBe(0o600);
  expect(held).toEqual(expect.arrayContaining(promised));
  expect(readdirSync(folder.path).filter((name) => !/^lingomateai\.db(-wal|-shm|\.keys\.json)?$/.test(name))).toEqual(['copy.db']);

  const last = await register(server, 'late');
  const after = await logIn(server, 'late');
  const [unasked, early] = await Promise.all([run('restore copy.db'), run('restore copy.db --yes')]);
  expect(unasked).toMatchObject({ code: 2, stderr: 'usage: it replaces the database; say --yes\n' });
  expect(early).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^conflict: lingomateai\.db is in use\. Stop the service/),
  });
  expect([await verify(server, before.access), await verify(server, after.access)]).toEqual([200, 200]);

  await server.end('SIGTERM');
  const restored = await run('restore copy.db --yes');
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout.split('\n')).toEqual([
    `Restored lingomateai.db from copy.db: ${held.length} users, ${held.length + 2} audit events`,
    'Ended sessions: 1; every access token of before is refused',
    'Dropped: 0 one-time tokens, 0 waiting mails',
    expect.stringMatching(/^What was there before is kept at lingomateai\.db\.before-restore-\d{8}T\d{6}Z$/),
    'Good service keys: 0; one that was revoked after the backup is good again: see service-keys list',
    '',
  ]);
  const next = await startServer();
  expect([await verify(next, before.access), await verify(next, after.access)]).toEqual([401, 401]);
  const refreshes = await Promise.all(
    [before, after].map(({ refresh }) => post(next, '/token', { grant_type: 'refresh_token', refresh_token: refresh })),
  );
  expect(refreshes).toMatchObject([
    { status: 400, body: { code: 'session_revoked' } },
    { status: 400, body: { code: 'invalid_grant' } },
  ]);
  expect(await verify(next, (await logIn(next, 'ada')).access)).toBe(200);
  const newest = await register(next, 'newest');
  expect(Number(member(newest.body, 'id'))).toBeGreaterThan(Number(member(last.body, 'id')));
});

test('what can’t be backed up is told, and nothing is left behind', async () => {
  const nowhere = await run('backup copy.db', { DATABASE_URL: 'sqlite:nowhere.db' });
  expect(nowhere).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^start_failed: DATABASE_URL: nowhere\.db is not there/),
  });
  expect(readdirSync(folder.path)).toEqual([]);

  const [inMemory, onFile] = [await createTestAuth(), await createAppOn(folder.file('auth.db'))];
  await expect(inMemory.services.backups.make(folder.file('copy.db'))).rejects.toThrow(/in memory .* can’t be backed up/);
  writeFileSync(folder.file('copy.db'), 'notes of mine');
  await expect(onFile.services.backups.make(folder.file('copy.db'))).rejects.toMatchObject({ code: 'conflict' });
  await expect(onFile.services.backups.make(folder.file('no/copy.db'))).rejects.toThrow(/no can't be written to \(ENOENT\)/);
  await Promise.all([inMemory.close(), onFile.close()]);
  expect(readdirSync(folder.path).sort()).toEqual(['auth.db', 'copy.db']);
  expect(readFileSync(folder.file('copy.db'), 'utf8')).toBe('notes of mine');
});

test('the script of a dump is read alike in whatever pieces it comes', () => {
  const script = Buffer.from(
    [
      '--\n-- a dump\n--\n',
      '\\restrict abc',
      'SET statement_timeout = 0;',
      "SET client_encoding = 'UTF8';\n",
      'CREATE TABLE "a ""b".users (\n    id integer\n);\n',
      'COPY "a ""b".users (id, name) FROM stdin;',
      '1\tü\u2028\r\\n\\\\.',
      '2\t\\N',
      '\\.\n',
      'COPY auth_sessions (id) FROM stdin;',
      '\\.\n',
      'SELECT 1;',
      '\\unrestrict abc',
      '',
    ].join('\n'),
  );
  const readBy = (size: number): unknown => {
    const reader = createScriptReader();
    const pieces: Piece[] = [];
    for (let at = 0; at < script.length; at += size) pieces.push(...reader.read(script.subarray(at, at + size)));
    pieces.push(...reader.finish());
    return {
      sql: pieces.flatMap((piece) => (piece.kind === 'sql' ? [piece.text.trim()] : [])),
      order: pieces.map(({ kind }) => kind).filter((kind, index, all) => kind !== all[index - 1]),
      tables: pieces.flatMap((piece) => (piece.kind === 'copy' ? [[piece.schema, piece.table]] : [])),
      rows: pieces.map((piece) => (piece.kind === 'rows' ? piece.data.toString() : '')).join(''),
      count: pieces.reduce((count, piece) => count + (piece.kind === 'rows' ? piece.count : 0), 0),
    };
  };
  const whole = readBy(script.length);
  expect(whole).toEqual({
    sql: [expect.stringMatching(/^--\n-- a dump\n--\n\nSET client_encoding = 'UTF8';\n\nCREATE TABLE .*;$/s), 'SELECT 1;'],
    order: ['sql', 'copy', 'rows', 'end', 'copy', 'end', 'sql'],
    tables: [
      ['a "b', 'users'],
      ['', 'auth_sessions'],
    ],
    rows: '1\tü\u2028\r\\n\\\\.\n2\t\\N\n',
    count: 2,
  });
  for (let size = 1; size < 50; size += 1) expect([size, readBy(size)]).toEqual([size, whole]);
  const cut = createScriptReader();
  cut.read(script.subarray(0, script.indexOf('2\t')));
  expect(() => cut.finish()).toThrow('breaks off');
});
