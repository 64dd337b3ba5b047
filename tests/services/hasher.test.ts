import { afterEach, describe, expect, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { createHasher, type Hasher } from '../../src/adapters/hasher.js';
import type { BcryptRecipe } from '../../src/adapters/recipe.js';
import { AppError } from '../../src/errors/app-error.js';

describe('the hasher', () => {
  const open: Hasher[] = [];
  const hasherOf = (threads: number, queueLimit: number): Hasher => {
    const hasher = createHasher({ threads, queueLimit });
    open.push(hasher);
    return hasher;
  };
  afterEach(() => Promise.all(open.splice(0).map((hasher) => hasher.close())));

  const bcryptOf = (cost: number): BcryptRecipe => ({ kind: 'bcrypt', salt: bcrypt.genSaltSync(cost) });
  const recipe = bcryptOf(4);
  const { salt } = recipe;
  const secret = 'a password for tests';
  const outcome = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof AppError ? error.code : error),
    );

  test('makes the digest that bcrypt makes', async () => {
    const hasher = hasherOf(1, 10);
    expect(await hasher.digest(secret, recipe)).toBe(bcrypt.hashSync(secret, salt));
  });

  test.each([
    ['the right secret', secret, true],
    ['a wrong one', 'another password', false],
    ['an empty one', '', false],
  ])('%s matches: %s, with padding and without', async (_, tried, matches) => {
    const hasher = hasherOf(1, 10);
    const expected = bcrypt.hashSync(secret, salt);
    expect(await hasher.matches({ password: tried, recipe, expected, padding: [] })).toBe(matches);
    expect(await hasher.matches({ password: tried, recipe, expected, padding: [recipe, bcryptOf(5)] })).toBe(matches);
  });

  test('an expected digest of another length matches nothing and throws nothing', async () => {
    expect(await hasherOf(1, 10).matches({ password: secret, recipe, expected: 'short', padding: [] })).toBe(false);
  });

  test.each([0, 1, 2])('with threads: %i more work than may wait is refused as overloaded, and the rest is done', async (threads) => {
    const hasher = hasherOf(threads, 3);
    const slow = bcryptOf(8);
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => outcome(hasher.digest(secret, slow))));
    const done = outcomes.filter((one) => one === 'done').length;
    expect(done).toBeGreaterThanOrEqual(3);
    expect(outcomes.filter((one) => one === 'overloaded')).toHaveLength(40 - done);
    expect(done).toBeLessThan(40);
  });

  test('after that it works on, and nothing waits', async () => {
    const hasher = hasherOf(1, 1);
    await Promise.all(Array.from({ length: 10 }, () => outcome(hasher.digest(secret, recipe))));
    expect(hasher.waiting()).toBe(0);
    expect(await outcome(hasher.digest(secret, recipe))).toBe('done');
  });

  test('a fault in a thread is the caller’s alone', async () => {
    const hasher = hasherOf(1, 10);
    const [faulty, good] = await Promise.all([
      outcome(hasher.digest(secret, { kind: 'bcrypt', salt: 'no salt' })),
      outcome(hasher.digest(secret, recipe)),
    ]);
    expect(String(faulty)).toMatch(/salt/i);
    expect(good).toBe('done');
  });

  test('closing it leaves nobody waiting', async () => {
    const hasher = hasherOf(1, 10);
    const slow = bcryptOf(10);
    const work = Promise.all(Array.from({ length: 5 }, () => outcome(hasher.digest(secret, slow))));
    await hasher.close();
    expect(await work).toHaveLength(5);
  });
});
