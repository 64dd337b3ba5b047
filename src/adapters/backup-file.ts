import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppError } from '../errors/app-error.js';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';

/** Stands at the end of a backup: neither SQLite nor pg_restore looks there. */
const SEAL = /^\nlingomate-auth sha256 ([0-9a-f]{64})\n$/;
const sealText = (digest: string): string => `\nlingomate-auth sha256 ${digest}\n`;
const SEAL_BYTES = sealText('0'.repeat(64)).length;

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

/** Writes a digest of all that is in a backup behind it. Returns it. */
export async function seal(draft: string): Promise<string> {
  const digest = await digestOf(draft, statSync(draft).size);
  const descriptor = openSync(draft, 'a');
  try {
    writeSync(descriptor, sealText(digest));
  } finally {
    closeSync(descriptor);
  }
  return digest;
}

/** Throws `validation_failed` where there is no such file. */
export function statOf(file: string, shown: string): Stats {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) throw unusable(shown, 'is not a file that is there');
  return found;
}

/**
 * How long a backup is without the digest behind it, where it has one. Throws `validation_failed` where that is not the
 * one of what stands before it.
 */
export async function assertSealed(file: string, shown: string): Promise<number> {
  const { size } = statOf(file, shown);
  const before = size - SEAL_BYTES;
  const digest = before < 0 ? undefined : SEAL.exec(readEnd(file, before))?.[1];
  if (digest === undefined) return size;
  if ((await digestOf(file, before)) !== digest) throw unusable(shown, 'is damaged, or was changed since it was made');
  return before;
}

function readEnd(file: string, from: number): string {
  const end = Buffer.alloc(SEAL_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, end, 0, SEAL_BYTES, from);
  } finally {
    closeSync(descriptor);
  }
  return end.toString('latin1');
}

async function digestOf(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  if (bytes > 0) for await (const chunk of createReadStream(file, { end: bytes - 1 })) if (Buffer.isBuffer(chunk)) hash.update(chunk);
  return hash.digest('hex');
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
