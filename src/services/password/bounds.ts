import type { Recipe } from '../../adapters/recipe.js';

/** Below bcrypt's 4 there is none; above 18, some 20 s, each step would double the time, and 31 would take a week. */
export const BCRYPT_COST = { fewest: 4, most: 18 } as const;
/** Some three seconds of SHA-512. What goes beyond the hash's own length is worked out in as many iterations again. */
const PBKDF2_ITERATIONS = 5_000_000;
/** What one hash may hold of the memory, and what it may fill in all its passes: some three seconds. */
const MEMORY_MIB = 256;
const FILLED_MIB = 1024;
const ARGON2_PASSES = 16;
const LANES = 16;
/** scrypt holds p · r further blocks beside its N · r: a few MiB with this. */
const SCRYPT_R = 1024;

const SALT_BYTES = { fewest: 1, most: 256 } as const;
/** RFC 9106 §3.1. */
const ARGON2_SALT_BYTES = 8;
/** Less could be met by chance. */
const DIGEST_BYTES = { fewest: 16, most: 128 } as const;

export const PBKDF2_BLOCK = { sha1: 20, sha256: 32, sha512: 64 } as const;

const KIB_PER_MIB = 1024;
const BYTES_PER_MIB = 1024 * 1024;

/** Iterations that PBKDF2 goes through: as many for each block of the hash's own length. */
export const iterationsOf = ({ iterations, length, hash }: Extract<Recipe, { kind: 'pbkdf2' }>): number =>
  iterations * Math.ceil(length / PBKDF2_BLOCK[hash]);

/** MiB that scrypt or Argon2 holds at once, and that it fills in all. */
export function memoryOf(recipe: Exclude<Recipe, { kind: 'bcrypt' | 'pbkdf2' }>): { held: number; filled: number } {
  if (recipe.kind === 'scrypt') {
    const held = (2 ** recipe.logN * 128 * recipe.r) / BYTES_PER_MIB;
    return { held, filled: held * recipe.p };
  }
  const held = recipe.memory / KIB_PER_MIB;
  return { held, filled: held * recipe.passes };
}

/**
 * Why a recipe is not worked out: a hash that somebody stored or imported must not hold a thread or the memory. In words
 * that go on after its name; undefined where it is.
 */
export function boundFault(recipe: Recipe): string | undefined {
  if (recipe.kind === 'bcrypt') {
    const cost = Number(recipe.salt.slice(4, 6));
    if (cost < BCRYPT_COST.fewest) return `has a bcrypt cost below ${BCRYPT_COST.fewest}, which there is not`;
    return cost > BCRYPT_COST.most ? `is too dear to check: a bcrypt cost over ${BCRYPT_COST.most}` : undefined;
  }
  const salt = Buffer.byteLength(recipe.salt, 'base64');
  if (salt < SALT_BYTES.fewest || salt > SALT_BYTES.most)
    return `has a salt of under ${SALT_BYTES.fewest} or over ${SALT_BYTES.most} bytes`;
  if (recipe.length < DIGEST_BYTES.fewest || recipe.length > DIGEST_BYTES.most)
    return `has a digest of under ${DIGEST_BYTES.fewest} or over ${DIGEST_BYTES.most} bytes`;
  if (recipe.kind === 'pbkdf2') return pbkdf2Fault(recipe);
  return (recipe.kind === 'scrypt' ? scryptFault(recipe) : argon2Fault(recipe, salt)) ?? memoryFault(recipe);
}

function pbkdf2Fault(recipe: Extract<Recipe, { kind: 'pbkdf2' }>): string | undefined {
  if (recipe.iterations < 1) return 'has no iterations';
  if (iterationsOf(recipe) <= PBKDF2_ITERATIONS) return undefined;
  return `is too dear to check: over ${PBKDF2_ITERATIONS.toLocaleString('en')} iterations`;
}

/** RFC 7914 §6: N is less than 2^(128 · r / 8). */
function scryptFault({ logN, r, p }: Extract<Recipe, { kind: 'scrypt' }>): string | undefined {
  if (logN < 1 || r < 1 || p < 1 || logN >= 16 * r) return 'has parameters that scrypt does not have';
  if (r > SCRYPT_R) return `is too dear to check: r over ${SCRYPT_R}`;
  return p > LANES ? `is too dear to check: p over ${LANES}` : undefined;
}

/** RFC 9106 §3.1. */
function argon2Fault(recipe: Extract<Recipe, { kind: 'argon2id' | 'argon2i' }>, salt: number): string | undefined {
  const { memory, passes, lanes } = recipe;
  if (passes < 1 || lanes < 1 || memory < 8 * lanes || salt < ARGON2_SALT_BYTES)
    return 'has parameters or a salt that Argon2 does not have';
  if (lanes > LANES) return `is too dear to check: p over ${LANES}`;
  return passes > ARGON2_PASSES ? `is too dear to check: t over ${ARGON2_PASSES}` : undefined;
}

function memoryFault(recipe: Exclude<Recipe, { kind: 'bcrypt' | 'pbkdf2' }>): string | undefined {
  const { held, filled } = memoryOf(recipe);
  if (held > MEMORY_MIB) return `is too dear to check: over ${MEMORY_MIB} MiB of memory`;
  return filled > FILLED_MIB ? `is too dear to check: over ${FILLED_MIB} MiB filled in all its passes` : undefined;
}
