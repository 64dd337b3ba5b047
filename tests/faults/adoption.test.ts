import { chmodSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { migrations } from '../../migrations/index.js';
import { StartError } from '../../src/errors/start-error.js';
import { useAdoption } from '../support/adoption.js';
import { CLIENT } from '../support/client.js';
import { expectProblem } from '../support/answers.js';
import { change, fastApiUsers, placeFastApiDatabase, query } from '../support/fastapi.js';
import { fingerprint } from '../support/temp-folder.js';

const { file, copies, adopt, withApp } = useAdoption();
const users = fastApiUsers();

describe('the database of the FastAPI original', () => {
  test('is adopted: every user keeps id, name and hash', async () => {
    await placeFastApiDatabase(file());
    const sql = 'SELECT id, username, hashed_password FROM users ORDER BY id';
    const before = await query(file(), sql);
    expect(before).toHaveLength(10);
    await adopt();
    expect(await query(file(), sql)).toEqual(before);
    expect(await query(file(), 'SELECT DISTINCT hash_truncates, roles, email, disabled_at FROM users')).toEqual([
      { hash_truncates: 1, roles: '["user"]', email: null, disabled_at: null },
    ]);
  });

  test('marks hashes whose format does not show where they were made, of which passwords are verified in NFC and NFD', async () => {
    const long = `$bcrypt-sha256$v=2,t=2b,r=12$${'a'.repeat(22)}$${'b'.repeat(31)}`;
    await placeFastApiDatabase(file(), [
      `UPDATE users SET hashed_password = '${long}' WHERE id = 1`,
      `UPDATE users SET hashed_password = 'unknown' WHERE id = 2`,
    ]);
    await adopt();
    expect(await query(file(), 'SELECT id, hash_truncates FROM users WHERE id <= 3 ORDER BY id')).toEqual([
      { id: 1, hash_truncates: 1 },
      { id: 2, hash_truncates: 0 },
      { id: 3, hash_truncates: 1 },
    ]);
  });

  test('all ten log in with their own password, look-alikes each as themselves, and nobody’s hash is changed by it', async () => {
    await placeFastApiDatabase(file());
    const hashes = await query(file(), 'SELECT id, hashed_password FROM users ORDER BY id');
    await withApp(
      async ({ services: { auth } }) => {
        const logIns = users.map(async ({ id, username, password }) => {
          const { user } = await auth.logIn({ username, password }, CLIENT);
          expect(user).toEqual({ id, username });
        });
        await Promise.all(logIns);
      },
      { BCRYPT_ROUNDS: '12' },
    );
    expect(await query(file(), 'SELECT id, hashed_password FROM users ORDER BY id')).toEqual(hashes);
  });

  test('none of two look-alikes gets in with the other’s password', async () => {
    await placeFastApiDatabase(file());
    const passwordOf = (id: number): string => users[id - 1]?.password ?? '';
    await withApp(
      async ({ services: { auth } }) => {
        for (const [one, other] of [
          [2, 3],
          [4, 5],
        ] as const) {
          const [first, second] = [users[one - 1], users[other - 1]];
          if (first === undefined || second === undefined) throw new TypeError('the fixture has ten users');
          await Promise.all([
            expect(auth.logIn({ username: first.username, password: passwordOf(other) }, CLIENT)).rejects.toMatchObject({
              code: 'invalid_credentials',
            }),
            expect(auth.logIn({ username: second.username, password: passwordOf(one) }, CLIENT)).rejects.toMatchObject({
              code: 'invalid_credentials',
            }),
          ]);
        }
        // A spelling that is neither's leads to the first to have it.
        expect((await auth.logIn({ username: 'BOB', password: passwordOf(2) }, CLIENT)).user).toEqual({ id: 2, username: 'Bob' });
      },
      { BCRYPT_ROUNDS: '12' },
    );
  });

  test('the report tells how many, who looks alike, and where the copy is', async () => {
    await placeFastApiDatabase(file());
    const { applied, lines } = await adopt();
    expect(applied).toHaveLength(migrations.length);
    expect(lines).toEqual([
      'Adopted 10 users of the FastAPI original: each keeps id, name and password',
      expect.stringMatching(/^2 of them look like an earlier name.*"bob" \(id 3\), "jos.+" \(id 5\)$/),
      `The file as it was is kept at ${copies()[0] ?? 'no copy'}`,
    ]);
  });

  test('a copy of the file as it was is kept, whole and as private as the file', async () => {
    await placeFastApiDatabase(file());
    chmodSync(file(), 0o600);
    const schema = await query(file(), 'SELECT type, name, sql FROM sqlite_master ORDER BY name');
    const rows = await query(file(), 'SELECT * FROM users');
    await adopt();
    expect(copies()).toEqual([expect.stringMatching(/\/lingomateai\.db\.before-adoption-\d{8}T\d{6}Z$/)]);
    const [copy = ''] = copies();
    expect(await query(copy, 'SELECT type, name, sql FROM sqlite_master ORDER BY name')).toEqual(schema);
    expect(await query(copy, 'SELECT * FROM users')).toEqual(rows);
    expect(await query(copy, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
  });

  test('a second start changes nothing and keeps no second copy', async () => {
    await placeFastApiDatabase(file());
    await adopt();
    const [bytes, names] = [fingerprint(file()), copies()];
    expect(await adopt()).toEqual({ applied: [], lines: [] });
    expect([fingerprint(file()), copies()]).toEqual([bytes, names]);
  });

  test('a copy put back is adopted again with the same result', async () => {
    await placeFastApiDatabase(file());
    await adopt();
    const ids = await query(file(), 'SELECT id, username, username_fold, lookalike_fold FROM users');
    await placeFastApiDatabase(file());
    await adopt();
    expect(await query(file(), 'SELECT id, username, username_fold, lookalike_fold FROM users')).toEqual(ids);
  });

  test.each(['alice', 'ALICE', 'Bob', 'bob', 'BOB', 'ｂｏｂ', 'jose\u0301', 'jos\u00e9', 'JOSÉ', 'Dave@Example.com'])(
    'registering %s is refused, as it is somebody’s',
    async (username) => {
      await placeFastApiDatabase(file());
      await withApp(async ({ app }) => {
        const answer = await supertest(app).post('/register').send({ username, password: 'a password of my own' });
        expect(answer).toMatchObject({ status: 409, body: { code: 'username_taken', detail: 'Username already registered' } });
      });
    },
  );

  test.each(['Bob', 'BOB', 'ｂｏｂ'])(
    'registering %s is refused also after the first bob is gone, as the second one looks like it',
    async (username) => {
      await placeFastApiDatabase(file());
      await withApp(async ({ app, services: { auth } }) => {
        await change(file(), ['DELETE FROM users WHERE id = 2']);
        const answer = await supertest(app).post('/register').send({ username, password: 'a password of my own' });
        expectProblem(answer, 409, 'username_taken', { detail: 'Username already registered' });
        expect((await auth.logIn({ username: 'bob', password: users[2]?.password ?? '' }, CLIENT)).user).toEqual({
          id: 3,
          username: 'bob',
        });
      });
    },
  );

  test('no new user gets an id that somebody had, also after the highest is deleted', async () => {
    await placeFastApiDatabase(file());
    await withApp(async (auth) => {
      const first = await auth.createUser();
      expect(first.id).toBe(11);
      await change(file(), ['DELETE FROM users WHERE id >= 10']);
      expect((await auth.createUser()).id).toBe(12);
    });
  });

  test('users without a name or a hash are kept, told of, and can’t log in', async () => {
    await placeFastApiDatabase(file(), [
      'INSERT INTO users (id, username, hashed_password) VALUES (20, NULL, NULL)',
      "INSERT INTO users (id, username, hashed_password) VALUES (21, 'plain', 'a password in the clear')",
    ]);
    const { lines } = await adopt();
    expect(lines).toContain(
      "2 of them have no bcrypt hash: where it is of no other form that we know either, they can't log in until they get a new password",
    );
    expect(await query(file(), 'SELECT id, username FROM users WHERE id >= 20')).toEqual([
      { id: 20, username: 'nameless-20' },
      { id: 21, username: 'plain' },
    ]);
    await withApp(async ({ services: { auth } }) => {
      for (const [username, password] of [
        ['nameless-20', ''],
        ['plain', 'a password in the clear'],
      ] as const) {
        await expect(auth.logIn({ username, password }, CLIENT)).rejects.toMatchObject({ code: 'invalid_credentials' });
      }
    });
  });

  test('reports users whose bcrypt cost is above the maximum', async () => {
    const hash = (cost: string): string => `$2b$${cost}$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW`;
    await placeFastApiDatabase(file(), [
      `INSERT INTO users (id, username, hashed_password) VALUES (20, 'at-most', '${hash('14')}')`,
      `INSERT INTO users (id, username, hashed_password) VALUES (21, 'above', '${hash('15')}')`,
      `INSERT INTO users (id, username, hashed_password) VALUES (22, 'far-above', '${hash('31')}')`,
      `INSERT INTO users (id, username, hashed_password) VALUES (23, 'long', '$bcrypt-sha256$v=2,t=2b,r=15$abcdefghijklmnopqrstuu$O7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW')`,
    ]);
    const { lines } = await adopt();
    expect(lines).toContain(
      '3 of them have a hash of a bcrypt cost above 14: it is verified where BCRYPT_ROUNDS is as high, else they have to reset their password',
    );
  });

  test('several nameless users are each adopted under a name of their own', async () => {
    await placeFastApiDatabase(file(), [
      "INSERT INTO users (id, username) VALUES (19, 'nameless-20')",
      'INSERT INTO users (id, username) VALUES (20, NULL)',
      'INSERT INTO users (id, username) VALUES (21, NULL)',
    ]);
    await adopt();
    expect(await query(file(), 'SELECT count(DISTINCT username) AS names, count(*) AS users FROM users')).toEqual([
      { names: 13, users: 13 },
    ]);
  });

  test('an empty users table is adopted too', async () => {
    await placeFastApiDatabase(file(), ['DELETE FROM users']);
    const { lines } = await adopt();
    expect(lines[0]).toBe('Adopted 0 users of the FastAPI original: each keeps id, name and password');
  });

  test.each([
    ['two users of one name', "INSERT INTO users (username, hashed_password) VALUES ('alice', 'x')", /ids .*have the same name/],
    ['a name that is not text', "INSERT INTO users (username, hashed_password) VALUES (x'ff00', 'x')", /id 11 is not text/],
  ])('%s are told by their ids, before anything is changed', async (_, statement, reason) => {
    await placeFastApiDatabase(file(), ['DROP INDEX ix_users_username', statement]);
    const before = fingerprint(file());
    await expect(adopt()).rejects.toThrow(reason);
    expect([fingerprint(file()), copies()]).toEqual([before, []]);
  });

  test('an adoption that fails leaves the file as it was', async () => {
    // An id that no AUTOINCREMENT follows: the fault comes late, when rows are already moved.
    await placeFastApiDatabase(file(), [
      'CREATE TRIGGER faulty AFTER INSERT ON users BEGIN SELECT 1; END',
      'CREATE TABLE users_adopted (id INTEGER)',
    ]);
    const before = [
      await query(file(), 'SELECT name, sql FROM sqlite_master ORDER BY name'),
      await query(file(), 'SELECT * FROM users ORDER BY id'),
    ];
    await expect(adopt()).rejects.toBeInstanceOf(StartError);
    expect([
      await query(file(), 'SELECT name, sql FROM sqlite_master ORDER BY name'),
      await query(file(), 'SELECT * FROM users ORDER BY id'),
    ]).toEqual(before);
    expect(copies()).toEqual([]);
  });
});
