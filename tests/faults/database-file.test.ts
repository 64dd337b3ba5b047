import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import sqlite3 from 'sqlite3';
import supertest from 'supertest';
import { migrations } from '../../migrations/index.js';
import { createDatabase } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { openRaw } from '../../src/adapters/sqlite-file.js';
import { StartError } from '../../src/errors/start-error.js';
import { change, placeFastApiDatabase, query } from '../support/fastapi.js';
import { moduleUrl, useProcesses } from '../support/process.js';
import { createAppOn } from '../support/sqlite-app.js';
import { fingerprint, useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const file = (): string => folder.file('auth.db');
/** Without the two that SQLite keeps beside a file in write-ahead logging, also where it only reads. */
const names = (): string[] => readdirSync(folder.path).filter((name) => !/-(wal|shm)$/.test(name));

async function start(at = file()): Promise<readonly string[]> {
  const database = createDatabase({ dialect: 'sqlite', file: at });
  try {
    return (await migrate(database)).applied;
  } finally {
    await database.close();
  }
}

/** A SQLite file made outside the service. */
async function makeDatabase(statements: readonly string[]): Promise<void> {
  await new Promise<void>((done, failed) => {
    const made = new sqlite3.Database(file(), () => {
      made.close((error) => {
        if (error) failed(error);
        else done();
      });
    });
  });
  await change(file(), statements);
}

const bigDatabase = (): Promise<void> =>
  makeDatabase([
    'CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR, hashed_password VARCHAR)',
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO users SELECT i, 'user-' || i, hex(randomblob(40)) FROM n",
  ]);

function overwrite(from: number, bytes: Buffer): void {
  const handle = openSync(file(), 'r+');
  writeSync(handle, bytes, 0, bytes.length, from);
  closeSync(handle);
}

describe('a start refuses, names the file, and touches nothing', () => {
  const scenarios: [string, RegExp, () => Promise<void> | void][] = [
    [
      'a text file',
      /not a SQLite database/,
      () => {
        writeFileSync(file(), 'notes of mine, and no database at all\n'.repeat(100));
      },
    ],
    [
      'a short text file',
      /not a SQLite database/,
      () => {
        writeFileSync(file(), 'notes');
      },
    ],
    [
      'a database with a page overwritten in its middle',
      /corrupt/,
      async () => {
        await bigDatabase();
        const page = 4096;
        overwrite(Math.floor(statSync(file()).size / page / 2) * page, Buffer.alloc(page, 0xff));
      },
    ],
    [
      'a database that was cut off',
      /corrupt/,
      async () => {
        await bigDatabase();
        const bytes = readFileSync(file());
        writeFileSync(file(), bytes.subarray(0, bytes.length / 2));
      },
    ],
    [
      'a database with zeroes where its header was',
      /not a SQLite database|corrupt/,
      async () => {
        await bigDatabase();
        overwrite(0, Buffer.alloc(100));
      },
    ],
    [
      'a users table of another program',
      /not ours/,
      () => makeDatabase(['CREATE TABLE users (id INTEGER PRIMARY KEY, login TEXT)', "INSERT INTO users VALUES (1, 'ada')"]),
    ],
    [
      "another program's record of migrations",
      /schema_migrations table that is not ours/,
      () => makeDatabase(['CREATE TABLE schema_migrations (version TEXT PRIMARY KEY)', "INSERT INTO schema_migrations VALUES ('1')"]),
    ],
    ['a users table that lacks a column', /not ours/, () => makeDatabase(['CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT)'])],
    [
      'a database of a newer version',
      /newer version.*29991231-newer/,
      async () => {
        await start();
        await change(file(), ["INSERT INTO schema_migrations VALUES ('29991231-newer', 'then')"]);
      },
    ],
  ];

  test.each(scenarios)('%s', async (_, reason, make) => {
    await make();
    const before = [fingerprint(file()), names()];
    const starting = start();
    await expect(starting).rejects.toBeInstanceOf(StartError);
    await expect(starting).rejects.toThrow(reason);
    await expect(starting).rejects.toThrow(file());
    expect([fingerprint(file()), names()]).toEqual(before);
  });

  test('a folder in the place of the file', async () => {
    mkdirSync(file());
    await expect(start()).rejects.toBeInstanceOf(StartError);
    await expect(start()).rejects.toThrow(file());
  });

  test.each([
    ['missing', 'missing/auth.db'],
    ['a file', 'notes.txt/auth.db'],
  ])('a folder that is %s', async (_, name) => {
    writeFileSync(folder.file('notes.txt'), 'notes');
    const starting = start(folder.file(name));
    await expect(starting).rejects.toBeInstanceOf(StartError);
    await expect(starting).rejects.toThrow(/^DATABASE_URL: the folder .* can't be written to\. Make it/);
    expect(names()).toEqual(['notes.txt']);
  });
});

describe('a start takes', () => {
  test('an empty file', async () => {
    writeFileSync(file(), '');
    expect(await start()).toHaveLength(migrations.length);
  });

  test('a database of other tables, which it leaves as they are', async () => {
    await makeDatabase(['CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT)', "INSERT INTO posts VALUES (1, 'first')"]);
    expect(await start()).toHaveLength(migrations.length);
    expect(await query(file(), 'SELECT * FROM posts')).toEqual([{ id: 1, title: 'first' }]);
  });

  test('a file name with spaces, quotes and letters of any alphabet', async () => {
    const at = folder.file("it's my daten bänk #1 100%.db");
    expect(await start(at)).toHaveLength(migrations.length);
    expect(names()).toContain("it's my daten bänk #1 100%.db");
    await placeFastApiDatabase(at);
    expect(await start(at)).toHaveLength(migrations.length);
  });

  test('a file it has made, which is then in write-ahead logging', async () => {
    await start();
    expect(await query(file(), 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
    expect(await start()).toEqual([]);
  });
});

test('while another process holds the lock, reads are answered and a write gets 503 in bounded time; after that it works', async () => {
  const auth = await createAppOn(file());
  try {
    const reader = await auth.agent(await auth.createUser());
    const holder = processes.runModule(
      `import sqlite3 from ${JSON.stringify(moduleUrl('node_modules/sqlite3/lib/sqlite3.js'))};
       const held = new sqlite3.Database('auth.db');
       // Both the process and its connection stay.
       setInterval(() => held.interrupt, 1000);
       held.exec('BEGIN IMMEDIATE', (error) => process.stdout.write(error ? String(error) : 'locked'));`,
      { cwd: folder.path },
    );
    await holder.printed('locked');
    const register = (username: string) => supertest(auth.app).post('/register').send({ username, password: 'a password of my own' });
    for (const refused of await Promise.all(['ada', 'bob', 'eve'].map(register))) {
      expect(refused).toMatchObject({
        status: 503,
        body: { code: 'unavailable' },
        headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
      });
    }
    expect((await reader.get('/users/me')).status).toBe(200);
    expect((await reader.get('/users/me/sessions')).status).toBe(200);
    await holder.end('SIGKILL');
    expect((await register('ada')).status).toBe(201);
  } finally {
    await auth.close();
  }
});

test('a migration killed half-way leaves nothing, and the next start finishes it', async () => {
  await placeFastApiDatabase(file());
  const schema = await query(file(), 'SELECT name, sql FROM sqlite_master ORDER BY name');
  const killed = await processes.runModule(
    `import { createDatabase } from ${JSON.stringify(moduleUrl('src/adapters/database.ts'))};
     import { migrate } from ${JSON.stringify(moduleUrl('src/adapters/migrator.ts'))};
     import { migrations } from ${JSON.stringify(moduleUrl('migrations/index.ts'))};
     const deadly = {
       name: '29991231-deadly',
       up: async ({ sequelize, transaction }) => {
         await sequelize.query('DELETE FROM users', { transaction });
         process.kill(process.pid, 'SIGKILL');
       },
       down: async () => {},
     };
     await migrate(createDatabase({ dialect: 'sqlite', file: 'auth.db' }), [...migrations, deadly]);`,
    { cwd: folder.path },
  ).finished;
  expect(killed).toEqual({ code: null, stdout: '', stderr: '' });
  expect(await query(file(), 'SELECT name, sql FROM sqlite_master ORDER BY name')).toEqual(schema);
  expect(await start()).toHaveLength(migrations.length);
  expect(await query(file(), 'SELECT count(*) AS users FROM users')).toEqual([{ users: 10 }]);
});

test('a write that was killed once its pages were in the file is rolled back by the next start', async () => {
  await placeFastApiDatabase(folder.file('live.db'));
  const writer = await openRaw(folder.file('live.db'), { write: true });
  // With so small a cache SQLite writes pages before the commit, and what they held to its journal first.
  for (const statement of ['PRAGMA cache_size=1', 'BEGIN IMMEDIATE', 'UPDATE users SET hashed_password = hex(randomblob(3000))'])
    await writer.all(statement);
  for (const end of ['', '-journal']) copyFileSync(folder.file(`live.db${end}`), file() + end);
  await writer.close();
  expect(readFileSync(file()).equals(readFileSync(folder.file('live.db')))).toBe(false);

  expect(await start()).toHaveLength(migrations.length);
  const hashes = 'SELECT id, hashed_password FROM users ORDER BY id';
  expect(await query(file(), hashes)).toEqual(await query(folder.file('live.db'), hashes));
});

test('a file that is deleted while it is served is told as a fault, and no empty one is put in its place', async () => {
  const auth = await createAppOn(file());
  try {
    expect((await supertest(auth.app).get('/health/ready')).status).toBe(200);
    renameSync(file(), folder.file('elsewhere.db'));
    const down = { database: { status: 'down' }, hasher: { status: 'up' }, process: { status: 'up' } };
    expect(await supertest(auth.app).get('/health/ready')).toMatchObject({ status: 503, body: { code: 'unavailable', parts: down } });
    const registration = { username: 'ada', password: 'a password of my own' };
    expect(await supertest(auth.app).post('/register').send(registration)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(names()).toEqual(['elsewhere.db']);
    renameSync(folder.file('elsewhere.db'), file());
    expect((await supertest(auth.app).get('/health/ready')).status).toBe(200);
    expect((await supertest(auth.app).post('/register').send(registration)).status).toBe(201);
  } finally {
    await auth.close();
  }
});
