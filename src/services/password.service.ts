import { createHmac } from 'node:crypto';
import bcrypt from 'bcryptjs';
import type { Comparison, Hasher } from '../adapters/hasher.js';
import { AppError } from '../errors/app-error.js';
import { CODES } from '../errors/codes.js';
import { isPasswordText, NOT_PASSWORD_TEXT, passwordFaults } from './password-policy.js';

/** What bcrypt reads of a password, in bytes of UTF-8; the rest it drops without a word. */
const BCRYPT_BYTES = 72;
/** A stored hash of more than this is not worked out: each step doubles the time, and 31 would take a week. */
const MOST_ROUNDS = 18;
/** The fewest that bcrypt knows. */
const FEWEST_ROUNDS = 4;

const SETTINGS = /^\$(?:2[aby]\$|bcrypt-sha256\$v=2,t=2b,r=)(\d{1,2})\$/;
const PLAIN = /^(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})[./A-Za-z0-9]{31}$/;
const SHA256 = /^\$bcrypt-sha256\$v=2,t=2b,r=(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/;

/** A user's hash as it is stored; `truncates` for one that came from where over-long passwords were cut. */
export interface StoredHash {
  readonly hash: string | null;
  readonly truncates: boolean;
}

/** `outdated`: the password is right, and its hash should be made anew. */
export interface Verification {
  readonly valid: boolean;
  readonly outdated: boolean;
}

export interface PasswordService {
  /**
   * The hash to store for a new password: `$2b$` up to 72 bytes, which the FastAPI original can read, and passlib's
   * `$bcrypt-sha256$v=2` beyond, so that nothing is cut off (ASVS 6.2.8, 11.4.2).
   * Throws `validation_failed` or the password rule's code where a rule is broken, `overloaded` where too many wait.
   */
  hash(password: string, username?: string): Promise<string>;
  /**
   * Whether the password is the one; nobody's hash (`undefined`), a missing one and one of an unknown format cost as
   * much as a wrong password (ASVS 6.3.8). Throws `overloaded` where too many wait.
   */
  verify(password: string, stored: StoredHash | undefined): Promise<Verification>;
  /** A new hash for a password that has just been verified: its rules are those of the day it was set. */
  rehash(password: string): Promise<string>;
  /**
   * Makes every wrong guess cost what it costs against the dearest of these hashes, told by how they begin; or who has
   * one would show, where the cost has been lowered since.
   */
  levelWith(hashes: readonly string[]): void;
}

interface Readable {
  readonly secret: string;
  readonly salt: string;
  readonly expected: string;
  readonly rounds: number;
  readonly plain: boolean;
}

export function createPasswordService({ hasher, rounds }: { hasher: Hasher; rounds: number }): PasswordService {
  const salts = Array.from({ length: MOST_ROUNDS + 1 }, (_, cost) => (cost < FEWEST_ROUNDS ? '' : bcrypt.genSaltSync(cost)));
  /** What a wrong guess costs. */
  let level = rounds;

  /** Compared against where there is nothing to compare with. Nobody knows a password for it, as no digest is all dots. */
  const nobody = (): Comparison => {
    const salt = salts[level] ?? '';
    return { secret: '', salt, expected: `${salt}${'.'.repeat(31)}`, padding: [] };
  };
  /** A cost of c and then c, c+1, … up to the level less one add up to the level's: 2^c + 2^c + 2^(c+1) + … = 2^level. */
  const paddingFrom = (cost: number): string[] => (cost < level ? salts.slice(cost, level) : []);

  const rehash = async (password: string): Promise<string> => {
    const salt = bcrypt.genSaltSync(rounds);
    if (fitsBcrypt(password)) return hasher.digest(password, salt);
    const bare = salt.slice(-22);
    const digest = await hasher.digest(prehash(password, bare), salt);
    return `$bcrypt-sha256$v=2,t=2b,r=${rounds}$${bare}$${digest.slice(-31)}`;
  };

  return {
    rehash,
    levelWith: (hashes) => {
      const costs = hashes.map((hash) => Number(SETTINGS.exec(hash)?.[1] ?? 0)).filter((cost) => cost <= MOST_ROUNDS);
      level = Math.max(level, ...costs);
    },
    hash: async (password, username) => {
      assertAcceptable(password, username);
      return rehash(password);
    },
    verify: async (password, stored) => {
      const readable = stored === undefined ? undefined : readHash(password, stored);
      if (readable === undefined) {
        await hasher.matches(nobody());
        return { valid: false, outdated: false };
      }
      const valid = await hasher.matches({ ...readable, padding: paddingFrom(readable.rounds) });
      return { valid, outdated: valid && readable.rounds < rounds && mayReplace(password, readable, stored) };
    },
  };
}

function assertAcceptable(password: string, username: string | undefined): void {
  if (!isPasswordText(password)) {
    throw new AppError('validation_failed', { details: { fields: [{ path: 'password', code: 'format', message: NOT_PASSWORD_TEXT }] } });
  }
  const faults = passwordFaults(password, username);
  if (faults[0] === undefined) return;
  const fields = faults.map((code) => ({ path: 'password', code, message: CODES[code].detail }));
  throw new AppError(faults.length === 1 ? faults[0] : 'validation_failed', { details: { fields } });
}

const bytes = (password: string): number => Buffer.byteLength(password, 'utf8');
const fitsBcrypt = (password: string): boolean => bytes(password) <= BCRYPT_BYTES;

/** passlib's pre-hash: HMAC-SHA256 under the salt, in base64 so that bcrypt meets no NUL and 44 characters. */
const prehash = (password: string, salt: string): string => createHmac('sha256', salt).update(password, 'utf8').digest('base64');

/** How to check this password against this hash; undefined where no password, or not this one, can be right. */
function readHash(password: string, { hash, truncates }: StoredHash): Readable | undefined {
  if (hash === null || !isPasswordText(password)) return undefined;
  const plain = PLAIN.exec(hash);
  const [, salt, cost] = plain ?? [];
  if (salt !== undefined && cost !== undefined) {
    if (bytes(password) > BCRYPT_BYTES && !truncates) return undefined;
    return bounded({ secret: password, salt, expected: hash, rounds: Number(cost), plain: true });
  }
  const [, sha256Cost, bare, digest] = SHA256.exec(hash) ?? [];
  if (sha256Cost === undefined || bare === undefined || digest === undefined) return undefined;
  const full = `$2b$${sha256Cost.padStart(2, '0')}$${bare}`;
  return bounded({ secret: prehash(password, bare), salt: full, expected: full + digest, rounds: Number(sha256Cost), plain: false });
}

const bounded = (readable: Readable): Readable | undefined =>
  readable.rounds >= FEWEST_ROUNDS && readable.rounds <= MOST_ROUNDS ? readable : undefined;

/** A hash that cut its password off says nothing of the tail: where one may have been, only the owner can replace it. */
function mayReplace(password: string, { plain }: Readable, stored: StoredHash | undefined): boolean {
  return !plain || !stored?.truncates || bytes(password) < BCRYPT_BYTES;
}
