import { constants, accessSync, closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type sqlite3 from 'sqlite3';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';
import { sqliteDriver } from './sqlite-driver.js';

/** A connection used for looking at a file or changing its mode, outside Sequelize. */
export interface RawConnection {
  all(sql: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const SETTLE_MS = 50;
const SETTLE_TRIES = 200;

const BUSY = /^SQLITE_(BUSY|LOCKED)/;

/** Needs the right to write, and a transaction that may write, on SQLite and on PostgreSQL; and changes no row. */
export const WRITE_NOTHING = 'DELETE FROM auth_sessions WHERE 1 = 0';

/** How every SQLite file begins. */
const HEADER = Buffer.from('SQLite format 3\0');

/** Opens a SQLite file as it is; `write` is needed for changing it. Throws what SQLite says. */
export async function openRaw(file: string, { write }: { write: boolean }): Promise<RawConnection> {
  const { Database, OPEN_READONLY, OPEN_READWRITE } = sqliteDriver();
  const connection = await new Promise<sqlite3.Database>((done, failed) => {
    const opening: sqlite3.Database = new Database(file, write ? OPEN_READWRITE : OPEN_READONLY, (error) => {
      if (error) failed(error);
      else done(opening);
    });
  });
  connection.configure('busyTimeout', SETTLE_MS * SETTLE_TRIES);
  return {
    all: (sql) =>
      new Promise((done, failed) => {
        connection.all<Record<string, unknown>>(sql, (error, rows) => {
          if (error) failed(error);
          else done(rows);
        });
      }),
    close: () =>
      new Promise((done, failed) => {
        connection.close((error) => {
          if (error) failed(error);
          else done();
        });
      }),
  };
}

/** What stands in a SQLite file, told without touching it. */
export interface FileState {
  /** False for a file that is absent or empty. */
  readonly exists: boolean;
  readonly writeAheadLog: boolean;
  /** The columns of its users table; none where it has no such table. */
  readonly userColumns: readonly string[];
  readonly migrations: readonly string[];
}

/**
 * Looks at a SQLite file and changes nothing, but that a write which a crash has cut short is rolled back, as SQLite
 * bids whoever opens it next. Throws StartError where it can't be used: no folder, no right to write, no database, a
 * corrupt one, or one whose record of migrations is not ours.
 */
export async function inspectFile(file: string): Promise<FileState> {
  if (!existsSync(file) || statSync(file).size === 0) {
    assertFolder(file);
    return { exists: false, writeAheadLog: false, userColumns: [], migrations: [] };
  }
  if (!statSync(file).isFile()) throw new StartError(`DATABASE_URL: ${file} is not a file. Name a file for the database`);
  assertHeader(file);
  // What a crash has left half written can be told by its journal, and read only once it is rolled back.
  const connection = await openRaw(file, { write: existsSync(`${file}-journal`) }).catch((error: unknown) => {
    throw cannotOpen(file, error);
  });
  try {
    await assertSound(file, connection);
    const tables = new Set((await connection.all("SELECT name FROM sqlite_master WHERE type = 'table'")).map((row) => row['name']));
    return {
      exists: true,
      writeAheadLog: (await connection.all('PRAGMA journal_mode'))[0]?.['journal_mode'] === 'wal',
      userColumns: (await connection.all('PRAGMA table_info(users)')).map((row) => String(row['name'])),
      migrations: tables.has('schema_migrations') ? await recordedIn(file, connection) : [],
    };
  } finally {
    await connection.close();
  }
}

const cannotOpen = (file: string, cause: unknown): StartError =>
  new StartError(`DATABASE_URL: ${file} can't be opened. Make it readable and writable for this user`, { cause });

const notADatabase = (file: string, cause?: unknown): StartError =>
  new StartError(`DATABASE_URL: ${file} is not a SQLite database; it was not touched. Name another file`, { cause });

function assertHeader(file: string): void {
  let found: boolean;
  try {
    found = hasHeader(file);
  } catch (error) {
    throw cannotOpen(file, error);
  }
  if (!found) throw notADatabase(file);
}

/** Whether a file begins as SQLite's do. Looked at before SQLite does, which may write to a file with a journal beside it. */
export function hasHeader(file: string): boolean {
  const header = Buffer.alloc(HEADER.length);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  return header.equals(HEADER);
}

async function recordedIn(file: string, connection: RawConnection): Promise<string[]> {
  const columns = (await connection.all('PRAGMA table_info(schema_migrations)')).map((row) => row['name']);
  if (!columns.includes('name')) {
    throw new StartError(`DATABASE_URL: ${file} has a schema_migrations table that is not ours; it was not touched. Name another file`);
  }
  return (await connection.all('SELECT name FROM schema_migrations')).map((row) => String(row['name']));
}

function assertFolder(file: string): void {
  const folder = dirname(resolve(file));
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    if (!statSync(folder).isDirectory()) throw new Error('it is a file');
  } catch (error) {
    throw new StartError(`DATABASE_URL: the folder ${folder} can't be written to. Make it, or make it writable for this user`, {
      cause: error,
    });
  }
}

async function assertSound(file: string, connection: RawConnection): Promise<void> {
  let faults: Record<string, unknown>[];
  try {
    faults = await connection.all('PRAGMA quick_check(1)');
  } catch (error) {
    const reason = errorCode(error);
    if (reason === 'SQLITE_NOTADB') throw notADatabase(file, error);
    if (reason !== 'SQLITE_CORRUPT') {
      throw new StartError(`DATABASE_URL: ${file} can't be read (${reason}); it was not touched`, { cause: error });
    }
    faults = [{ quick_check: reason }];
  }
  if (faults[0]?.['quick_check'] !== 'ok') {
    throw new StartError(`DATABASE_URL: ${file} is corrupt; it was not touched. Put back a backup of it`);
  }
}

/** Does what SQLite itself does not wait for, as a change of the journal's mode: again and again, for so long. */
export async function patiently(work: () => Promise<unknown>, leftMs = SETTLE_MS * SETTLE_TRIES): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (leftMs <= 0 || !BUSY.test(errorCode(error))) throw error;
    await sleep(SETTLE_MS);
    await patiently(work, leftMs - SETTLE_MS);
  }
}

/**
 * Puts the file into write-ahead logging, which it then stays in: readers and the writer no longer wait for each other.
 * Waits for other processes that have it open.
 */
export async function enableWriteAheadLog(file: string): Promise<void> {
  const connection = await openRaw(file, { write: true });
  try {
    await patiently(() => connection.all('PRAGMA journal_mode=WAL'));
  } finally {
    await connection.close();
  }
}

/** More than the cache of a page holds, so that SQLite writes it before the commit. */
const WRITE_CHECK = [
  'PRAGMA cache_size=1',
  'BEGIN IMMEDIATE',
  'CREATE TABLE auth_write_check (filler BLOB)',
  'INSERT INTO auth_write_check VALUES (zeroblob(200000))',
  'ROLLBACK',
];

/**
 * Returns the error code of what prevents writes to a SQLite file, or undefined. It writes to the disk and rolls back, so the
 * content stays as it is. `BEGIN IMMEDIATE` alone succeeds on a read-only file.
 */
export async function writeObstacle(file: string): Promise<string | undefined> {
  try {
    // The `-wal` and `-shm` files are created there.
    accessSync(dirname(resolve(file)), constants.W_OK | constants.X_OK);
    const connection = await openRaw(file, { write: true });
    try {
      for (const statement of WRITE_CHECK) await connection.all(statement);
    } finally {
      await connection.close();
    }
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}

/** Throws StartError where a SQLite file takes no writes. One that another process is writing to does. */
export async function assertWritable(file: string): Promise<void> {
  const obstacle = await writeObstacle(file);
  if (obstacle === undefined || BUSY.test(obstacle)) return;
  throw new StartError(
    `DATABASE_URL: ${file} takes no writes (${obstacle}). Make it, its folder, and -wal and -shm beside it writable for this user`,
  );
}

/**
 * Opens a migrated SQLite file and begins a write that changes nothing. Throws what SQLite says where the file is absent or
 * read-only. A file that another connection is writing to passes.
 */
export async function pingFile(file: string): Promise<void> {
  const connection = await openRaw(file, { write: true });
  try {
    await connection.all('PRAGMA busy_timeout=0');
    await connection.all(WRITE_NOTHING);
  } catch (error) {
    if (!BUSY.test(errorCode(error))) throw error;
  } finally {
    await connection.close();
  }
}
