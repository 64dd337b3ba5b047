import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { type Comparison, createHasher, type Hasher } from '../../src/adapters/hasher.js';
import type { Recipe } from '../../src/adapters/recipe.js';
import { expectProblem } from '../support/answers.js';
import { createStoredApp, freshPlace, type StoredApp } from '../support/stored-app.js';
import { createTestApp } from '../support/test-app.js';

const ROUNDS = 6;
const PASSWORD = 'correct horse battery staple';
const LONG_PASSWORD = `${PASSWORD} `.repeat(4);
const FULL_COST = 2 ** ROUNDS;

/** What bcrypt works through for a salt: two to the power of the cost it names. */
const costOf = (recipe: Recipe): number => {
  if (recipe.kind !== 'bcrypt') throw new TypeError('nobody here has a hash from elsewhere');
  return 2 ** Number(recipe.salt.slice(4, 6));
};

interface RecordingHasher extends Hasher {
  readonly comparisons: { readonly cost: number; readonly equal: boolean }[];
  readonly digests: number[];
}

/** The real hasher, which keeps note of its work. */
function recordingHasher(): RecordingHasher {
  const inner = createHasher({ threads: 2, queueLimit: 1000 });
  const comparisons: RecordingHasher['comparisons'] = [];
  const digests: number[] = [];
  return {
    ...inner,
    comparisons,
    digests,
    digest: (password, recipe) => {
      digests.push(costOf(recipe));
      return inner.digest(password, recipe);
    },
    matches: async (comparison: Comparison) => {
      const equal = await inner.matches(comparison);
      const padding = equal ? [] : comparison.padding;
      comparisons.push({ equal, cost: [comparison.recipe, ...padding].map(costOf).reduce((sum, cost) => sum + cost, 0) });
      return equal;
    },
  };
}

describe('where the cost has been lowered since', () => {
  test.each([
    ['$2b$', PASSWORD],
    ['$bcrypt-sha256$', LONG_PASSWORD],
  ])('a wrong guess costs as much as against the dearest hash (%s)', async (_format, password) => {
    const place = await freshPlace();
    const hasher = recordingHasher();
    const shared = { DATABASE_URL: place.url, ROOT_KEY: randomBytes(48).toString('base64url') };
    const before = await createTestApp({ ...shared, BCRYPT_ROUNDS: ROUNDS }, { hasher: recordingHasher() });
    await before.createUser({ username: 'dear', password });
    await before.close();
    const auth = await createTestApp({ ...shared, BCRYPT_ROUNDS: 4 }, { hasher });
    await auth.createUser({ username: 'cheap', password });
    for (const username of ['dear', 'cheap', 'nobody'])
      expect((await auth.http().post('/token').send({ username, password: 'a wrong password' })).status).toBe(401);
    expect(hasher.comparisons).toEqual(Array.from({ length: 3 }, () => ({ equal: false, cost: FULL_COST })));
    expect(hasher.digests.filter((cost) => cost !== 2 ** 4)).toEqual([]);
    await auth.close();
    await place.drop();
  });
});

describe('what a failed log-in costs and says', () => {
  const hasher = recordingHasher();
  let auth: StoredApp;
  beforeAll(async () => {
    auth = await createStoredApp({ BCRYPT_ROUNDS: ROUNDS }, { hasher });
    const make = async (username: string, changed: Parameters<typeof auth.users.update>[0] = {}, password = PASSWORD): Promise<void> => {
      const { id } = await auth.createUser({ username, password });
      if (Object.keys(changed).length > 0) await auth.users.update(changed, { where: { id } });
    };
    await make('usual');
    await make('long', {}, LONG_PASSWORD);
    await make('no-hash', { hashed_password: null });
    await make('empty-hash', { hashed_password: '' });
    await make('strange-hash', { hashed_password: 'pbkdf2_sha256$600000$salt$hash' });
    await make('endless-hash', { hashed_password: bcrypt.hashSync(PASSWORD, 4).replace('$04$', '$31$') });
    await make('old-4', { hashed_password: bcrypt.hashSync(PASSWORD, 4) });
    await make('old-5', { hashed_password: bcrypt.hashSync(PASSWORD, 5) });
    await make('adopted', { hashed_password: bcrypt.hashSync(PASSWORD, 4).replace('$2b$', '$2y$'), hash_truncates: true });
    await make('disabled', { disabled_at: new Date() });
  });
  afterAll(() => auth.close());
  beforeEach(() => {
    hasher.comparisons.length = 0;
    hasher.digests.length = 0;
  });

  const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });

  const passwords: [string, string][] = [
    ['a wrong password', 'a wrong password'],
    ['an empty password', ''],
    ['a password over 72 bytes', 'x'.repeat(200)],
    ['a password with NUL', 'with\0NUL inside'],
    ['a password of 256 emoji', '🙂'.repeat(256)],
  ];
  const users = ['usual', 'long', 'no-hash', 'empty-hash', 'strange-hash', 'endless-hash', 'old-4', 'old-5', 'adopted', 'disabled'];
  const attempts = ['nobody', 'nobody\0', '', 'USUAL', ...users].flatMap((name) =>
    passwords.map(([what, password]): [string, string, string] => [name, what, password]),
  );

  test.each(attempts)('"%s" with %s costs one full hash and gets the one answer', async (name, _what, password) => {
    const response = await logIn(name, password);
    expectProblem(response, 401, 'invalid_credentials', { oauth: 'invalid_grant', detail: 'Incorrect username or password' });
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(hasher.comparisons).toEqual([{ equal: false, cost: FULL_COST }]);
    expect(hasher.digests).toEqual([]);
  });

  test('the answers are alike to the byte, but for the id of the request', async () => {
    const texts = [];
    for (const name of ['nobody', ...users]) {
      const { text, headers } = await logIn(name, 'a wrong password');
      const { date: _date, 'x-request-id': id, ...same } = headers;
      texts.push(JSON.stringify([text.replace(String(id), 'id'), same]));
    }
    expect(new Set(texts).size).toBe(1);
  });

  test('a right password costs one hash', async () => {
    for (const [name, password] of [
      ['usual', PASSWORD],
      ['long', LONG_PASSWORD],
    ] satisfies [string, string][]) {
      hasher.comparisons.length = 0;
      expect((await logIn(name, password)).status).toBe(200);
      expect(hasher.comparisons).toEqual([{ equal: true, cost: FULL_COST }]);
      expect(hasher.digests).toEqual([]);
    }
  });

  describe('of a username that is an address', () => {
    const SQUATTERS = 'another passphrase than that';
    const [verified, absent] = ['verified@example.com', 'absent@example.com'];
    beforeAll(async () => {
      await auth.createUser({ username: 'owner', password: PASSWORD, email: verified, emailVerified: true });
      for (const username of [verified, absent]) await auth.createUser({ username, password: SQUATTERS });
      await auth.createUser({ username: 'own@example.com', password: PASSWORD, email: 'own@example.com', emailVerified: true });
    });

    test.each([
      [verified, 'a wrong password', 401],
      [absent, 'a wrong password', 401],
      [verified, '', 401],
      [absent, '', 401],
      [verified, SQUATTERS, 200],
      [absent, SQUATTERS, 200],
      [verified, PASSWORD, 200],
      [absent, PASSWORD, 401],
    ])('costs two hashes, whatever the outcome: %s with "%s"', async (username, password, status) => {
      expect((await logIn(username, password)).status).toBe(status);
      expect(hasher.comparisons.map(({ cost }) => cost)).toEqual([FULL_COST, FULL_COST]);
      expect(hasher.digests).toEqual([]);
    });

    test.each(['own@example.com', 'nobody@example.com', 'owner'])(
      'costs one hash where there is one account at most: %s',
      async (username) => {
        await logIn(username, 'a wrong password');
        expect(hasher.comparisons).toEqual([{ equal: false, cost: FULL_COST }]);
      },
    );

    test('gets the same response whether another account has verified it', async () => {
      const texts = [];
      for (const name of [verified, absent]) {
        const { text, headers } = await logIn(name, 'a wrong password');
        const { date: _date, 'x-request-id': id, ...same } = headers;
        texts.push(JSON.stringify([text.replace(String(id), 'id'), same]));
      }
      expect(new Set(texts).size).toBe(1);
    });
  });

  test('an old hash is made anew at the next log-in, once', async () => {
    await auth.createUser({ username: 'renewed', password: PASSWORD });
    await auth.users.update({ hashed_password: bcrypt.hashSync(PASSWORD, 4) }, { where: { username: 'renewed' } });
    hasher.digests.length = 0;
    expect((await logIn('renewed', PASSWORD)).status).toBe(200);
    expect(hasher.digests).toEqual([FULL_COST]);
    const stored = await auth.users.findOne({ where: { username: 'renewed' } });
    expect(stored?.hashed_password).toMatch(/^\$2b\$06\$/);
    expect((await logIn('renewed', PASSWORD)).status).toBe(200);
    expect(hasher.digests).toEqual([FULL_COST]);
  });

  test('a disabled user with the right password costs no more than with a wrong one', async () => {
    expect((await logIn('disabled', PASSWORD)).status).toBe(403);
    expect(hasher.comparisons).toEqual([{ equal: true, cost: FULL_COST }]);
    expect(hasher.digests).toEqual([]);
  });
});
