import bcrypt from 'bcryptjs';
import type { Hasher } from '../../adapters/hasher.js';
import type { NormalForm } from '../../adapters/recipe.js';
import { AppError } from '../../errors/app-error.js';
import type { Flow } from '../../lib/flow.js';
import { bcryptCostOf } from './bounds.js';
import { createEqualisingWork } from './equalising-work.js';
import { isPlainBcrypt, type KnownHash, readHash } from './formats.js';
import { isPasswordText, NOT_PASSWORD_TEXT, PASSWORD_LENGTH, passwordFaults, passwordFaultText } from './password-policy.js';
import { spellingsOf } from './spellings.js';

/** What bcrypt reads of a password, in bytes of UTF-8; the rest it drops without a word. */
const BCRYPT_BYTES = 72;

/** A user's hash as it is stored. */
export interface StoredHash {
  readonly hash: string | null;
  /** Whether it was made elsewhere, where its format does not show that (`needsOrigin`). */
  readonly imported: boolean;
}

/** `outdated`: the password is right, and its hash should be made anew. */
export interface Verification {
  readonly valid: boolean;
  readonly outdated: boolean;
}

/** A `flow` is the client and account that a hash is made for: the threads are shared fairly among them. */
export interface PasswordService {
  /**
   * The hash to store for a new password: `$2b$` up to 72 bytes, which the FastAPI original can read, and passlib's
   * `$bcrypt-sha256$v=2` beyond, so that nothing is cut off (ASVS 6.2.8, 11.4.2).
   * Throws `validation_failed` or the password rule's code where a rule is broken, `overloaded` where too many wait.
   */
  hash(password: string, username?: string, flow?: Flow): Promise<string>;
  /**
   * Verifies a password exactly as sent and, against a hash that was made elsewhere, also in NFC and NFD. An absent account (`undefined`), an absent hash and one that cannot be verified, `hashFault` says why,
   * cost as much as a wrong password (ASVS 6.3.8). A right password whose hash has another format or another bcrypt cost than
   * a new one is `outdated`. Throws `overloaded` where too many hashes wait.
   */
  verify(password: string, stored: StoredHash | undefined, flow?: Flow): Promise<Verification>;
  /**
   * Returns a new hash for a password that has just been verified against `stored`, whatever the rules for new passwords are. The
   * spellings that the stored hash accepts are accepted by the new one: where it was made elsewhere, the new hash is of a normal form
   * and in the format `$bcrypt-sha256$v=2` with the parameter `nf`, unless the password is ASCII.
   */
  rehash(password: string, stored: StoredHash, flow?: Flow): Promise<string>;
  /**
   * Returns why a hash cannot be verified, worded to follow the name of the member that holds it: no supported format,
   * malformed, or more expensive than about one second of one core. Undefined where it can be. Repeats nothing of the hash.
   */
  hashFault(hash: string): string | undefined;
  /**
   * Replaces the formats that the timing-equalising work covers by those of these hashes. A format that is missing is covered
   * from the first verification against one of its hashes.
   */
  setFormatsInUse(hashes: readonly string[]): void;
}

interface Parts {
  readonly hasher: Hasher;
  readonly rounds: number;
  /** Minimum length of a new password, in code points. */
  readonly minLength?: number;
  /** That a new password may not consist of (`contextWords`). */
  readonly words?: readonly string[];
}

export function createPasswordService({ hasher, rounds, minLength = PASSWORD_LENGTH.fewest, words = [] }: Parts): PasswordService {
  const equalising = createEqualisingWork(rounds);
  const known = (hash: string | null | undefined): KnownHash | undefined =>
    typeof hash === 'string' ? readHash(hash, rounds).known : undefined;

  const make = async (password: string, form: NormalForm | undefined, flow?: Flow): Promise<string> => {
    const salt = bcrypt.genSaltSync(rounds);
    if (fitsBcrypt(password) && form === undefined) return hasher.digest(password, { kind: 'bcrypt', salt }, flow);
    const digest = await hasher.digest(password, { kind: 'bcrypt', salt, prehash: 'hmac-sha256-base64', ...(form && { form }) }, flow);
    const parameters = `v=2,t=2b,r=${rounds}${form === undefined ? '' : `,nf=${form.toLowerCase()}`}`;
    return `$bcrypt-sha256$${parameters}$${digest.slice(7, 29)}$${digest.slice(29)}`;
  };

  return {
    rehash: (password, stored, flow) => make(password, normalFormFor(password, known(stored.hash), stored), flow),
    hashFault: (hash) => readHash(hash, rounds).fault,
    setFormatsInUse: (hashes) => {
      equalising.setFormats(hashes.flatMap((hash) => known(hash)?.recipe ?? []));
    },
    hash: async (password, username, flow) => {
      assertAcceptable(password, { minLength, username, words });
      return make(password, undefined, flow);
    },
    verify: async (password, stored, flow) => {
      const found = known(stored?.hash);
      if (found !== undefined) equalising.addFormat(found.recipe);
      // Every spelling costs the same work whichever hash there is, so that the time does not reveal an imported one.
      for (const spelling of spellingsOf(password)) {
        const isTried = found !== undefined && (spelling === password || takesSpellings(found, stored));
        const tried = isTried && canBeRight(spelling, found, stored) ? found : equalising.dummy();
        const { recipe, expected } = tried;
        const valid = await hasher.matches({ password: spelling, recipe, expected, padding: equalising.after(recipe) }, flow);
        if (valid) return { valid, outdated: isOutdated(tried, rounds) && mayReplace(spelling, tried, stored) };
      }
      return { valid: false, outdated: false };
    },
  };
}

interface NewPasswordContext {
  readonly minLength: number;
  readonly username: string | undefined;
  readonly words: readonly string[];
}

function assertAcceptable(password: string, context: NewPasswordContext): void {
  if (!isPasswordText(password)) {
    throw new AppError('validation_failed', { details: { fields: [{ path: 'password', code: 'format', message: NOT_PASSWORD_TEXT }] } });
  }
  const faults = passwordFaults(password, context);
  if (faults[0] === undefined) return;
  const fields = faults.map((code) => ({ path: 'password', code, message: passwordFaultText(code, context.minLength) }));
  const only = faults.length === 1 ? { detail: passwordFaultText(faults[0], context.minLength) } : {};
  throw new AppError(faults.length === 1 ? faults[0] : 'validation_failed', { details: { fields, ...only } });
}

const bytes = (password: string): number => Buffer.byteLength(password, 'utf8');
const fitsBcrypt = (password: string): boolean => bytes(password) <= BCRYPT_BYTES;

const ASCII = /^[\0-\x7f]*$/;

const isImported = ({ ours }: KnownHash, stored: StoredHash | undefined): boolean => !ours || stored?.imported === true;

/** Returns the normal form that a recipe brings a password to, if any. */
const normalFormOf = ({ recipe }: KnownHash): NormalForm | undefined => ('form' in recipe ? recipe.form : undefined);

/** A hash of a normal form accepts every spelling in one computation. */
const takesSpellings = (known: KnownHash, stored: StoredHash | undefined): boolean =>
  isImported(known, stored) && normalFormOf(known) === undefined;

/** Returns the normal form of which a new hash is made in the place of another; undefined for the password exactly as sent. */
function normalFormFor(password: string, known: KnownHash | undefined, stored: StoredHash): NormalForm | undefined {
  if (known === undefined) return undefined;
  return normalFormOf(known) ?? (isImported(known, stored) && !ASCII.test(password) ? 'NFC' : undefined);
}

/** No password is empty or has NUL, wherever its hash was made; and what we hashed with plain bcrypt has no more than 72 bytes. */
const canBeRight = (password: string, known: KnownHash, stored: StoredHash | undefined): boolean =>
  password !== '' && isPasswordText(password) && (!isPlainBcrypt(known) || fitsBcrypt(password) || stored?.imported === true);

/** Of a format that new hashes do not have, or of another cost, lower or higher. */
const isOutdated = ({ ours, recipe }: KnownHash, rounds: number): boolean =>
  !ours || (recipe.kind === 'bcrypt' && bcryptCostOf(recipe.salt) !== rounds);

/** A hash that cut its password off says nothing of the tail: where one may have been, only the owner can replace it. */
const mayReplace = (password: string, known: KnownHash, stored: StoredHash | undefined): boolean =>
  !isPlainBcrypt(known) || stored?.imported !== true || bytes(password) < BCRYPT_BYTES;

/** A fault of the member `password` as one of the member that it was sent in. */
export const inMember =
  (path: string) =>
  (error: unknown): never => {
    if (!(error instanceof AppError) || error.details.fields === undefined) throw error;
    const fields = error.details.fields.map((field) => ({ ...field, path }));
    throw new AppError(error.code, { cause: error, details: { ...error.details, fields } });
  };
