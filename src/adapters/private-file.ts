import { chmodSync, closeSync, existsSync, openSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';
import { SIDES } from './backup-file.js';
import { isMountPoint } from './mounted-file.js';

/** Read and write for the owner alone: these files hold password hashes, tokens and keys (ASVS 13.3.1). */
const PRIVATE_MODE = 0o600;
/** The permission bits of the group and of other users. */
const SHARED_BITS = 0o077;
const OWNER_BITS = 0o700;

/** A file of the service, as the file system describes it. */
export interface FileAccess {
  readonly file: string;
  /** Whether the group or other users have any permission. */
  readonly isShared: boolean;
  /** The user id of the owner. */
  readonly owner: number;
}

/** Creates an empty file with mode 0600, whatever the umask. An existing file is left as it is. Throws what the file system reports. */
export function createPrivateFile(file: string): void {
  closeSync(openSync(file, 'a', PRIVATE_MODE));
}

/**
 * Creates a SQLite file with mode 0600 where it is absent, and removes the permissions of other users from it, its side
 * files and the copies of it. SQLite gives new side files the mode of the database file. Returns lines for the operator
 * about each change and each file whose mode this user cannot change. Throws StartError where the file cannot be created.
 */
export function protectDatabaseFiles(file: string): string[] {
  if (process.platform === 'win32') return [];
  if (!existsSync(file)) {
    try {
      createPrivateFile(file);
    } catch (error) {
      throw new StartError(`DATABASE_URL: ${file} can't be created (${errorCode(error)}). Make its folder writable for this user`, {
        cause: error,
      });
    }
  }
  const changes = describeFiles(databaseFiles(file))
    .filter(({ isShared }) => isShared)
    .map((shared) => removeSharedBits(shared.file));
  return isMountPoint(file) ? [...changes, mountWarning(file)] : changes;
}

/** Returns what a database file that is a mount of its own puts at risk. */
export const mountWarning = (file: string): string =>
  `${file} is mounted by itself, and the files beside it are not: latest writes and keys are lost with them. Mount its folder instead`;

function removeSharedBits(file: string): string {
  try {
    chmodSync(file, statSync(file).mode & OWNER_BITS);
    return `${file} was accessible to other users: its permissions are now those of its owner alone`;
  } catch (error) {
    return `${file} is accessible to other users, and its mode can't be changed (${errorCode(error)}). Run chmod 600 on it as its owner`;
  }
}

/** Lists the files that belong to a SQLite database and exist: the file, its side files, and copies and drafts made from it. */
export function databaseFiles(file: string): string[] {
  const folder = dirname(resolve(file));
  const name = basename(file);
  const made = existsSync(folder) ? readdirSync(folder).filter((found) => isMadeFrom(name, found)) : [];
  return [
    ...['', ...SIDES].map((side) => file + side).filter((path) => existsSync(path)),
    ...made.map((found) => join(dirname(file), found)),
  ];
}

/** `auth.db.before-restore-…`, `auth.db.before-adoption-….part`, `auth.db.1a2b3c4d.part`. */
const isMadeFrom = (name: string, found: string): boolean =>
  found.startsWith(`${name}.before-`) || (found.startsWith(`${name}.`) && found.endsWith('.part'));

/** Describes the access to each file; one that has disappeared is left out. */
export function describeFiles(files: readonly string[]): FileAccess[] {
  return files.flatMap((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found === undefined ? [] : [{ file, isShared: (found.mode & SHARED_BITS) !== 0, owner: found.uid }];
  });
}
