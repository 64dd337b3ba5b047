import { chmodSync, chownSync, existsSync, linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '../errors/app-error.js';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';
import { removeDraft, SIDES, syncFile, syncFolderOf } from './backup-file.js';
import { type Marks, type OurTables, readMarks } from './backup-marks.js';
import { isMountPoint } from './mounted-file.js';
import { hasHeader, openRaw, patiently, type RawConnection } from './sqlite-file.js';

/** Somebody who only looks in is gone by then. */
const WAIT_MS = 1000;

/** The owner's permission bits. */
const OWNER_BITS = 0o700;

const DAMAGED = /^SQLITE_(NOTADB|CORRUPT)/;

/** A database file that nobody else can use until it is released. */
export interface HeldFile {
  /** Undefined where there is no database of ours, or none that can be read. */
  readonly marks: Marks | undefined;
  /**
   * Puts the draft in its place, a database at rest, in one step: whoever is killed leaves the one or the other. Returns where
   * the one before is kept; undefined where there was none.
   */
  replaceByDraft(): string | undefined;
  release(): Promise<void>;
}

/**
 * Takes a database file for this process alone. Every connection to a file in write-ahead logging holds a lock for as long
 * as it is open, so that what uses it is always found. Throws `conflict` where it is in use, and StartError.
 */
export async function holdAlone(file: string, draft: string, ours: OurTables, now: number): Promise<HeldFile> {
  if (isMountPoint(file))
    throw new StartError(`DATABASE_URL: ${file} is mounted by itself, so that it can't be replaced. Mount its folder instead`);
  const isThere = existsSync(file) && statSync(file).size > 0;
  const connection = isThere && hasHeader(file) ? await takeLock(file) : undefined;
  const release = async (): Promise<void> => {
    // With what it holds.
    await connection?.close();
  };
  try {
    const marks = connection && (await marksOf(connection, ours, now));
    if (connection) removeLeftDrafts(file, draft);
    return { marks, release, replaceByDraft: () => swap(draft, file, isThere) };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Undefined where SQLite can make nothing of the file. Whoever comes to it later waits, and then fails. */
async function takeLock(file: string): Promise<RawConnection | undefined> {
  const connection = await openRaw(file, { write: true });
  try {
    await connection.all(`PRAGMA busy_timeout=${WAIT_MS}`);
    // Which writes back what is in its log, and takes it out of write-ahead logging.
    await patiently(() => connection.all('PRAGMA journal_mode=DELETE'), WAIT_MS);
    await connection.all('BEGIN EXCLUSIVE');
    const [mode] = await connection.all('PRAGMA journal_mode');
    if (mode?.['journal_mode'] !== 'delete') throw inUse(file);
    return connection;
  } catch (error) {
    await connection.close();
    const code = errorCode(error);
    if (DAMAGED.test(code)) return undefined;
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) throw inUse(file);
    if (!code.startsWith('SQLITE_')) throw error;
    throw new StartError(`DATABASE_URL: ${file} can't be changed (${code}). Make it, and its folder, writable for this user`, {
      cause: error,
    });
  }
}

const inUse = (file: string): AppError =>
  new AppError('conflict', { details: { detail: `${file} is in use. Stop the service, and whatever else uses it` } });

async function marksOf(connection: RawConnection, ours: OurTables, now: number): Promise<Marks | undefined> {
  try {
    return await readMarks((sql) => connection.all(sql), ours, now);
  } catch (error) {
    if (DAMAGED.test(errorCode(error))) return undefined;
    throw error;
  }
}

/** What was killed on the way has left its own behind. */
function removeLeftDrafts(file: string, but: string): void {
  const folder = dirname(resolve(file));
  const name = basename(file);
  for (const found of readdirSync(folder)) {
    const isDraft = found.startsWith(`${name}.`) && /^[0-9a-f]{8}\.part$/.test(found.slice(name.length + 1));
    if (isDraft && found !== basename(but)) removeDraft(join(folder, found));
  }
}

function swap(draft: string, file: string, isThere: boolean): string | undefined {
  const kept = isThere ? freeName(file) : undefined;
  if (kept !== undefined) {
    takeAfter(draft, file);
    // A second name, so that the first is never without a file.
    linkSync(file, kept);
  }
  syncFile(draft);
  // A log of the one before would be taken for one of the other. Only what can't be read has any left.
  for (const side of SIDES) {
    if (!existsSync(file + side)) continue;
    if (kept === undefined || side === '-shm') rmSync(file + side);
    else {
      chmodSync(file + side, statSync(file + side).mode & OWNER_BITS);
      renameSync(file + side, kept + side);
    }
  }
  renameSync(draft, file);
  syncFolderOf(file);
  return kept;
}

function freeName(file: string): string {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const base = `${file}.before-restore-${stamp}`;
  return existsSync(base) ? `${base}-${process.pid}` : base;
}

/**
 * Gives the draft the owner and the owner's permissions of the file that it replaces; neither keeps permissions for other
 * users. Throws StartError where this user may not change them.
 */
function takeAfter(draft: string, file: string): void {
  const { uid, gid, mode } = statSync(file);
  const own = statSync(draft);
  try {
    if (own.uid !== uid || own.gid !== gid) chownSync(draft, uid, gid);
    chmodSync(draft, mode & OWNER_BITS);
    chmodSync(file, mode & OWNER_BITS);
  } catch (error) {
    throw new StartError(`${file} belongs to another user (${errorCode(error)}). Run this as that user`, { cause: error });
  }
}
