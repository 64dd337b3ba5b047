import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import type { Recipe } from '../../../src/adapters/recipe.js';

// The worker lowers the priority of its thread, which here is that of all the tests.
const setPriority = jest.fn();
jest.unstable_mockModule('node:os', () => ({ setPriority }));
const { default: work } = await import('../../../src/adapters/hash-worker.mjs');

const PASSWORD = 'a password for tests';
const bcryptOf = (cost: number): Recipe & { kind: 'bcrypt' } => ({ kind: 'bcrypt', salt: bcrypt.genSaltSync(cost) });
const recipe = bcryptOf(4);
const { salt } = recipe;
const padding = [4, 5, 6].map(bcryptOf);
const expected = bcrypt.hashSync(PASSWORD, salt);

describe('the work that a password costs', () => {
  const hashed = jest.spyOn(bcrypt, 'hashSync');
  beforeEach(() => {
    hashed.mockClear();
  });

  test.each([
    ['a wrong guess', 'another password', expected],
    ['an empty guess', '', expected],
    ['a guess at what no password has', PASSWORD, `${salt}${'.'.repeat(31)}`],
    ['a guess at a digest of another length', PASSWORD, 'short'],
  ])('%s is worked through with its recipe and all the padding', async (_what, password, digest) => {
    expect(await work({ password, recipe, expected: digest, padding })).toBe(false);
    expect(hashed.mock.calls).toEqual([recipe, ...padding].map((worked) => [password, worked.salt]));
  });

  test('the right password is worked through with its recipe alone', async () => {
    expect(await work({ password: PASSWORD, recipe, expected, padding })).toBe(true);
    expect(hashed.mock.calls).toEqual([[PASSWORD, salt]]);
  });

  test('a wrong guess without padding is worked through once', async () => {
    expect(await work({ password: 'another password', recipe, expected })).toBe(false);
    expect(hashed.mock.calls).toEqual([['another password', salt]]);
  });

  test('a digest alone is worked through once, whatever padding comes along', async () => {
    expect(await work({ password: PASSWORD, recipe, padding })).toBe(expected);
    expect(hashed.mock.calls).toEqual([[PASSWORD, salt]]);
  });
});

describe('any password at all can be worked through, as padding is over the guess', () => {
  const bytes = Buffer.alloc(16).toString('base64');
  const numbers = { salt: bytes, length: 32 };
  const recipes: Recipe[] = [
    recipe,
    { ...recipe, prehash: 'sha256-hex' },
    { ...recipe, prehash: 'hmac-sha256-base64', form: 'NFC' },
    { kind: 'pbkdf2', hash: 'sha512', iterations: 2, ...numbers },
    { kind: 'scrypt', logN: 2, r: 1, p: 1, ...numbers },
    { kind: 'scrypt', logN: 2, r: 1, p: 1, form: 'NFKC', ...numbers },
    { kind: 'scrypt', logN: 2, r: 1, p: 1, signerKey: bytes, ...numbers },
    { kind: 'argon2id', memory: 8, passes: 1, lanes: 1, ...numbers },
    { kind: 'argon2i', memory: 8, passes: 1, lanes: 1, ...numbers },
  ];
  test.each([
    ['an empty one', ''],
    ['NUL', '\0'],
    ['half a surrogate pair', '\ud83d'],
    ['99,000 characters', 'x'.repeat(99_000)],
  ])('%s', async (_what, password) => {
    expect(await work({ password, recipe, expected: 'none of these', padding: recipes })).toBe(false);
  });

  test('but one of over 4,096 units is not brought to NFKC, as many marks would take seconds to bring in order', async () => {
    const plain = { kind: 'scrypt', logN: 2, r: 1, p: 1, ...numbers } as const;
    const differs = async (password: string): Promise<boolean> =>
      (await work({ password, recipe: plain })) !== (await work({ password, recipe: { ...plain, form: 'NFKC' } }));
    expect([await differs('\uff21'.repeat(4096)), await differs('\uff21'.repeat(4097))]).toEqual([true, false]);
  });
});

test('hashes come after requests where a priority is a thread’s own, and the process keeps its priority elsewhere', () => {
  expect(setPriority.mock.calls).toEqual(process.platform === 'linux' ? [[0, 19]] : []);
});
