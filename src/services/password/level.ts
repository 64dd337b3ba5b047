import type { Argon2Recipe, BcryptRecipe, Pbkdf2Recipe, Recipe, ScryptRecipe } from '../../adapters/recipe.js';
import { iterationsOf, memoryOf, PBKDF2_BLOCK } from './bounds.js';
import type { KnownHash } from './formats.js';

/** Beyond these a wrong guess works none through but the user's own: each adds its whole cost to every wrong guess. */
const MOST_SETTINGS = 8;
/** For work whose outcome nobody looks at. */
const SALT = Buffer.alloc(16).toString('base64');

type MemoryHard = ScryptRecipe | Argon2Recipe;

/**
 * What a wrong guess costs, whoever it is for, or who has which hash would show (ASVS 6.3.8): bcrypt at the dearest cost
 * met, for each hash function the most iterations of PBKDF2 met, and each setting of scrypt and Argon2 met, but of those
 * the eight dearest alone. A user of a ninth, cheaper setting takes their own computation longer.
 */
export interface Level {
  /** From now on every wrong guess costs what one at this costs too. */
  learn(recipe: Recipe): void;
  /** What a wrong guess is left to work through after this. */
  remainderOf(recipe: Recipe): Recipe[];
  /** Compared against where there is nothing to compare with. Nobody knows a password for it, as no digest is all dots. */
  nobody(): KnownHash;
}

export function createLevel(rounds: number): Level {
  let bcryptCost = rounds;
  const iterations = new Map<Pbkdf2Recipe['hash'], number>();
  const settings = new Map<string, MemoryHard>();

  const keep = (recipe: MemoryHard): void => {
    settings.set(settingOf(recipe), withoutSecrets(recipe));
    const byCost = [...settings].sort(([, one], [, other]) => memoryOf(other).filled - memoryOf(one).filled);
    for (const [setting] of byCost.slice(MOST_SETTINGS)) settings.delete(setting);
  };
  /** A cost of c and then c, c+1, … up to the level less one add up to the level's: 2^c + 2^c + 2^(c+1) + … = 2^level. */
  const bcryptAfter = (recipe: Recipe): BcryptRecipe[] => {
    if (recipe.kind !== 'bcrypt') return [bcryptOf(bcryptCost)];
    const cost = costOf(recipe.salt);
    return Array.from({ length: Math.max(0, bcryptCost - cost) }, (_, step) => bcryptOf(cost + step));
  };
  const iterationsAfter = (recipe: Recipe): Pbkdf2Recipe[] =>
    [...iterations].flatMap(([hash, most]) => {
      const left = recipe.kind === 'pbkdf2' && recipe.hash === hash ? most - iterationsOf(recipe) : most;
      return left > 0 ? [{ kind: 'pbkdf2', hash, salt: SALT, iterations: left, length: PBKDF2_BLOCK[hash] }] : [];
    });
  const settingsAfter = (recipe: Recipe): MemoryHard[] => {
    const own = isMemoryHard(recipe) ? settingOf(recipe) : undefined;
    return [...settings].flatMap(([setting, dummy]) => (setting === own ? [] : [dummy]));
  };

  return {
    learn: (recipe) => {
      if (recipe.kind === 'bcrypt') bcryptCost = Math.max(bcryptCost, costOf(recipe.salt));
      else if (recipe.kind === 'pbkdf2') iterations.set(recipe.hash, Math.max(iterations.get(recipe.hash) ?? 0, iterationsOf(recipe)));
      else keep(recipe);
    },
    remainderOf: (recipe) => [...bcryptAfter(recipe), ...iterationsAfter(recipe), ...settingsAfter(recipe)],
    nobody: () => {
      const recipe = bcryptOf(bcryptCost);
      return { recipe, expected: `${recipe.salt}${'.'.repeat(31)}`, ours: true };
    },
  };
}

const bcryptOf = (cost: number): BcryptRecipe => ({ kind: 'bcrypt', salt: `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(22)}` });

/** The cost that a bcrypt salt or hash names. */
export const costOf = (salt: string): number => Number(salt.slice(4, 6));

const isMemoryHard = (recipe: Recipe): recipe is MemoryHard => recipe.kind !== 'bcrypt' && recipe.kind !== 'pbkdf2';

/** What decides how much work it is; the digest's length does not. */
const settingOf = (recipe: MemoryHard): string =>
  recipe.kind === 'scrypt'
    ? `scrypt ${recipe.logN} ${recipe.r} ${recipe.p} ${recipe.nfkc ?? false}`
    : `${recipe.kind} ${recipe.memory} ${recipe.passes} ${recipe.lanes}`;

/** The same work for nobody. */
function withoutSecrets(recipe: MemoryHard): MemoryHard {
  if (recipe.kind !== 'scrypt') return { ...recipe, salt: SALT };
  const { signerKey: _signerKey, ...bare } = recipe;
  return { ...bare, salt: SALT };
}
