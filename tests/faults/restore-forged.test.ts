import { randomBytes } from 'node:crypto';
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { QueryTypes } from 'sequelize';
import { foreignStatementsIn } from '../../src/adapters/dump-schema.js';
import { referenceOf } from '../../src/adapters/schema-reference.js';
import { migrations } from '../../migrations/index.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { movableClock } from '../../src/lib/clock.js';
import type { Accepted } from '../../src/services/backup/restoring.js';
import { createTestAuth, type TestAuth } from '../../src/testing.js';
import { change, placeFastApiDatabase } from '../support/fastapi.js';
import { hasPostgresPrograms, restoreIn } from '../support/restoring.js';
import { sharedSettings } from '../support/service-process.js';
import { useTempFolder } from '../support/temp-folder.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';

const folder = useTempFolder();
const kinds = targets.filter((kind) => kind === 'a SQLite file' || (kind === 'PostgreSQL' && hasPostgresPrograms()));
const clock = movableClock(Date.UTC(2026, 5, 1, 12) + 990);
const randomKey = (): string => randomBytes(64).toString('base64url');
const SEAL_MARK = '\nlingomate-auth backup 2 ';

let target: TestTarget;
let settings: Readonly<Record<string, string>>;
let auth: TestAuth;
let outside: Database;

const refusal = (why: RegExp) => ({ code: 'validation_failed', message: expect.stringMatching(why) });
const contentOf = (file: string): Buffer => {
  const bytes = readFileSync(file);
  return bytes.subarray(0, bytes.lastIndexOf(SEAL_MARK));
};
const sealOf = (file: string): Buffer => readFileSync(file).subarray(contentOf(file).length);

describe.each(kinds)('on %s, a restore', (kind) => {
  const backup = (): string => folder.file('backup');
  beforeEach(async () => {
    target = await openTarget(kind);
    settings = sharedSettings(target.url);
    auth = await createTestAuth(settings, { clock });
    outside = createDatabase(target.target);
    await auth.createUser({ username: 'ada' });
    await auth.services.backups.make(backup());
    await auth.createUser({ username: 'bob' });
  });
  afterEach(async () => {
    await auth.close();
    await target.drop();
  });
  /** Restores while the service is stopped, and returns the usernames afterwards. */
  const restored = async (file: string, accepted: Partial<Accepted> = {}, more: Record<string, string> = {}): Promise<string[]> => {
    await Promise.all([auth.close(), outside.close()]);
    try {
      await restoreIn({ ...settings, ...more }, file, clock, accepted);
    } finally {
      outside = createDatabase(target.target);
    }
    const rows = await outside.sequelize.query<{ username: string }>('SELECT username FROM users ORDER BY id', { type: QueryTypes.SELECT });
    await outside.close();
    return rows.map(({ username }) => username);
  };
  const users = async (): Promise<number> => {
    const again = createDatabase(target.target);
    const [row] = await again.sequelize.query<{ users: number }>('SELECT count(*) AS users FROM users', { type: QueryTypes.SELECT });
    await again.close();
    return Number(row?.users);
  };

  it('refuses a backup whose seal was cut off, and takes it with --unsealed', async () => {
    const bare = folder.file('bare');
    writeFileSync(bare, contentOf(backup()));
    await expect(restored(bare)).rejects.toMatchObject(refusal(/has no seal of this service.*--unsealed; nothing was changed/));
    expect(await users()).toBe(2);
    expect(await restored(bare, { unsealed: true })).toEqual(['ada']);
  });

  it('refuses a backup with an unkeyed digest, which anyone can make', async () => {
    writeFileSync(folder.file('digest'), Buffer.concat([contentOf(backup()), Buffer.from(`\nlingomate-auth sha256 ${'0'.repeat(64)}\n`)]));
    await expect(restored(folder.file('digest'))).rejects.toMatchObject(refusal(/has no seal/));
    expect(await restored(folder.file('digest'), { unsealed: true })).toEqual(['ada']);
  });

  it('refuses a changed byte, a seal of another backup and bytes behind the seal, also with --unsealed', async () => {
    const other = folder.file('other');
    await auth.services.backups.make(other);
    const bytes = Buffer.from(readFileSync(backup()));
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    writeFileSync(folder.file('flipped'), bytes);
    writeFileSync(folder.file('moved'), Buffer.concat([contentOf(backup()), sealOf(other)]));
    for (const name of ['flipped', 'moved'])
      for (const unsealed of [false, true])
        await expect(restored(folder.file(name), { unsealed })).rejects.toMatchObject(
          refusal(/damaged, or was changed since it was sealed/),
        );
    copyFileSync(backup(), folder.file('longer'));
    appendFileSync(folder.file('longer'), 'x');
    await expect(restored(folder.file('longer'))).rejects.toMatchObject(refusal(/has no seal/));
    expect(await users()).toBe(2);
  });

  it('refuses the seal of another ROOT_KEY, and accepts that of ROOT_KEY_PREVIOUS', async () => {
    const ROOT_KEY = randomKey();
    await expect(restored(backup(), {}, { ROOT_KEY })).rejects.toMatchObject(
      refusal(/is sealed under another ROOT_KEY\. Set that one as ROOT_KEY or ROOT_KEY_PREVIOUS/),
    );
    expect(await users()).toBe(2);
    expect(await restored(backup(), {}, { ROOT_KEY, ROOT_KEY_PREVIOUS: settings['ROOT_KEY'] ?? '' })).toEqual(['ada']);
  });

  it('refuses a trigger, sealed or not, unless foreign objects are accepted', async () => {
    await outside.sequelize.query(
      kind === 'PostgreSQL'
        ? 'CREATE FUNCTION enable() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.disabled_at := NULL; RETURN NEW; END $$'
        : 'CREATE TABLE stolen (hash TEXT)',
    );
    await outside.sequelize.query(
      kind === 'PostgreSQL'
        ? 'CREATE TRIGGER evil BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION enable()'
        : 'CREATE TRIGGER evil AFTER UPDATE ON users BEGIN UPDATE users SET disabled_at = NULL; INSERT INTO stolen SELECT hashed_password FROM users; END',
    );
    const evil = folder.file('evil');
    const { foreignObjects } = await auth.services.backups.make(evil);
    expect(foreignObjects).toEqual(
      kind === 'PostgreSQL' ? [expect.stringMatching(/^CREATE TRIGGER evil/)] : ['table stolen', 'trigger evil on users'],
    );
    await expect(restored(evil)).rejects.toMatchObject(
      refusal(/not of Lingomate Auth: .*evil.*--with-foreign-objects; nothing was changed/),
    );
    writeFileSync(folder.file('bare'), contentOf(evil));
    await expect(restored(folder.file('bare'), { unsealed: true })).rejects.toMatchObject(refusal(/not of Lingomate Auth/));
    expect(await restored(evil, { foreignObjects: true })).toEqual(['ada', 'bob']);
  });
});

describe('a restore of a SQLite file', () => {
  const cases: [string, string[], string][] = [
    ['a view', ['CREATE VIEW spy AS SELECT * FROM users'], 'view spy on spy'],
    [
      'a view in place of a table',
      ['DROP TABLE auth_recovery_codes', 'CREATE VIEW auth_recovery_codes AS SELECT 1 AS id'],
      'view auth_recovery_codes',
    ],
    ['a virtual table', ['CREATE VIRTUAL TABLE search USING fts5(words)'], 'table search'],
    ['an index on an expression', ['CREATE INDEX mine ON users (upper(username))'], 'index mine on users'],
    ['a generated column', ["ALTER TABLE users ADD COLUMN alias TEXT AS (username || '!')"], 'table users (its definition differs)'],
    ['an extra column', ['ALTER TABLE auth_sessions ADD COLUMN note TEXT'], 'table auth_sessions (its definition differs)'],
    [
      'a trigger under a name of SQLite’s own',
      [
        'CREATE TRIGGER evil AFTER INSERT ON users BEGIN DELETE FROM auth_sessions; END',
        'PRAGMA writable_schema=ON',
        "UPDATE sqlite_master SET name = 'sqlite_autoindex_users_9' WHERE name = 'evil'",
      ],
      'is damaged',
    ],
  ];
  it.each(cases)('refuses %s, also with --unsealed', async (_, statements, named) => {
    const options = sharedSettings(`sqlite:${folder.file('auth.db')}`);
    const one = await createTestAuth(options, { clock });
    await one.createUser();
    await one.services.backups.make(folder.file('backup'));
    await one.close();
    const forged = folder.file('forged');
    writeFileSync(forged, contentOf(folder.file('backup')));
    await change(forged, statements);
    await expect(restoreIn(options, forged, clock, { unsealed: true })).rejects.toMatchObject({
      code: 'validation_failed',
      message: expect.stringContaining(named),
    });
  });

  it('accepts an adopted database without additions, and lists a team’s own by name', async () => {
    for (const [own, expected] of [
      [[], []],
      [
        ['ALTER TABLE users ADD COLUMN nickname TEXT', 'CREATE TABLE orders (id INTEGER)'],
        ['table orders', 'table users (its definition differs)'],
      ],
    ] as const) {
      const file = folder.file(`fastapi-${own.length}.db`);
      await placeFastApiDatabase(file, own);
      const adopted = await createTestAuth(sharedSettings(`sqlite:${file}`), { clock });
      expect(await adopted.services.backups.make(folder.file(`backup-${own.length}`))).toMatchObject({ foreignObjects: expected });
      await adopted.close();
    }
  });
});

describe('the script of a PostgreSQL dump', () => {
  const ours = { schema: 'public', names: ['users', 'auth_sessions'] };
  const foreign = async (script: string): Promise<string[]> =>
    foreignStatementsIn(script, ours, await referenceOf(migrations.map(({ name }) => name)));

  it.each([
    'DROP TABLE public.users;',
    "COPY public.users (username) FROM PROGRAM 'id';",
    'CREATE TABLE public.other (id integer);',
    'CREATE TABLE public.users (id integer, more text);',
    'CREATE TABLE elsewhere.users (id integer);',
    'CREATE TABLE public.users (id integer DEFAULT evil() NOT NULL);',
    'CREATE TABLE public.users (id integer, username text GENERATED ALWAYS AS (evil(id)) STORED);',
    'CREATE TABLE public.users (id integer CHECK (evil()));',
    'CREATE INDEX mine ON public.users USING btree (username);',
    'CREATE INDEX auth_users_kinds ON public.users USING btree (evil(username));',
    'CREATE INDEX auth_users_kinds ON public.users USING btree (evil (username));',
    'CREATE INDEX auth_users_kinds ON public.users USING btree (pg_catalog.lower(username));',
    'CREATE RULE evil AS ON UPDATE TO public.users DO INSTEAD NOTHING;',
    'CREATE POLICY evil ON public.users USING (true);',
    'ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;',
    "SET session_replication_role = 'replica';",
    "SELECT pg_catalog.setval('public.users_id_seq', evil(), true);",
    '-- a comment\nDO $$ BEGIN DELETE FROM public.users; END $$;',
    "SELECT pg_catalog.setval('public.users_id_seq', 1, true); DELETE FROM public.users;",
    'CREATE EVENT TRIGGER evil ON ddl_command_end EXECUTE FUNCTION f();',
  ])('with %j is foreign', async (statement) => {
    expect(await foreign(`SET row_security = off;\n\n${statement}\n`)).toHaveLength(1);
  });

  it('is checked in a time that grows with its length alone', async () => {
    const long = `CREATE INDEX auth_users_kinds ON public.users USING btree (${'CASE WHEN '.repeat(20_000)}!);\n`;
    expect(await foreign(long)).toHaveLength(1);
  });
});
