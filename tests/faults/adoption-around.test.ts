import { describe, expect, test } from '@jest/globals';
import { useAdoption } from '../support/adoption.js';
import { change, placeFastApiDatabase, query } from '../support/fastapi.js';
import { fingerprint } from '../support/temp-folder.js';

const { file, copies, adopt, withApp } = useAdoption();

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
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT IN ('users', 'ix_users_id', 'ix_users_username') AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'users_lookalike%' AND name NOT LIKE 'auth_%' AND name <> 'schema_migrations' ORDER BY name";

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
