import { chmodSync, readdirSync, statSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { createDatabase } from '../../src/adapters/database.js';
import { migrate, type MigrationReport } from '../../src/adapters/migrator.js';
import { StartError } from '../../src/errors/start-error.js';
import type { TestAuth } from '../../src/testing.js';
import { expectProblem } from '../support/answers.js';
import { change, fastApiUsers, placeFastApiDatabase, query } from '../support/fastapi.js';
import { createAppOn } from '../support/sqlite-app.js';
import { fingerprint, useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const file = (): string => folder.file('lingomateai.db');
const users = fastApiUsers();
/** What is there beside the file and the two that SQLite keeps with it. */
const copies = (): string[] => readdirSync(folder.path).filter((name) => !/^lingomateai\.db(-wal|-shm)?$/.test(name));

async function adopt(): Promise<MigrationReport> {
  const database = createDatabase({ dialect: 'sqlite', file: file() });
  try {
    return await migrate(database);
  } finally {
    await database.close();
  }
}

/** The service on the adopted file, for as long as the work takes. */
async function withApp<T>(work: (auth: TestAuth) => Promise<T>, settings: Record<string, string> = {}): Promise<T> {
  const auth = await createAppOn(file(), settings);
  try {
    return await work(auth);
  } finally {
    await auth.close();
  }
}

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

  test('all ten log in with their own password, look-alikes each as themselves, and nobody’s hash is changed by it', async () => {
    await placeFastApiDatabase(file());
    const hashes = await query(file(), 'SELECT id, hashed_password FROM users ORDER BY id');
    await withApp(
      async ({ services: { auth } }) => {
        const logIns = users.map(async ({ id, username, password }) => {
          const { user } = await auth.logIn({ username, password });
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
            expect(auth.logIn({ username: first.username, password: passwordOf(other) })).rejects.toMatchObject({
              code: 'invalid_credentials',
            }),
            expect(auth.logIn({ username: second.username, password: passwordOf(one) })).rejects.toMatchObject({
              code: 'invalid_credentials',
            }),
          ]);
        }
        // A spelling that is neither's leads to the first to have it.
        expect((await auth.logIn({ username: 'BOB', password: passwordOf(2) })).user).toEqual({ id: 2, username: 'Bob' });
      },
      { BCRYPT_ROUNDS: '12' },
    );
  });

  test('the report tells how many, who looks alike, and where the copy is', async () => {
    await placeFastApiDatabase(file());
    const { applied, lines } = await adopt();
    expect(applied).toHaveLength(1);
    expect(lines).toEqual([
      'Adopted 10 users of the FastAPI original: each keeps id, name and password',
      expect.stringMatching(/^2 of them look like an earlier name.*"bob" \(id 3\), "jos.+" \(id 5\)$/),
      `The file as it was is kept at ${folder.file(copies()[0] ?? 'no copy')}`,
    ]);
  });

  test('a copy of the file as it was is kept, whole and as private as the file', async () => {
    await placeFastApiDatabase(file());
    chmodSync(file(), 0o600);
    const schema = await query(file(), 'SELECT type, name, sql FROM sqlite_master ORDER BY name');
    const rows = await query(file(), 'SELECT * FROM users');
    await adopt();
    expect(copies()).toEqual([expect.stringMatching(/^lingomateai\.db\.before-adoption-\d{8}T\d{6}Z$/)]);
    const copy = folder.file(copies()[0] ?? '');
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
        expect((await auth.logIn({ username: 'bob', password: users[2]?.password ?? '' })).user).toEqual({ id: 3, username: 'bob' });
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
    expect(lines).toContain("2 of them have no bcrypt hash and can't log in until they get a new password");
    expect(await query(file(), 'SELECT id, username FROM users WHERE id >= 20')).toEqual([
      { id: 20, username: 'nameless-20' },
      { id: 21, username: 'plain' },
    ]);
    await withApp(async ({ services: { auth } }) => {
      for (const [username, password] of [
        ['nameless-20', ''],
        ['plain', 'a password in the clear'],
      ] as const) {
        await expect(auth.logIn({ username, password })).rejects.toMatchObject({ code: 'invalid_credentials' });
      }
    });
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

describe('what a team has built around the users table', () => {
  const AROUND = [
    'CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, title TEXT)',
    'CREATE TABLE log (line TEXT)',
    "INSERT INTO posts (user_id, title) SELECT id, 'by ' || username FROM users",
    'CREATE VIEW names AS SELECT id, username FROM users',
    "CREATE TRIGGER users_log AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('user ' || NEW.id); END",
    "CREATE TRIGGER users_gone AFTER DELETE ON users BEGIN INSERT INTO log VALUES ('gone ' || OLD.id); END",
    "CREATE TRIGGER posts_log AFTER INSERT ON posts BEGIN INSERT INTO log SELECT 'post of ' || username FROM users WHERE id = NEW.user_id; END",
    'ALTER TABLE users ADD COLUMN nickname TEXT',
    'ALTER TABLE users ADD COLUMN score INTEGER NOT NULL DEFAULT 5',
    'ALTER TABLE users ADD COLUMN email VARCHAR',
    'CREATE INDEX ix_nickname ON users (nickname)',
    "UPDATE users SET nickname = 'nick ' || id, score = id, email = 'user' || id || '@example.com'",
  ];
  const others =
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT IN ('users', 'ix_users_id', 'ix_users_username') AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'users_lookalike%' AND name <> 'schema_migrations' ORDER BY name";

  test('tables, views, triggers and indexes stay to the letter, and their rows with them', async () => {
    await placeFastApiDatabase(file(), AROUND);
    const before = [await query(file(), others), await query(file(), 'SELECT * FROM posts'), await query(file(), 'SELECT * FROM names')];
    expect(before[1]).toHaveLength(10);
    await adopt();
    expect([await query(file(), others), await query(file(), 'SELECT * FROM posts'), await query(file(), 'SELECT * FROM names')]).toEqual(
      before,
    );
    expect(await query(file(), 'SELECT * FROM log')).toEqual([]);
    expect(await query(file(), 'PRAGMA foreign_key_check')).toEqual([]);
    expect(await query(file(), 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('they work as before: the key cascades, the triggers fire, the view answers', async () => {
    await placeFastApiDatabase(file(), AROUND);
    await adopt();
    await withApp(async (auth) => {
      const { id, username } = await auth.createUser();
      await change(file(), [`INSERT INTO posts (user_id) VALUES (${id})`, 'PRAGMA foreign_keys=ON', 'DELETE FROM users WHERE id = 1']);
      expect(await query(file(), 'SELECT line FROM log')).toEqual([
        { line: `user ${id}` },
        { line: `post of ${username}` },
        { line: 'gone 1' },
      ]);
      expect(await query(file(), 'SELECT count(*) AS posts FROM posts WHERE user_id = 1')).toEqual([{ posts: 0 }]);
      expect(await query(file(), `SELECT username FROM names WHERE id = ${id}`)).toEqual([{ username }]);
    });
  });

  test('added columns keep their values; one that is called as ours gets another name, which the report tells', async () => {
    await placeFastApiDatabase(file(), AROUND);
    const { lines } = await adopt();
    expect(await query(file(), 'SELECT id, nickname, score, fastapi_email, email FROM users WHERE id IN (1, 10)')).toEqual([
      { id: 1, nickname: 'nick 1', score: 1, fastapi_email: 'user1@example.com', email: null },
      { id: 10, nickname: 'nick 10', score: 10, fastapi_email: 'user10@example.com', email: null },
    ]);
    expect(lines).toContain('The column "email" is now "fastapi_email", as we have one of that name');
  });

  test('what hangs on a column that is renamed follows it, and says nothing of ours', async () => {
    await placeFastApiDatabase(file(), [
      'ALTER TABLE users ADD COLUMN Email VARCHAR',
      'ALTER TABLE users ADD COLUMN fastapi_email VARCHAR',
      'ALTER TABLE users ADD COLUMN roles VARCHAR',
      'CREATE UNIQUE INDEX ix_users_email ON users (Email)',
      'CREATE VIEW addresses AS SELECT Email FROM users',
      'CREATE TABLE log (line TEXT)',
      'CREATE TRIGGER moved AFTER UPDATE OF Email ON users BEGIN INSERT INTO log VALUES (NEW.Email); END',
      "UPDATE users SET Email = 'old' || id || '@example.com'",
      'DELETE FROM log',
    ]);
    await withApp(async (auth) => {
      for (const username of ['first', 'second']) await auth.createUser({ username, email: 'shared@example.com' });
      expect(await query(file(), "SELECT email FROM users WHERE username IN ('first', 'second')")).toHaveLength(2);
    });
    expect(await query(file(), 'SELECT fastapi_email_ AS theirs, email AS ours FROM users WHERE id = 1')).toEqual([
      { theirs: 'old1@example.com', ours: null },
    ]);
    expect(await query(file(), 'SELECT count(*) AS rows FROM addresses WHERE fastapi_email_ IS NOT NULL')).toEqual([{ rows: 10 }]);
    await change(file(), ["UPDATE users SET email = 'ours'", "UPDATE users SET fastapi_email_ = 'theirs' WHERE id = 1"]);
    expect(await query(file(), 'SELECT line FROM log')).toEqual([{ line: 'theirs' }]);
    await expect(change(file(), ["UPDATE users SET fastapi_email_ = 'theirs' WHERE id = 2"])).rejects.toThrow(/UNIQUE/);
  });

  /** The original's table as somebody would have declared it anew with rules of their own. */
  const declaredWith = (rules: string): string[] => [
    'DROP TABLE users',
    `CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR UNIQUE, hashed_password VARCHAR, ${rules})`,
    "INSERT INTO users (username, hashed_password, phone) VALUES ('ada', 'x', '1'), ('bob', 'y', '2')",
  ];

  test('columns that were declared unique stay so, alone and together', async () => {
    await placeFastApiDatabase(file(), declaredWith('phone TEXT UNIQUE, country TEXT, zip TEXT, UNIQUE (country, zip)'));
    const { lines } = await adopt();
    expect(lines.join()).not.toMatch(/of its own/);
    await expect(change(file(), ["UPDATE users SET phone = '1'"])).rejects.toThrow(/UNIQUE.*phone/);
    await expect(change(file(), ["UPDATE users SET country = 'at', zip = '1010'"])).rejects.toThrow(/UNIQUE.*country.*zip/);
  });

  test('a rule that can’t be moved is told', async () => {
    await placeFastApiDatabase(file(), declaredWith("phone TEXT COLLATE NOCASE CHECK (phone <> '')"));
    expect((await adopt()).lines).toContain('Its users table had a CHECK and a COLLATE of its own, which the new one has not');
  });

  test.each([
    ['a computed column', 'phone TEXT, shown TEXT AS (upper(phone))', /column shown is computed.*Drop it/],
    [
      'a foreign key over several columns',
      'phone TEXT, country TEXT, zip TEXT, FOREIGN KEY (country, zip) REFERENCES places (country, zip)',
      /foreign key of country, zip together/,
    ],
  ])('%s is refused before anything is done, with what to do', async (_, rules, reason) => {
    await placeFastApiDatabase(file(), declaredWith(rules));
    const before = fingerprint(file());
    await expect(adopt()).rejects.toThrow(reason);
    expect([fingerprint(file()), copies()]).toEqual([before, []]);
  });

  test('hashes of over-long passwords that passlib made are not told as lost', async () => {
    const stored = '$bcrypt-sha256$v=2,t=2b,r=4$Xv9sJ6wZ6xQ1vQ1vQ1vQ1u$abcdefghijklmnopqrstuvwxyz01234';
    await placeFastApiDatabase(file(), [`UPDATE users SET hashed_password = '${stored}' WHERE id = 1`]);
    expect((await adopt()).lines.join()).not.toMatch(/no bcrypt hash/);
  });

  test('an added column keeps its default for users who come later', async () => {
    await placeFastApiDatabase(file(), AROUND);
    await withApp(async (auth) => {
      const { id } = await auth.createUser();
      expect(await query(file(), `SELECT score FROM users WHERE id = ${id}`)).toEqual([{ score: 5 }]);
    });
  });

  test('a foreign key of an added column still cascades', async () => {
    await placeFastApiDatabase(file(), [
      'CREATE TABLE teams (id INTEGER PRIMARY KEY)',
      'INSERT INTO teams VALUES (1)',
      'ALTER TABLE users ADD COLUMN team_id INTEGER REFERENCES teams (id) ON DELETE SET NULL',
      'UPDATE users SET team_id = 1',
    ]);
    await adopt();
    await change(file(), ['PRAGMA foreign_keys=ON', 'DELETE FROM teams']);
    expect(await query(file(), 'SELECT count(team_id) AS members, count(*) AS users FROM users')).toEqual([{ members: 0, users: 10 }]);
  });

  test('names of columns with quotes, spaces and keywords are kept', async () => {
    await placeFastApiDatabase(file(), [
      'ALTER TABLE users ADD COLUMN "a ""quoted"" one" TEXT',
      'ALTER TABLE users ADD COLUMN "order" TEXT',
      'UPDATE users SET "order" = \'first\', "a ""quoted"" one" = \'yes\'',
    ]);
    await adopt();
    expect(await query(file(), 'SELECT DISTINCT "order", "a ""quoted"" one" FROM users')).toEqual([
      { order: 'first', 'a "quoted" one': 'yes' },
    ]);
  });
});
