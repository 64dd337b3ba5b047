import { describe, expect, test } from '@jest/globals';
import { extendUsers } from '../../migrations/20261125-extend-users.js';
import { migrations } from '../../migrations/index.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { createModels } from '../../src/models/index.js';
import { searchUsers } from '../../src/models/user-search.js';
import { useAdoption } from '../support/adoption.js';
import { CLIENT } from '../support/client.js';
import { change, fastApiUsers, placeFastApiDatabase, query } from '../support/fastapi.js';

const { file, adopt, withApp } = useAdoption();
const [first] = fastApiUsers();

/** What a team may have added that is called as columns of ours that came later. */
const ALIKE = [
  'ALTER TABLE users ADD COLUMN display_name VARCHAR',
  'ALTER TABLE users ADD COLUMN fastapi_display_name VARCHAR',
  'ALTER TABLE users ADD COLUMN Email_Fold VARCHAR',
  "UPDATE users SET display_name = 'theirs ' || id, Email_Fold = 'fold ' || id",
  'CREATE UNIQUE INDEX users_search_name ON users (display_name)',
  'CREATE VIEW shown AS SELECT id, display_name FROM users',
  'CREATE TABLE log (line TEXT)',
  'CREATE TRIGGER renamed AFTER UPDATE OF display_name ON users BEGIN INSERT INTO log VALUES (NEW.display_name); END',
];
const THEIRS = 'SELECT id, fastapi_display_name_ AS name, fastapi_email_fold AS fold FROM users WHERE id IN (1, 10)';
const KEPT = [
  { id: 1, name: 'theirs 1', fold: 'fold 1' },
  { id: 10, name: 'theirs 10', fold: 'fold 10' },
];

async function withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
  const database = createDatabase({ dialect: 'sqlite', file: file() });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Takes that one step back, as somebody who goes back to an earlier version. */
const goBack = (): Promise<void> =>
  withDatabase((database) =>
    database.transaction(async (transaction) => {
      const { sequelize } = database;
      const told = { report: () => undefined, keepCopy: () => Promise.reject(new TypeError('nothing is adopted')) };
      await extendUsers.down({ sequelize, transaction, queryInterface: sequelize.getQueryInterface(), ...told });
      await sequelize.query('DELETE FROM schema_migrations WHERE name = $name', { bind: { name: extendUsers.name }, transaction });
    }),
  );

const names = async (): Promise<unknown[]> => (await query(file(), "SELECT name FROM pragma_table_info('users')")).map(({ name }) => name);

describe('an adopted table whose columns are called as ours that came later', () => {
  test('keeps them under other names, which the report tells, with all that hangs on them', async () => {
    await placeFastApiDatabase(file(), ALIKE);
    const { lines } = await adopt();
    expect(lines).toContain('The column "display_name" is now "fastapi_display_name_", as we have one of that name');
    expect(lines).toContain('The column "Email_Fold" is now "fastapi_email_fold", as we have one of that name');
    expect(await query(file(), THEIRS)).toEqual(KEPT);
    expect(await query(file(), 'SELECT DISTINCT display_name, display_name_fold, email_fold, verified_email_fold FROM users')).toEqual([
      { display_name: null, display_name_fold: null, email_fold: null, verified_email_fold: null },
    ]);
    expect(await query(file(), 'SELECT count(fastapi_display_name_) AS shown FROM shown')).toEqual([{ shown: 10 }]);
    await change(file(), ["UPDATE users SET display_name = 'ours'", "UPDATE users SET fastapi_display_name_ = 'new' WHERE id = 2"]);
    expect(await query(file(), 'SELECT line FROM log')).toEqual([{ line: 'new' }]);
    await expect(change(file(), ["UPDATE users SET fastapi_display_name_ = 'new' WHERE id = 3"])).rejects.toThrow(/UNIQUE/);
  });

  test('is searched and logged in to like any other', async () => {
    await placeFastApiDatabase(file(), ALIKE);
    await withApp(async ({ services: { auth } }) => {
      expect((await auth.logIn({ username: first?.username ?? '', password: first?.password ?? '' }, CLIENT)).user.id).toBe(1);
    });
    await withDatabase(async ({ sequelize }) => {
      const { User } = createModels(sequelize);
      const found = await searchUsers(User, { q: first?.username.toUpperCase() ?? '' }, 10);
      expect(found.map(({ user }) => user.id)).toContain(1);
      expect(await searchUsers(User, { q: 'theirs' }, 10)).toEqual([]);
    });
  });

  test('goes back without what is ours, and forth again', async () => {
    await placeFastApiDatabase(file(), ALIKE);
    await adopt();
    const extended = await names();
    await goBack();
    const ours = ['display_name', 'display_name_fold', 'email_fold', 'verified_email_fold'];
    expect(await names()).toEqual(extended.filter((name) => !ours.includes(String(name))));
    expect(await query(file(), THEIRS)).toEqual(KEPT);
    // Another migration made that one.
    expect(await query(file(), "SELECT name FROM sqlite_master WHERE name LIKE 'auth_users_%'")).toEqual([
      { name: 'auth_users_hash_settings' },
    ]);
    expect(await query(file(), 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);

    expect((await adopt()).applied).toEqual([extendUsers.name]);
    expect((await names()).sort()).toEqual(extended.sort());
    expect(await query(file(), THEIRS)).toEqual(KEPT);
  });
});

test('addresses that were claimed before are found afterwards, however many there are', async () => {
  const before = migrations.slice(0, migrations.indexOf(extendUsers));
  await withDatabase(async (database) => {
    await migrate(database, before);
    const [many, now] = [2100, '2026-01-01 00:00:00.000 +00:00'];
    await database.sequelize.query(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${many})
       INSERT INTO users (username, username_fold, email, roles, created_at, updated_at)
       SELECT 'user' || n, 'user' || n, CASE WHEN n % 7 THEN 'Nº' || n || '@EXAMPLE.com' END, '["user"]', '${now}', '${now}' FROM numbers`,
    );
    await migrate(database);
    const { User } = createModels(database.sequelize);
    for (const n of [1, 1000, 1002, many - 1])
      expect((await searchUsers(User, { q: `no${n}@` }, 2)).map(({ user }) => user.username)).toEqual([`user${n}`]);
    expect(await User.count({ where: { email_fold: null } })).toBe(many / 7);
    expect(await User.count({ where: { verified_email_fold: null } })).toBe(many);
  });
});
