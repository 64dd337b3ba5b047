import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppError } from '../errors/app-error.js';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';

/** What a file system says that has no hard links. */
const NO_LINKS = /^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/;

/** Whatever SQLite may have put beside a file. */
export const SIDES = ['-wal', '-shm', '-journal'] as const;

export const taken = (file: string): AppError =>
  new AppError('conflict', { details: { detail: `${file} is there already. Name another file, or move that one away` } });

/** Why a file can't be put back. */
export const unusable = (file: string, why: string, cause?: unknown): AppError =>
  new AppError('validation_failed', { cause, details: { detail: `${file} ${why}; nothing was changed` } });

/** A new empty file beside that one, of a name that nobody has, for this user alone. Throws StartError. */
export function makeDraft(file: string): string {
  const draft = `${file}.${randomBytes(4).toString('hex')}.part`;
  try {
    closeSync(openSync(draft, 'wx', 0o600));
  } catch (error) {
    const folder = dirname(resolve(file));
    throw new StartError(`${folder} can't be written to (${errorCode(error)}). Make it, or make it writable for this user`, {
      cause: error,
    });
  }
  return draft;
}

/** Removes a file, with what SQLite may have put beside it. */
export function removeDraft(draft: string): void {
  for (const side of ['', ...SIDES]) rmSync(draft + side, { force: true });
}

/** Throws `validation_failed` where there is no such file. */
export function statOf(file: string, shown: string): Stats {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) throw unusable(shown, 'is not a file that is there');
  return found;
}

/** Returns once what is in the file is on the disk. */
export function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The same for the names of a folder's files. Windows has no such thing. */
export function syncFolderOf(file: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(dirname(resolve(file)), 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Gives a draft its name, whole or not at all. Throws `conflict` where a file has it. */
export function publish(draft: string, file: string): void {
  syncFile(draft);
  try {
    linkSync(draft, file);
  } catch (error) {
    if (errorCode(error) === 'EEXIST' || existsSync(file)) throw taken(file);
    if (!NO_LINKS.test(errorCode(error))) throw error;
    renameSync(draft, file);
  }
  rmSync(draft, { force: true });
  syncFolderOf(file);
}
