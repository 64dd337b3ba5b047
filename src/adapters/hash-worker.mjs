// Runs in a worker thread, so that no hash holds up the event loop. Plain JavaScript, as a thread loads its file without
// whatever translates TypeScript in the main one.
import { createCipheriv, createHash, createHmac, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { setPriority } from 'node:os';
import bcrypt from 'bcryptjs';

/**
 * @import { Comparison } from './hasher.js'
 * @import { Argon2Recipe, BcryptRecipe, NormalForm, Recipe, ScryptRecipe } from './recipe.js'
 */

// On Linux a priority belongs to the calling thread: requests that hash nothing come before hashes. Elsewhere it
// would slow the whole process.
if (process.platform === 'linux') setPriority(0, 19);

/** Above the dearest recipe that is let through, by what OpenSSL needs beside it. */
const SCRYPT_MEMORY = 272 * 1024 * 1024;
const FIREBASE_KEY_BYTES = 32;
/** In UTF-16 units. To bring marks in order takes time that grows with the square of how many there are. */
const LONGEST_NORMALIZED = 4096;
/** What no password can be: Argon2's library refuses an empty one, which must cost as much as any other. */
const NO_PASSWORD = '\0';

/** @type {(password: string, form: NormalForm | undefined) => string} */
const normalized = (password, form) => (form === undefined || password.length > LONGEST_NORMALIZED ? password : password.normalize(form));

/** @type {(password: string, salt: string) => Record<NonNullable<BcryptRecipe['prehash']>, () => string>} */
const prehashes = (password, salt) => ({
  'sha256-base64': () => createHash('sha256').update(password, 'utf8').digest('base64'),
  'hmac-sha256-base64': () => createHmac('sha256', salt).update(password, 'utf8').digest('base64'),
  'sha256-hex': () => createHash('sha256').update(password, 'utf8').digest('hex'),
});

/** @type {(password: string, recipe: BcryptRecipe) => string} */
function bcryptDigest(password, { salt, prehash, form }) {
  const text = normalized(password, form);
  return bcrypt.hashSync(prehash === undefined ? text : prehashes(text, salt.slice(-22))[prehash](), salt);
}

/** @type {(password: string, recipe: ScryptRecipe) => Buffer} */
function scryptDigest(password, { salt, logN, r, p, length, form, signerKey }) {
  const bytes = signerKey === undefined ? length : FIREBASE_KEY_BYTES;
  const key = scryptSync(normalized(password, form), Buffer.from(salt, 'base64'), bytes, { N: 2 ** logN, r, p, maxmem: SCRYPT_MEMORY });
  return signerKey === undefined ? key : createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.from(signerKey, 'base64'));
}

/** @type {(password: string, recipe: Argon2Recipe) => Promise<Buffer>} */
async function argon2Digest(password, { kind, salt, memory, passes, lanes, length }) {
  // Not loaded where nobody has such a hash.
  const { argon2i, argon2id } = await import('hash-wasm');
  const digest = await (kind === 'argon2id' ? argon2id : argon2i)({
    password: password || NO_PASSWORD,
    salt: Buffer.from(salt, 'base64'),
    memorySize: memory,
    iterations: passes,
    parallelism: lanes,
    hashLength: length,
    outputType: 'binary',
  });
  return Buffer.from(digest);
}

/** @type {(password: string, recipe: Recipe) => Promise<string>} */
async function digestOf(password, recipe) {
  switch (recipe.kind) {
    case 'bcrypt':
      return bcryptDigest(password, recipe);
    case 'pbkdf2': {
      const { salt, iterations, length, hash } = recipe;
      return pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, length, hash).toString('base64');
    }
    case 'scrypt':
      return scryptDigest(password, recipe).toString('base64');
    default:
      return (await argon2Digest(password, recipe)).toString('base64');
  }
}

/**
 * One digest; or, with `expected`, whether the digest is that. Where it is not, the padding is worked through too, so that
 * a wrong guess costs the same whoever it is for.
 * @param {Pick<Comparison, 'password' | 'recipe'> & Partial<Comparison>} task
 * @returns {Promise<string | boolean>}
 */
export default async function work({ password, recipe, expected, padding = [] }) {
  const digest = await digestOf(password, recipe);
  if (expected === undefined) return digest;
  const equal = digest.length === expected.length && timingSafeEqual(Buffer.from(digest), Buffer.from(expected));
  if (!equal) for (const further of padding) await digestOf(password, further);
  return equal;
}
