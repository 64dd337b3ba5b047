import type { Argon2Recipe, BcryptRecipe, NormalForm, Pbkdf2Recipe, Recipe, ScryptRecipe } from '../../adapters/recipe.js';
import { boundFault } from './bounds.js';

/** A stored hash, as it can be checked. */
export interface KnownHash {
  readonly recipe: Recipe;
  /** What the recipe makes of the right password. */
  readonly expected: string;
  /** Of a format that we write ourselves. */
  readonly ours: boolean;
}

/** A hash that can be verified, or why it cannot be. */
export type Reading = { readonly known: KnownHash; readonly fault?: never } | { readonly fault: string; readonly known?: never };

type Parts = Omit<KnownHash, 'ours'> | undefined;

interface Format {
  readonly name: string;
  readonly starts: RegExp;
  readonly whole: RegExp;
  /** Made of what `whole` catches; undefined where that is not base64. */
  readonly read: (...caught: string[]) => Parts;
  readonly ours?: true;
}

/** Of base64 with `+` or passlib's `.`, padded or not. */
const bytesOf = (text: string): Buffer | undefined => {
  const bare = text.replaceAll('.', '+').replace(/=+$/, '');
  return bare.length % 4 === 1 ? undefined : Buffer.from(bare, 'base64');
};
/** A salt that is used as it is written, in base64 as the others. */
const asWritten = (salt: string): string => Buffer.from(salt, 'utf8').toString('base64');

/** A recipe for a salt and a digest that are both in base64. */
function withDigest(recipe: (salt: string, length: number) => Recipe, salt: string, digest: string): Parts {
  const [saltBytes, digestBytes] = [bytesOf(salt), bytesOf(digest)];
  if (saltBytes === undefined || digestBytes === undefined) return undefined;
  return { recipe: recipe(saltBytes.toString('base64'), digestBytes.length), expected: digestBytes.toString('base64') };
}

const bcrypt = (salt: string, digest: string, prehash?: BcryptRecipe['prehash'], form?: NormalForm): Parts => ({
  recipe: { kind: 'bcrypt', salt, ...(prehash && { prehash }), ...(form && { form }) },
  expected: salt + digest,
});
const pbkdf2 = (hash: Pbkdf2Recipe['hash'], iterations: string, salt: string, digest: string): Parts =>
  withDigest((salted, length) => ({ kind: 'pbkdf2', hash, salt: salted, iterations: Number(iterations), length }), salt, digest);
/** Takes the parameters in any order, as Argon2 libraries do. */
function argon2(kind: Argon2Recipe['kind'], parameters: string, salt: string, digest: string): Parts {
  const named = new Map(parameters.split(',').map((parameter) => [parameter.slice(0, 1), Number(parameter.slice(2))] as const));
  const [memory, passes, lanes] = ['m', 't', 'p'].map((name) => named.get(name));
  if (memory === undefined || passes === undefined || lanes === undefined) return undefined;
  return withDigest((salted, length) => ({ kind, salt: salted, memory, passes, lanes, length }), salt, digest);
}
const scrypt = ([logN = 0, r = 0, p = 0]: readonly number[], salt: string, digest: string, more: Pick<ScryptRecipe, 'form'> = {}): Parts =>
  withDigest((salted, length) => ({ kind: 'scrypt', salt: salted, logN, r, p, length, ...more }), salt, digest);

/** The salt goes before the separator; the digest is the signer's key, encrypted, so as long as that. */
function firebase([logN = 0, r = 0, p = 0]: readonly number[], texts: readonly [string, string, string, string]): Parts {
  const [salt, separator, signerKey, digest] = texts.map(bytesOf);
  if (salt === undefined || separator === undefined || signerKey === undefined || digest?.length !== signerKey.length) return undefined;
  const numbers = { logN, r, p, length: digest.length } as const;
  const salted = Buffer.concat([salt, separator]).toString('base64');
  return {
    recipe: { kind: 'scrypt', salt: salted, ...numbers, signerKey: signerKey.toString('base64') },
    expected: digest.toString('base64'),
  };
}

const FORMS: Readonly<Record<string, NormalForm>> = { nfc: 'NFC', nfkc: 'NFKC' };

const twoDigits = (cost: string): string => cost.padStart(2, '0');
const PBKDF2_NAMES: Readonly<Record<string, Pbkdf2Recipe['hash']>> = { '-sha256': 'sha256', '-sha512': 'sha512' };

/**
 * Every format that is taken. Two are there for what other software keeps without a name: `$fbscrypt$` is Supabase Auth's
 * for Firebase's scrypt, and `$scrypt-nfkc$` our own, PHC's `$scrypt$` over the password's NFKC form. better-auth's
 * `salt:key` in hex is `$scrypt-nfkc$ln=14,r=16,p=1$` with the base64 of the salt's hex digits, as text, and of the key.
 * passlib's `$bcrypt-sha256$v=2` has a parameter of our own, `nf`: the normal form of the password that it is made of.
 */
const FORMATS: readonly Format[] = [
  {
    name: 'bcrypt, $2b$',
    starts: /^\$2b\$/,
    whole: /^(\$2b\$\d\d\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/,
    read: (salt: string, digest: string) => bcrypt(salt, digest),
    ours: true,
  },
  {
    name: 'passlib’s bcrypt_sha256',
    starts: /^\$bcrypt-sha256\$v/,
    whole: /^\$bcrypt-sha256\$v=2,t=2b,r=(\d{1,2})(?:,nf=(nfk?c))?\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/,
    read: (cost: string, form: string | undefined, salt: string, digest: string) =>
      bcrypt(`$2b$${twoDigits(cost)}$${salt}`, digest, 'hmac-sha256-base64', FORMS[form ?? '']),
    ours: true,
  },
  {
    name: 'bcrypt, $2a$ or $2y$',
    starts: /^\$2[ay]\$/,
    whole: /^(\$2[ay]\$\d\d\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/,
    read: (salt: string, digest: string) => bcrypt(salt, digest),
  },
  {
    name: 'passlib’s older bcrypt_sha256',
    starts: /^\$bcrypt-sha256\$2/,
    whole: /^\$bcrypt-sha256\$(2[ab]),(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/,
    read: (variant: string, cost: string, salt: string, digest: string) =>
      bcrypt(`$${variant}$${twoDigits(cost)}$${salt}`, digest, 'sha256-base64'),
  },
  {
    name: 'Django’s bcrypt',
    starts: /^bcrypt(_sha256)?\$/,
    whole: /^bcrypt(_sha256)?\$(\$2[aby]\$\d\d\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/,
    read: (sha256: string | undefined, salt: string, digest: string) =>
      bcrypt(salt, digest, sha256 === undefined ? undefined : 'sha256-hex'),
  },
  {
    name: 'Django’s PBKDF2',
    starts: /^pbkdf2_sha/,
    whole: /^pbkdf2_sha(256|1)\$(\d{1,9})\$([^$]+)\$([A-Za-z0-9+/]+={0,2})$/,
    read: (bits: string, iterations: string, salt: string, digest: string) =>
      pbkdf2(bits === '1' ? 'sha1' : 'sha256', iterations, asWritten(salt), digest),
  },
  {
    name: 'passlib’s PBKDF2',
    starts: /^\$pbkdf2/,
    whole: /^\$pbkdf2(-sha256|-sha512)?\$(\d{1,9})\$([A-Za-z0-9+./]+={0,2})\$([A-Za-z0-9+./]+={0,2})$/,
    read: (hash: string | undefined, iterations: string, salt: string, digest: string) =>
      pbkdf2(PBKDF2_NAMES[hash ?? ''] ?? 'sha1', iterations, salt, digest),
  },
  {
    name: 'Argon2id or Argon2i of version 19',
    starts: /^(argon2)?\$argon2/,
    whole: /^(?:argon2)?\$argon2(id|i)\$v=19\$([mtp]=\d{1,9}(?:,[mtp]=\d{1,9}){2})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/,
    read: (variant: string, parameters: string, salt: string, digest: string) =>
      argon2(variant === 'id' ? 'argon2id' : 'argon2i', parameters, salt, digest),
  },
  {
    name: 'scrypt',
    starts: /^\$scrypt/,
    whole: /^\$scrypt(-nfkc)?\$ln=(\d{1,2}),r=(\d{1,9}),p=(\d{1,9})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/,
    read: (nfkc: string | undefined, logN: string, r: string, p: string, salt: string, digest: string) =>
      scrypt([logN, r, p].map(Number), salt, digest, nfkc === undefined ? {} : { form: 'NFKC' }),
  },
  {
    name: 'Django’s scrypt',
    starts: /^scrypt\$/,
    whole: /^scrypt\$(\d{1,9})\$([^$]+)\$(\d{1,9})\$(\d{1,9})\$([A-Za-z0-9+/]+={0,2})$/,
    read: (n: string, salt: string, r: string, p: string, digest: string) => {
      const logN = Math.log2(Number(n));
      return Number.isInteger(logN) ? scrypt([logN, Number(r), Number(p)], asWritten(salt), digest) : undefined;
    },
  },
  {
    name: 'Firebase’s scrypt',
    starts: /^\$fbscrypt/,
    whole:
      /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,9}),p=(\d{1,9})(?:,ss=([A-Za-z0-9+/]*={0,2}))?,sk=([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/,
    read: (n: string, r: string, p: string, separator: string | undefined, signerKey: string, salt: string, digest: string) =>
      firebase([n, r, p].map(Number), [salt, separator ?? '', signerKey, digest]),
  },
];

/** Matches the names that Spring Security, LDAP and Dovecot put before hashes that name their format themselves. */
const WRAPPER = /^\{(?:bcrypt|crypt|blf-crypt|argon2|argon2id?)\}/i;

/** Returns a hash from elsewhere without the white space around it and the wrapper before it, such as `{bcrypt}`. */
export const bareHash = (text: string): string => text.trim().replace(WRAPPER, '').trimStart();

function parse(hash: string): Reading {
  const format = FORMATS.find(({ starts }) => starts.test(hash));
  if (format === undefined) return { fault: 'is in no supported format' };
  const parts = format.whole.exec(hash);
  const known = parts ? format.read(...parts.slice(1)) : undefined;
  if (known === undefined) return { fault: `begins like ${format.name}, and is malformed or cut short` };
  return { known: { ...known, ours: format.ours ?? false } };
}

/**
 * Reads a stored hash: how it is verified, or why it cannot be, worded to follow the name of the member that holds it and
 * without any part of the hash. It cannot be where it is of no supported format, malformed or too expensive; `rounds` is this
 * service's own bcrypt cost.
 */
export function readHash(hash: string, rounds: number): Reading {
  const reading = parse(hash);
  const fault = reading.known && boundFault(reading.known.recipe, rounds);
  return fault === undefined ? reading : { fault };
}

/** Reports whether bcrypt was given the password itself, of which it reads 72 bytes. */
export const isPlainBcrypt = ({ recipe }: KnownHash): boolean => recipe.kind === 'bcrypt' && recipe.prehash === undefined;

/**
 * Reports whether a hash from elsewhere is stored with `hash_truncates`, as its format does not show where it was made: plain
 * bcrypt, which may be of a password's first 72 bytes, and the formats that this service writes itself.
 */
export function needsOrigin(hash: string): boolean {
  const { known } = parse(hash);
  return known !== undefined && (known.ours || isPlainBcrypt(known));
}
