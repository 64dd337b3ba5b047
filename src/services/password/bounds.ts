import type { Recipe } from '../../adapters/recipe.js';

/**
 * Maxima for the stored hashes that are verified. The most expensive hash of each format takes about one second of one core
 * (0.9 s to 1.1 s on a 2021 server core, docs/decisions/0023-hash-cost.md). They exceed every published default of 2026.
 */
export const MAXIMUM = {
  /** 0.9 s; 15 takes twice as long. */
  bcryptCost: 14,
  /** SHA-512 takes 0.9 s; SHA-1 and SHA-256 take 0.4 s with the processor's SHA instructions and 0.7 s without. */
  pbkdf2Iterations: 2_500_000,
  /** What scrypt or Argon2 writes in all its passes. scrypt takes 1.1 s, Argon2 0.8 s. */
  filledMib: 512,
  /** What one hash holds at once; each hash thread may hold as much. */
  memoryMib: 256,
  argon2Passes: 16,
  lanes: 16,
  /** scrypt holds p · r further blocks beside its N · r: a few MiB with this. */
  scryptR: 1024,
} as const;

/** bcrypt has no lower cost. */
const MINIMUM_BCRYPT_COST = 4;
const SALT_BYTES = { minimum: 1, maximum: 256 } as const;
/** RFC 9106 §3.1. */
const ARGON2_SALT_BYTES = 8;
/** A shorter digest can match by chance. */
const DIGEST_BYTES = { minimum: 16, maximum: 128 } as const;

export const PBKDF2_BLOCK = { sha1: 20, sha256: 32, sha512: 64 } as const;

const KIB_PER_MIB = 1024;
const BYTES_PER_MIB = 1024 * 1024;

type Pbkdf2 = Extract<Recipe, { kind: 'pbkdf2' }>;
type MemoryHard = Exclude<Recipe, { kind: 'bcrypt' | 'pbkdf2' }>;

/** Returns the cost that a bcrypt salt or hash names. */
export const bcryptCostOf = (salt: string): number => Number(salt.slice(4, 6));

/** Returns the iterations that PBKDF2 computes: the named number for each block of the digest. */
export const iterationsOf = ({ iterations, length, hash }: Pbkdf2): number => iterations * Math.ceil(length / PBKDF2_BLOCK[hash]);

function memoryOf(recipe: MemoryHard): { held: number; filled: number } {
  if (recipe.kind === 'scrypt') {
    const held = (2 ** recipe.logN * 128 * recipe.r) / BYTES_PER_MIB;
    return { held, filled: held * recipe.p };
  }
  const held = recipe.memory / KIB_PER_MIB;
  return { held, filled: held * recipe.passes };
}

/** Returns the cost of a recipe as a share of the maximum of its format: 1 is about one second of one core. */
export function costOf(recipe: Recipe): number {
  if (recipe.kind === 'bcrypt') return 2 ** (bcryptCostOf(recipe.salt) - MAXIMUM.bcryptCost);
  if (recipe.kind === 'pbkdf2') return iterationsOf(recipe) / MAXIMUM.pbkdf2Iterations;
  return memoryOf(recipe).filled / MAXIMUM.filledMib;
}

/**
 * Returns why a recipe is not computed, worded to follow the name of the member that holds the hash; undefined where it is
 * computed. `rounds` is this service's own bcrypt cost, which is accepted where it is above the maximum.
 */
export function boundFault(recipe: Recipe, rounds: number): string | undefined {
  if (recipe.kind === 'bcrypt') return bcryptFault(bcryptCostOf(recipe.salt), Math.max(MAXIMUM.bcryptCost, rounds));
  const salt = Buffer.byteLength(recipe.salt, 'base64');
  if (salt < SALT_BYTES.minimum || salt > SALT_BYTES.maximum)
    return `has a salt of under ${SALT_BYTES.minimum} or over ${SALT_BYTES.maximum} bytes`;
  if (recipe.length < DIGEST_BYTES.minimum || recipe.length > DIGEST_BYTES.maximum)
    return `has a digest of under ${DIGEST_BYTES.minimum} or over ${DIGEST_BYTES.maximum} bytes`;
  if (recipe.kind === 'pbkdf2') return pbkdf2Fault(recipe);
  return recipe.kind === 'scrypt' ? scryptFault(recipe) : argon2Fault(recipe, salt);
}

const SECOND = ', about one second of one core';

const tooMuch = (what: string, maximum: number, further = ''): string =>
  `has ${what}; the maximum is ${maximum.toLocaleString('en')}${further}`;

function bcryptFault(cost: number, maximum: number): string | undefined {
  if (cost < MINIMUM_BCRYPT_COST) return `has a bcrypt cost of ${cost}; the minimum is ${MINIMUM_BCRYPT_COST}`;
  return cost > maximum ? tooMuch(`a bcrypt cost of ${cost}`, maximum, SECOND) : undefined;
}

function pbkdf2Fault(recipe: Pbkdf2): string | undefined {
  if (recipe.iterations < 1) return 'has no PBKDF2 iterations';
  const iterations = iterationsOf(recipe);
  if (iterations <= MAXIMUM.pbkdf2Iterations) return undefined;
  const blocks = Math.ceil(recipe.length / PBKDF2_BLOCK[recipe.hash]);
  const counted = blocks === 1 ? '' : ` in ${blocks} blocks of the digest`;
  return tooMuch(`${iterations.toLocaleString('en')} PBKDF2 iterations${counted}`, MAXIMUM.pbkdf2Iterations, SECOND);
}

/** RFC 7914 §6: N is less than 2^(128 · r / 8). */
function scryptFault(recipe: Extract<Recipe, { kind: 'scrypt' }>): string | undefined {
  const { logN, r, p } = recipe;
  if (logN < 1 || r < 1 || p < 1 || logN >= 16 * r) return 'has parameters that scrypt does not allow';
  if (r > MAXIMUM.scryptR) return tooMuch(`an scrypt r of ${r}`, MAXIMUM.scryptR);
  if (p > MAXIMUM.lanes) return tooMuch(`an scrypt p of ${p}`, MAXIMUM.lanes);
  return memoryFault('an scrypt', recipe);
}

/** RFC 9106 §3.1. */
function argon2Fault(recipe: Extract<Recipe, { kind: 'argon2id' | 'argon2i' }>, salt: number): string | undefined {
  const { memory, passes, lanes } = recipe;
  if (passes < 1 || lanes < 1 || memory < 8 * lanes || salt < ARGON2_SALT_BYTES)
    return 'has parameters or a salt that Argon2 does not allow';
  if (lanes > MAXIMUM.lanes) return tooMuch(`an Argon2 p of ${lanes}`, MAXIMUM.lanes);
  if (passes > MAXIMUM.argon2Passes) return tooMuch(`an Argon2 t of ${passes}`, MAXIMUM.argon2Passes);
  return memoryFault('an Argon2', recipe);
}

function memoryFault(format: string, recipe: MemoryHard): string | undefined {
  const { held, filled } = memoryOf(recipe);
  const mib = (amount: number): string => `${Math.ceil(amount).toLocaleString('en')} MiB`;
  if (held > MAXIMUM.memoryMib) return tooMuch(`${format} memory of ${mib(held)}`, MAXIMUM.memoryMib, ' MiB');
  if (filled <= MAXIMUM.filledMib) return undefined;
  return tooMuch(`${format} memory of ${mib(filled)} in all passes`, MAXIMUM.filledMib, ` MiB${SECOND}`);
}
