import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import bcrypt from 'bcryptjs';

// The worker lowers the priority of its thread, which here is that of all the tests.
const setPriority = jest.fn();
jest.unstable_mockModule('node:os', () => ({ setPriority }));
const { default: work } = await import('../../../src/adapters/bcrypt-worker.mjs');

const SECRET = 'a password for tests';
const salt = bcrypt.genSaltSync(4);
const padding = [4, 5, 6].map((cost) => bcrypt.genSaltSync(cost));
const expected = bcrypt.hashSync(SECRET, salt);

describe('the work that a password costs', () => {
  const hashed = jest.spyOn(bcrypt, 'hashSync');
  beforeEach(() => {
    hashed.mockClear();
  });

  test.each([
    ['a wrong guess', 'another password', expected],
    ['an empty guess', '', expected],
    ['a guess at what no secret has', SECRET, `${salt}${'.'.repeat(31)}`],
    ['a guess at a digest of another length', SECRET, 'short'],
  ])('%s is worked through with the salt and every padding salt', (_what, secret, digest) => {
    expect(work({ secret, salt, expected: digest, padding })).toBe(false);
    expect(hashed.mock.calls).toEqual([salt, ...padding].map((worked) => [secret, worked]));
  });

  test('the right secret is worked through with its salt alone', () => {
    expect(work({ secret: SECRET, salt, expected, padding })).toBe(true);
    expect(hashed.mock.calls).toEqual([[SECRET, salt]]);
  });

  test('a wrong guess without padding is worked through once', () => {
    expect(work({ secret: 'another password', salt, expected })).toBe(false);
    expect(hashed.mock.calls).toEqual([['another password', salt]]);
  });

  test('a digest alone is worked through once, whatever padding comes along', () => {
    expect(work({ secret: SECRET, salt, padding })).toBe(expected);
    expect(hashed.mock.calls).toEqual([[SECRET, salt]]);
  });
});

test('hashes come after requests where a priority is a thread’s own, and the process keeps its priority elsewhere', () => {
  expect(setPriority.mock.calls).toEqual(process.platform === 'linux' ? [[0, 19]] : []);
});
