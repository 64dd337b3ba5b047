import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { inspectDatabase } from '../../src/adapters/inspection.js';
import { migrate } from '../../src/adapters/migrator.js';
import { checkDatabase } from '../../src/cli/checks/database.js';
import { StartError } from '../../src/errors/start-error.js';
import { fingerprint, useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const file = (): string => folder.file('auth.db');
const target = () => ({ dialect: 'sqlite', file: file() }) as const;

const opened: Database[] = [];
const open = (): Database => {
  const database = createDatabase(target());
  opened.push(database);
  return database;
};

/** Modes do not apply to root, but the immutable flag does. */
const isRoot = process.getuid?.() === 0;
const protect = (): void => {
  if (isRoot) execFileSync('chattr', ['+i', file()]);
  else chmodSync(file(), 0o400);
};
const unprotect = (): void => {
  if (isRoot) execFileSync('chattr', ['-i', file()]);
  else chmodSync(file(), 0o600);
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});

describe('a SQLite file that can be read and not written', () => {
  it('is refused at the start, fails in doctor, and makes a running service not ready', async () => {
    const running = open();
    await migrate(running);
    await running.ping();
    const before = fingerprint(file());
    protect();
    try {
      const [state, start] = await Promise.all([inspectDatabase(open()), migrate(open()).catch((error: unknown) => error)]);
      expect(start).toBeInstanceOf(StartError);
      expect(start).toMatchObject({
        message: `DATABASE_URL: ${file()} takes no writes (SQLITE_READONLY). Make it, its folder, and -wal and -shm beside it writable for this user`,
      });
      expect(checkDatabase(target(), state)).toContainEqual(
        expect.objectContaining({ check: 'writable', status: 'fail', detail: expect.stringContaining('SQLITE_READONLY') }),
      );
      await expect(running.ping()).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
    } finally {
      unprotect();
    }
    await running.ping();
    expect(fingerprint(file())).toBe(before);
  });
});

describe('the write of doctor', () => {
  it('leaves a file in use as it was', async () => {
    const running = open();
    await migrate(running);
    const tables = () => running.sequelize.query('SELECT count(*) AS tables FROM sqlite_master');
    const [[before]] = [await tables()];
    expect(await inspectDatabase(open())).toMatchObject({ obstacle: undefined });
    expect((await tables())[0]).toEqual(before);
  });
});
