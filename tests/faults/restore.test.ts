import { copyFileSync, readdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { QueryTypes } from 'sequelize';
import { setTimeout as sleep } from 'node:timers/promises';
import { dumpTables } from '../../src/adapters/backup-postgres.js';
import { putToRest } from '../../src/adapters/backup-sqlite.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { openRaw } from '../../src/adapters/sqlite-file.js';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { createModels } from '../../src/models/index.js';
import type { Accepted } from '../../src/services/backup/restoring.js';
import { createTestAuth, type TestAuth, type TestSession, type TestUser } from '../../src/testing.js';
import { CLIENT } from '../support/client.js';
import { query } from '../support/fastapi.js';
import { hasPostgresPrograms, type Moment, restoreIn, restoreUntil } from '../support/restoring.js';
import { sharedSettings } from '../support/service-process.js';
import { fingerprint, useTempFolder } from '../support/temp-folder.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';

const folder = useTempFolder();
/** So late in a second that nobody waits long for its end. */
const START = Date.UTC(2026, 5, 1, 12) + 990;
const HOUR = 3600;

const kinds = targets.filter((kind) => kind === 'a SQLite file' || (kind === 'PostgreSQL' && hasPostgresPrograms()));

let target: TestTarget;
let settings: Readonly<Record<string, string>>;
let clock: MovableClock;
let auth: TestAuth;
/** Another way to the database, as an operator has. */
let outside: Database;

const open = async (kind: (typeof kinds)[number], more: Record<string, string> = {}): Promise<void> => {
  target = await openTarget(kind);
  settings = sharedSettings(target.url, more);
  clock = movableClock(START);
  auth = await createTestAuth(settings, { clock });
};
/** Ends the service, does that, and starts it again. */
const whileStopped = async (work: () => Promise<unknown>): Promise<void> => {
  await auth.close();
  try {
    await work();
  } finally {
    auth = await createTestAuth(settings, { clock });
  }
};
const restore = (backup: string, accepted: Partial<Accepted> = {}) => restoreIn(settings, backup, clock, accepted);
const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
  asking.then(
    () => 'taken',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
const access = ({ accessToken }: TestSession) => codeOf(auth.services.sessions.authenticate(accessToken));
const refresh = ({ refreshToken }: TestSession) => codeOf(auth.services.sessions.refresh(refreshToken, CLIENT));
const select = (sql: string) => outside.sequelize.query<Record<string, unknown>>(sql, { type: QueryTypes.SELECT });
const names = async () => (await select('SELECT username FROM users ORDER BY id')).map(({ username }) => username);

describe.each(kinds)('a backup that is put back, on %s,', (kind) => {
  let user: TestUser;
  beforeEach(async () => {
    await open(kind);
    outside = createDatabase(target.target);
    user = await auth.createUser({ username: 'ada' });
  });
  afterEach(async () => {
    await outside.close();
    await auth.close();
    await target.drop();
  });
  /** SQLite's must be out of the way of a restore. */
  const whileAway = async (work: () => Promise<unknown>): Promise<void> => {
    await outside.close();
    await whileStopped(work);
    outside = createDatabase(target.target);
  };

  test('brings back what was, ends every session of before and of after it, and gives no id twice', async () => {
    const [kept, ended] = [await auth.session(user), await auth.session(user)];
    const made = await auth.services.backups.make(folder.file('backup'));
    expect(made).toMatchObject({ users: 1, sessions: 2, recorded: true });
    await auth.services.sessions.end(user.id, ended.id, { reason: 'log_out', by: { ...CLIENT, kind: 'nobody', id: null } });
    const bob = await auth.createUser({ username: 'bob' });
    const after = [await auth.session(bob), await auth.session(user)];
    clock.set(new Date(clock.now() + HOUR * 1000));
    const ahead = await auth.session(user);
    clock.set(new Date(START));
    await whileAway(async () => {
      const { settled, contents, chain } = await restore(folder.file('backup'));
      expect(settled).toMatchObject({ sessionsEnded: 2, serviceKeys: 0 });
      expect(contents).toMatchObject({ users: 1, sessions: 2, auditEvents: made.auditEvents });
      expect(chain).toMatchObject({ intact: true });
    });
    expect(await names()).toEqual(['ada']);
    for (const session of [kept, ended, ...after]) expect(await access(session)).toBe('invalid_token');
    expect([await refresh(kept), await refresh(ended)]).toEqual(['session_revoked', 'session_revoked']);
    for (const session of [...after, ahead]) expect(await refresh(session)).toBe('invalid_grant');
    clock.advance(1);
    const fresh = await auth.session(user);
    expect([await access(fresh), await refresh(fresh)]).toEqual(['taken', 'taken']);
    expect((await auth.createUser()).id).toBeGreaterThan(bob.id);
    expect((await auth.createUser()).id).toBeLessThan(1000);
    expect((await auth.services.audit.list({}, { limit: 10 })).items.map(({ type }) => type)).toContain('backup.restored');
    expect(await auth.services.audit.verify()).toMatchObject({ intact: true });
    // Its token comes into its time.
    clock.advance(HOUR);
    expect(await access(ahead)).toBe('invalid_token');
    expect(await access(await auth.session(user))).toBe('taken');
  });

  test('leaves nothing good that works once, no mail that waits, and the service keys as it has them', async () => {
    const key = await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] });
    await outside.transaction(async (transaction) => {
      const { OneTimeToken, OutboxMail } = createModels(outside.sequelize);
      const now = new Date(clock.now());
      const common = { purpose: 'password_reset', created_at: now };
      await OneTimeToken.create(
        { ...common, id: 'one', user_id: user.id, token_hash: '-', email_fold: null, expires_at: now },
        { transaction },
      );
      const mail = { ...common, recipient: 'a@b.c', recipient_fold: 'a@b.c', sealed_content: null, attempts: 0, refusals: 0, due_at: now };
      for (const state of ['waiting', 'sending', 'sent'] as const) {
        const row = { ...mail, id: state, state, claim: null, last_error: null, finished_at: null };
        await OutboxMail.create(row, { transaction });
      }
    });
    await auth.services.backups.make(folder.file('backup'));
    await auth.services.serviceKeys.revoke(key.id);
    await whileAway(async () => {
      const { settled } = await restore(folder.file('backup'));
      expect(settled).toEqual({ sessionsEnded: 0, oneTimeTokens: 1, mails: 2, serviceKeys: 1 });
    });
    expect(await select('SELECT id FROM auth_one_time_tokens')).toEqual([]);
    expect((await select('SELECT id FROM auth_outbox')).map(({ id }) => id)).toEqual(['sent']);
    expect(await auth.services.serviceKeys.authenticate(key.key)).toMatchObject({ keyId: key.id });
  });

  test('is told to resource servers, also to one whose place in the list is beyond its end', async () => {
    const { backups, sessions } = auth.services;
    await backups.make(folder.file('backup'));
    for (let count = 0; count < 3; count += 1) await sessions.revoke(await auth.token(user), { kind: 'nobody' }, CLIENT);
    const { nextCursor } = await sessions.revocations(undefined, 100);
    await whileAway(() => restore(folder.file('backup')));
    const { revoked } = await auth.services.sessions.revocations(nextCursor, 100);
    expect(revoked).toMatchObject([{ session_id: '*', through: null, revoked_at: new Date(clock.now()) }]);
  });

  test('of another database than the one in its place leaves out the ids that that one’s own may have given since', async () => {
    await auth.services.backups.make(folder.file('backup'));
    await outside.sequelize.query("UPDATE schema_migrations SET applied_at = '2026-01-01T00:00:00.000Z'");
    await whileAway(() => restore(folder.file('backup')));
    expect((await auth.createUser()).id).toBe(user.id + 1_000_001);
  });

  test('withdraws the key pairs, one of which may have got out since, and the next start makes one', async () => {
    await auth.close();
    settings = { ...settings, ALGORITHM: 'ES256' };
    auth = await createTestAuth(settings, { clock });
    const [before] = await auth.services.keys.list();
    await auth.services.backups.make(folder.file('backup'));
    await whileAway(() => restore(folder.file('backup')));
    const after = await auth.services.keys.list();
    expect(after).toMatchObject([{ signing: true }]);
    expect(after[0]?.kid).not.toBe(before?.kid);
  });

  test('changes nothing where it is damaged, cut off, something else, or of a newer version', async () => {
    const backup = folder.file('backup');
    await auth.services.backups.make(backup);
    const bytes = readFileSync(backup);
    await outside.sequelize.query("INSERT INTO schema_migrations (name, applied_at) VALUES ('29991231-newer', 'then')");
    await outside.sequelize.query("UPDATE users SET display_name = 'as it was'");
    const spoilt: [string, (file: string) => void, RegExp][] = [
      ...[0.3, 0.6, 0.9].map((part): [string, (file: string) => void, RegExp] => {
        const at = Math.floor(bytes.length * part);
        const flipped = Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)));
        return [
          `with a bit flipped at ${at}`,
          (file) => {
            writeFileSync(file, flipped);
          },
          /damaged, or was changed/,
        ];
      }),
      [
        'cut off',
        (file) => {
          truncateSync(file, Math.floor(bytes.length / 2));
        },
        /damaged|can't be read/,
      ],
      [
        'text',
        (file) => {
          writeFileSync(file, 'notes of mine\n'.repeat(100));
        },
        /not a SQLite database|can't be read/,
      ],
      [
        'empty',
        (file) => {
          writeFileSync(file, '');
        },
        /no backup of Lingomate Auth|can't be read/,
      ],
    ];
    for (const [name, spoil, why] of spoilt) {
      const file = folder.file(name);
      copyFileSync(backup, file);
      spoil(file);
      await expect(restore(file)).rejects.toMatchObject({ code: 'validation_failed' });
      await expect(restore(file, { unsealed: true })).rejects.toThrow(why);
    }
    await expect(restore(folder.file('nowhere'))).rejects.toMatchObject({ code: 'validation_failed' });
    const newer = folder.file('newer');
    if (kind === 'PostgreSQL') await dumpTables(outside, newer, await auth.services.backups.tables());
    else await outside.sequelize.query(`VACUUM INTO '${newer}'`);
    await expect(restore(newer, { unsealed: true })).rejects.toMatchObject({
      code: 'validation_failed',
      message: expect.stringMatching(/newer version/),
    });
    expect((await select('SELECT display_name FROM users'))[0]).toEqual({ display_name: 'as it was' });
  });
});

describe.each(kinds)('kill -9 of a restore on %s', (kind) => {
  beforeEach(async () => {
    await open(kind);
    const ada = await auth.createUser({ username: 'ada' });
    await auth.session(ada);
    await auth.services.backups.make(folder.file('backup'));
    await auth.createUser({ username: 'bob' });
    await auth.close();
  });
  afterEach(() => target.drop());

  /** Who is in it, and how many sessions live. */
  const stateOf = async (of: TestTarget['target']): Promise<unknown> => {
    outside = createDatabase(of);
    const live = await select('SELECT count(*) AS live FROM auth_sessions WHERE ended_at IS NULL');
    const state = [...(await names()), Number(live[0]?.['live'])];
    await outside.close();
    return state;
  };
  const OLD = ['ada', 'bob', 1];
  const NEW = ['ada', 0];

  if (kind === 'a SQLite file')
    test('leaves the one database or the other, and never a restored one whose sessions live', async () => {
      const place = (index: number): string => folder.file(`${index}.db`);
      const moments: [Moment, unknown][] = [
        ['copied', OLD],
        ['migrated', OLD],
        ['settled', OLD],
        ['about to take its place', OLD],
        ['in its place', NEW],
      ];
      const from = target.target;
      if (from.dialect !== 'sqlite') throw new TypeError('a file');
      await Promise.all(
        moments.map(async ([moment], index) => {
          copyFileSync(from.file, place(index));
          await restoreUntil(moment, folder.file('backup'), { ...settings, DATABASE_URL: `sqlite:${place(index)}` });
        }),
      );
      for (const [index, [moment, expected]] of moments.entries()) {
        const file = place(index);
        expect([moment, await stateOf({ dialect: 'sqlite', file })]).toEqual([moment, expected]);
        expect(await query(file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
        await restoreIn({ ...settings, DATABASE_URL: `sqlite:${file}` }, folder.file('backup'), clock);
        expect(await stateOf({ dialect: 'sqlite', file })).toEqual(NEW);
      }
      expect(readdirSync(folder.path).filter((name) => name.includes('.part'))).toEqual([]);
    });
  else
    test('leaves the database as it was until all is done', async () => {
      await restoreUntil('settled, and not committed', folder.file('backup'), settings);
      expect(await stateOf(target.target)).toEqual(OLD);
    });
});

describe('a SQLite file that is to be replaced', () => {
  beforeEach(() => open('a SQLite file'));
  afterEach(async () => {
    await auth.close();
    await target.drop();
  });
  const place = (): string => (target.target.dialect === 'sqlite' ? target.target.file : '');
  const inFolder = (): string[] => readdirSync(dirname(place())).map((name) => name.replace('auth.db', ''));

  test('is kept, and in use is left alone, by whatever it is used', async () => {
    const backup = folder.file('backup');
    await auth.services.backups.make(backup);
    await auth.createUser({ username: 'ada' });
    await expect(restore(backup)).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/in use/) });
    expect((await auth.createUser({ username: 'bob' })).id).toBe(2);
    const made = fingerprint(backup);
    await whileStopped(async () => {
      const { kept } = await restore(backup);
      expect(kept).toMatch(/\.before-restore-\d{8}T\d{6}Z$/);
      expect(await query(kept ?? '', 'SELECT count(*) AS users FROM users')).toEqual([{ users: 2 }]);
      expect(inFolder().sort()).toEqual(['', kept?.replace(place(), '')]);
    });
    expect(fingerprint(backup)).toBe(made);
  });

  test('and is found by a link is replaced where it lies', async () => {
    const backup = folder.file('backup');
    await auth.services.backups.make(backup);
    await auth.createUser();
    symlinkSync(place(), folder.file('link.db'));
    await whileStopped(() => restoreIn({ ...settings, DATABASE_URL: `sqlite:${folder.file('link.db')}` }, backup, clock));
    expect(await query(place(), 'SELECT count(*) AS users FROM users')).toEqual([{ users: 0 }]);
    expect(readdirSync(folder.path).sort()).toEqual(['backup', 'link.db']);
  });

  test('and can’t be read is kept with its log, and the ids that it may have given are left out', async () => {
    const backup = folder.file('backup');
    const user = await auth.createUser();
    await auth.services.backups.make(backup);
    await whileStopped(async () => {
      writeFileSync(place(), 'not a database any more\n'.repeat(1000));
      writeFileSync(`${place()}-wal`, 'its log');
      const { kept } = await restore(backup);
      expect(readFileSync(`${kept ?? ''}-wal`, 'utf8')).toBe('its log');
    });
    expect((await auth.createUser()).id).toBe(user.id + 1_000_001);
  });

  test('and is not there is made', async () => {
    const backup = folder.file('backup');
    await auth.createUser({ username: 'ada' });
    await auth.services.backups.make(backup);
    settings = { ...settings, DATABASE_URL: `sqlite:${folder.file('other.db')}` };
    await whileStopped(async () => {
      expect(await restore(backup)).toMatchObject({ kept: undefined, contents: { users: 1 } });
    });
    expect((await auth.createUser({ username: 'bob' })).id).toBe(1_000_002);
  });

  test('by one that has a log beside it is not, as that is a database in use', async () => {
    await expect(restore(place())).rejects.toMatchObject({ message: expect.stringMatching(/the database itself/) });
    const other = await createTestAuth({ ...settings, DATABASE_URL: `sqlite:${folder.file('other.db')}` });
    await other.createUser();
    await expect(restore(folder.file('other.db'))).rejects.toMatchObject({ message: expect.stringMatching(/has a -wal beside it/) });
    await other.close();
  });

  test('under a service is noticed by it', async () => {
    const watching = createDatabase(target.target);
    await watching.ping();
    const backup = folder.file('backup');
    await auth.services.backups.make(backup);
    copyFileSync(backup, `${place()}.new`);
    renameSync(`${place()}.new`, place());
    await expect(watching.ping()).rejects.toThrow(/was replaced while it was in use/);
    await watching.close();
  });
});

test('a SQLite file is put to rest as soon as who had it open is gone', async () => {
  const file = folder.file('used.db');
  const database = createDatabase({ dialect: 'sqlite', file });
  await migrate(database);
  await database.close();
  const other = await openRaw(file, { write: true });
  await other.all('SELECT count(*) FROM users');
  const resting = putToRest(file);
  await sleep(200);
  await other.close();
  await resting;
  expect(readdirSync(folder.path).filter((name) => name.startsWith('used.db'))).toEqual(['used.db']);
  expect(await query(file, 'PRAGMA journal_mode')).toEqual([{ journal_mode: 'delete' }]);
});
