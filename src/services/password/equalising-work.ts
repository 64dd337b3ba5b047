import type { BcryptRecipe, Recipe } from '../../adapters/recipe.js';
import { bcryptCostOf, costOf, iterationsOf, PBKDF2_BLOCK } from './bounds.js';
import type { KnownHash } from './formats.js';

/** For digests that are computed and dropped. */
const SALT = Buffer.alloc(16).toString('base64');
/** The work beyond this service's own hash, as a share of the most expensive hash: about one second of one core. */
export const EQUALISING_COST = 1;
/** Sums of shares are inexact. */
const TOLERANCE = 1e-9;

/**
 * The timing-equalising work: what is computed after a wrong password, so that every failure takes the same time whichever
 * hash the account has, or whether it exists (ASVS 6.3.8). It computes bcrypt up to the highest cost in use, each PBKDF2 up to
 * the most iterations in use, and each setting of scrypt and Argon2 in use. Beyond `EQUALISING_COST` the cheaper settings are
 * left out; a failure against one of those takes another time, and never more than the bound.
 */
export interface EqualisingWork {
  /** Replaces the formats in use by those of these recipes. */
  setFormats(recipes: Iterable<Recipe>): void;
  /** Adds the format of one recipe until the formats are set again. */
  addFormat(recipe: Recipe): void;
  /** Returns what is still to be computed after this recipe. */
  after(recipe: Recipe): Recipe[];
  /** Returns the hash to compare with where an account has none. No password matches it, as no bcrypt digest is all dots. */
  dummy(): KnownHash;
}

/** What hashes have in common that one computation equalises. `units` of it are computed: rounds, iterations or repetitions. */
interface Format {
  readonly key: string;
  readonly units: number;
  /** Returns recipes that compute so many units. */
  readonly work: (units: number) => Recipe[];
}

export function createEqualisingWork(rounds: number): EqualisingWork {
  const own = formatOf(bcryptOf(rounds));
  const bound = EQUALISING_COST + costOfAll(own.work(own.units));
  let formats = new Map([[own.key, own]]);
  let planned = [own];

  const add = (recipe: Recipe): boolean => {
    const format = formatOf(recipe);
    if ((formats.get(format.key)?.units ?? 0) >= format.units) return false;
    formats.set(format.key, format);
    return true;
  };
  const plan = (): void => {
    planned = plannedOf([...formats.values()], bound);
  };

  return {
    setFormats: (recipes) => {
      formats = new Map([[own.key, own]]);
      for (const recipe of recipes) add(recipe);
      plan();
    },
    addFormat: (recipe) => {
      if (add(recipe)) plan();
    },
    after: (recipe) => {
      const { key, units } = formatOf(recipe);
      const left = planned.map((format) => format.work(format.units - (format.key === key ? units : 0)));
      return fitting(left, costOfAll, bound - costOf(recipe)).flat();
    },
    dummy: () => {
      const recipe = bcryptOf(Math.log2(planned[0]?.units ?? own.units));
      return { recipe, expected: `${recipe.salt}${'.'.repeat(31)}`, ours: true };
    },
  };
}

/** bcrypt comes first, so that it is never left out; then the most expensive formats. */
function plannedOf([bcrypt, ...others]: readonly Format[], bound: number): Format[] {
  const cost = ({ work, units }: Format): number => costOfAll(work(units));
  const byCost = others.sort((one, other) => cost(other) - cost(one));
  return fitting([...(bcrypt === undefined ? [] : [bcrypt]), ...byCost], cost, bound);
}

/** Returns those of some items that fit into a bound together, in their order. */
function fitting<T>(items: readonly T[], cost: (item: T) => number, bound: number): T[] {
  let left = bound + TOLERANCE;
  return items.filter((item) => {
    const share = cost(item);
    if (share > left) return false;
    left -= share;
    return true;
  });
}

const costOfAll = (recipes: readonly Recipe[]): number => recipes.reduce((sum, recipe) => sum + costOf(recipe), 0);

const bcryptOf = (cost: number): BcryptRecipe => ({ kind: 'bcrypt', salt: `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(22)}` });

/** One bcrypt hash for each bit of the rounds: after a cost of 10, those of costs 10 and 11 add up to one of cost 12. */
const bcryptWork = (units: number): Recipe[] =>
  Array.from({ length: 32 }, (_, cost) => cost)
    .filter((cost) => Math.floor(units / 2 ** cost) % 2 === 1)
    .map(bcryptOf);

/** The length of the digest decides the work of PBKDF2 alone. */
function formatOf(recipe: Recipe): Format {
  if (recipe.kind === 'bcrypt') return { key: 'bcrypt', units: 2 ** bcryptCostOf(recipe.salt), work: bcryptWork };
  if (recipe.kind === 'pbkdf2') {
    const { kind, hash } = recipe;
    const work = (iterations: number): Recipe[] =>
      iterations > 0 ? [{ kind, hash, salt: SALT, iterations, length: PBKDF2_BLOCK[hash] }] : [];
    return { key: `${kind} ${hash}`, units: iterationsOf(recipe), work };
  }
  const dummy = withoutSecrets(recipe);
  const numbers = dummy.kind === 'scrypt' ? [dummy.logN, dummy.r, dummy.p, dummy.form ?? ''] : [dummy.memory, dummy.passes, dummy.lanes];
  return { key: [dummy.kind, ...numbers].join(' '), units: 1, work: (times) => (times > 0 ? [dummy] : []) };
}

function withoutSecrets(recipe: Exclude<Recipe, { kind: 'bcrypt' | 'pbkdf2' }>): typeof recipe {
  if (recipe.kind !== 'scrypt') return { ...recipe, salt: SALT };
  const { signerKey: _signerKey, ...bare } = recipe;
  return { ...bare, salt: SALT };
}
