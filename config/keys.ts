import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { errorCode } from '../src/lib/error-code.js';
import type { DatabaseTarget } from './database.js';
import { ConfigError } from './config-error.js';

/** Bytes drawn for a key that is made here: enough for HS512 (RFC 7518 §3.2). */
const MADE_KEY_BYTES = 64;

interface MadeKeys {
  SECRET_KEY: string;
  ROOT_KEY: string;
}

/** Keys for a database whose operator has set none. */
export interface LocalKeys {
  readonly keys: MadeKeys;
  /** Whether the file was created just now. */
  readonly made: boolean;
  /** Where they are kept; undefined for a database in memory. */
  readonly file: string | undefined;
}

const makeKey = (): string => randomBytes(MADE_KEY_BYTES).toString('base64url');
const makeKeys = (): MadeKeys => ({ SECRET_KEY: makeKey(), ROOT_KEY: makeKey() });

/**
 * The keys kept beside a SQLite file (mode 0600), made at the first start; for a database in memory they last as long
 * as the process. Two processes that start at once get the same ones. Throws ConfigError where the file can't be
 * written or read.
 */
export function localKeys(target: DatabaseTarget): LocalKeys {
  const file = keyFileOf(target);
  if (file === undefined) return { keys: makeKeys(), file, made: false };
  const made = !existsSync(file) && createOnce(file, JSON.stringify(makeKeys(), null, 2));
  return { keys: readKeys(file, takeFromOthers), file, made };
}

/** The same for who only looks: nothing is made or changed, and keys that are not there yet are drawn for the moment. */
export function keptKeys(target: DatabaseTarget): LocalKeys {
  const file = keyFileOf(target);
  return { keys: file !== undefined && existsSync(file) ? readKeys(file) : makeKeys(), file, made: false };
}

/** The path of the key file beside a SQLite file; undefined for any other database. */
export const keyFileOf = (target: DatabaseTarget): string | undefined =>
  target.dialect === 'sqlite' && target.file !== ':memory:' ? `${target.file}.keys.json` : undefined;

/** Writes a file that is there whole or not at all; false where another process was first. */
function createOnce(file: string, content: string): boolean {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (existsSync(draft)) rmSync(draft);
    throw new ConfigError([
      `DATABASE_URL: the folder of ${file} can't be written to (${errorCode(error)}). Make it, or make it writable for this user`,
    ]);
  }
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw new ConfigError([`${file} can't be made (${errorCode(error)}). Set SECRET_KEY and ROOT_KEY`]);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** `before` is done to the file first; what it throws counts as a file that can't be read. */
function readKeys(file: string, before?: (file: string) => void): MadeKeys {
  const parsed = parseJson(readText(file, before));
  if (isMadeKeys(parsed)) return parsed;
  throw new ConfigError([`${file} is damaged: put back the copy kept with the database's backup, or set SECRET_KEY and ROOT_KEY`]);
}

/** What they may have been given by a copy or a mask. */
function takeFromOthers(file: string): void {
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
}

function readText(file: string, before?: (file: string) => void): string {
  try {
    before?.(file);
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`${file} can't be read (${errorCode(error)}). Make it a file of this user, or set SECRET_KEY and ROOT_KEY`]);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isMadeKey = (value: unknown): value is string => typeof value === 'string' && value.length >= MADE_KEY_BYTES;

function isMadeKeys(value: unknown): value is MadeKeys {
  return (
    typeof value === 'object' &&
    value !== null &&
    'SECRET_KEY' in value &&
    isMadeKey(value.SECRET_KEY) &&
    'ROOT_KEY' in value &&
    isMadeKey(value.ROOT_KEY)
  );
}
