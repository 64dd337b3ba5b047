import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { type Comparison, createHasher, type Hasher } from '../../src/adapters/hasher.js';
import type { UserModel } from '../../src/models/user.model.js';
import { costOf } from '../../src/services/password/bounds.js';
import { expectProblem, member } from '../support/answers.js';
import { text } from '../support/answers.js';
import { mailedToken } from '../support/mailed.js';
import { createStoredApp, freshPlace, type StoredApp } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'correct horse battery staple';
const ROUNDS = 5;
const EXPENSIVE = bcrypt.hashSync(PASSWORD, 4).replace('$04$', '$18$');
const OWN_COST = costOf({ kind: 'bcrypt', salt: '$2b$05$' });
const DIGEST = 'A'.repeat(43);

interface CountingHasher extends Hasher {
  readonly comparisons: Comparison[];
}

/** Notes every comparison, and computes those that are cheap. */
function countingHasher(): CountingHasher {
  const inner = createHasher({ threads: 1, queueLimit: 1000 });
  const comparisons: Comparison[] = [];
  const matches: Hasher['matches'] = (...asked) => {
    const [comparison] = asked;
    comparisons.push(comparison);
    return workIn(comparison) < 1 ? inner.matches(...asked) : Promise.resolve(false);
  };
  return { ...inner, comparisons, matches };
}

/** The cost of one comparison where the password is wrong: 1 is about one second of one core. */
const workIn = ({ recipe, padding }: Comparison): number => [recipe, ...padding].reduce((sum, one) => sum + costOf(one), 0);

const logIn = (auth: Pick<TestApp, 'http'>, username: string, password: string) => auth.http().post('/token').send({ username, password });

/** Logs in with a wrong password and returns the cost of the work. */
async function costOfFailure(auth: Pick<TestApp, 'http'>, hasher: CountingHasher, username: string): Promise<number> {
  hasher.comparisons.length = 0;
  expectProblem(await logIn(auth, username, 'a wrong password'), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
  expect(hasher.comparisons).toHaveLength(1);
  return hasher.comparisons.reduce((sum, comparison) => sum + workIn(comparison), 0);
}

async function store(users: UserModel, username: string, hash: string, further: object = {}): Promise<void> {
  const now = new Date();
  const nothing = { email: null, email_verified_at: null, disabled_at: null, created_at: now, updated_at: now };
  await users.create({ ...nothing, username, username_fold: username, hashed_password: hash, roles: ['user'], ...further });
}

const setHash = (users: UserModel, username: string, hash: string) => users.update({ hashed_password: hash }, { where: { username } });

const bcryptOf = (cost: string) => EXPENSIVE.replace('$18$', `$${cost}$`);
const LIMITS = [
  ['bcrypt', bcryptOf('14'), bcryptOf('15'), 'has a bcrypt cost of 15; the maximum is 14, about one second of one core'],
  [
    'PBKDF2',
    `pbkdf2_sha256$2500000$salt$${DIGEST}=`,
    `pbkdf2_sha256$2500001$salt$${DIGEST}=`,
    'has 2,500,001 PBKDF2 iterations; the maximum is 2,500,000, about one second of one core',
  ],
  [
    'scrypt',
    `$scrypt$ln=17,r=8,p=4$c2FsdHNhbHQ$${DIGEST}`,
    `$scrypt$ln=17,r=8,p=5$c2FsdHNhbHQ$${DIGEST}`,
    'has an scrypt memory of 640 MiB in all passes; the maximum is 512 MiB, about one second of one core',
  ],
  [
    'Argon2',
    `$argon2id$v=19$m=131072,t=4,p=4$c2FsdHNhbHQ$${DIGEST}`,
    `$argon2id$v=19$m=131072,t=5,p=4$c2FsdHNhbHQ$${DIGEST}`,
    'has an Argon2 memory of 640 MiB in all passes; the maximum is 512 MiB, about one second of one core',
  ],
  ['bcrypt of cost 18', bcryptOf('13'), EXPENSIVE, 'has a bcrypt cost of 18; the maximum is 14, about one second of one core'],
] as const;

describe('a password hash that an administrator brings', () => {
  let auth: StoredApp;
  let token: string;
  beforeAll(async () => {
    auth = await createStoredApp({ BCRYPT_ROUNDS: ROUNDS });
    token = await auth.token(await auth.createUser({ username: 'root', roles: ['user', 'admin'] }));
  });
  afterAll(() => auth.close());

  it.each(LIMITS)(
    'is accepted by POST /admin/users/import up to the maximum of %s and refused with the reason above',
    async (_, within, above, reason) => {
      const lines = [within, above].map((password_hash, index) =>
        JSON.stringify({ username: `imported-${index}-${_}`.replaceAll(' ', '-'), password_hash }),
      );
      const response = await auth
        .http()
        .post('/admin/users/import')
        .set('Authorization', `Bearer ${token}`)
        .set('Content-Type', 'application/x-ndjson')
        .serialize(String)
        .send(`${lines.join('\n')}\n`);
      const [accepted, refused] = response.text
        .split('\n')
        .slice(0, 2)
        .map((line): unknown => JSON.parse(line));
      expect(member(accepted, 'status')).toBe('created');
      expect(refused).toMatchObject({ status: 'failed', errors: [{ path: 'password_hash', code: 'format', message: reason }] });
    },
  );

  it.each(LIMITS)(
    'is accepted by POST /admin/users up to the maximum of %s and refused with the reason above',
    async (_, within, above, reason) => {
      const create = (kind: string, password_hash: string) =>
        auth
          .http()
          .post('/admin/users')
          .set('Authorization', `Bearer ${token}`)
          .send({ username: `${kind}-${_}`.replaceAll(' ', '-'), password_hash });
      expect((await create('within', within)).status).toBe(201);
      const refused = await create('above', above);
      expect(refused.status).toBe(422);
      expect(refused.body).toMatchObject({ errors: [{ path: 'password_hash', code: 'format', message: reason }] });
    },
  );
});

describe('a stored hash above the maximum', () => {
  const hasher = countingHasher();
  let auth: StoredApp;
  let token: string;
  beforeAll(async () => {
    auth = await createStoredApp({ BCRYPT_ROUNDS: ROUNDS }, { hasher });
    token = await auth.token(await auth.createUser({ username: 'root', roles: ['user', 'admin'] }));
    await auth.createUser({ username: 'usual', password: PASSWORD });
    await auth.createUser({ username: 'owner', password: PASSWORD, email: 'owner@example.com', emailVerified: true });
    await setHash(auth.users, 'owner', EXPENSIVE);
    await store(auth.users, 'claimed', EXPENSIVE, { email: 'claimed@example.com', email_fold: 'claimed@example.com' });
    await auth.services.storedHashes.refresh();
  });
  afterAll(() => auth.close());

  it('adds nothing to the work of a failed log-in, be it for its owner, another user or no account', async () => {
    for (const username of ['owner', 'usual', 'absent', 'owner'])
      expect([username, await costOfFailure(auth, hasher, username)]).toEqual([username, OWN_COST]);
  });

  it('logs its owner in only after a reset by mail', async () => {
    expectProblem(await logIn(auth, 'owner', PASSWORD), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    expect((await auth.http().post('/password/forgot').send({ identifier: 'owner' })).status).toBe(202);
    const reset = await mailedToken(auth, 'owner@example.com', 'password_reset');
    expect((await auth.http().post('/password/reset').send({ token: reset, new_password: 'another passphrase' })).status).toBe(204);
    expect((await logIn(auth, 'owner', 'another passphrase')).status).toBe(200);
  });

  it('is counted among the hashes that cannot be verified', async () => {
    const reason = 'has a bcrypt cost of 18; the maximum is 14, about one second of one core';
    expect(await auth.services.storedHashes.unverifiable()).toEqual([
      { users: await auth.users.count({ where: { hashed_password: EXPENSIVE } }), reason },
    ]);
  });

  it('lets an administrator hand a reset link to an owner whose address is not verified', async () => {
    const { id } = await auth.users.findOne({ where: { username: 'claimed' }, rejectOnEmpty: true });
    const started = await auth.http().post(`/admin/users/${id}/password-reset`).set('Authorization', `Bearer ${token}`);
    expect(started.status).toBe(200);
    const handedOver = new URL(text(started.body, 'link')).hash.replace('#token=', '');
    expect((await auth.http().post('/password/reset').send({ token: handedOver, new_password: 'another passphrase' })).status).toBe(204);
    expect((await logIn(auth, 'claimed', 'another passphrase')).status).toBe(200);
  });
});

describe('a log-in with a hash of this service that costs more than BCRYPT_ROUNDS', () => {
  it('replaces it by one of today’s cost', async () => {
    const auth = await createStoredApp({ BCRYPT_ROUNDS: ROUNDS });
    await store(auth.users, 'costly', bcrypt.hashSync(PASSWORD, ROUNDS + 1));
    expect((await logIn(auth, 'costly', PASSWORD)).status).toBe(200);
    const { hashed_password } = await auth.users.findOne({ where: { username: 'costly' }, rejectOnEmpty: true });
    expect(hashed_password).toMatch(/^\$2b\$05\$/);
    expect((await logIn(auth, 'costly', PASSWORD)).status).toBe(200);
    await auth.close();
  });
});

describe('two processes on one database', () => {
  const hashers = [countingHasher(), countingHasher()] as const;
  let place: Awaited<ReturnType<typeof freshPlace>>;
  let apps: readonly [TestApp, TestApp];
  let token: string;
  beforeAll(async () => {
    place = await freshPlace();
    const keys = { SECRET_KEY: randomBytes(64).toString('base64url'), ROOT_KEY: randomBytes(48).toString('base64url') };
    const start = (hasher: Hasher) => createTestApp({ DATABASE_URL: place.url, BCRYPT_ROUNDS: ROUNDS, ...keys }, { hasher });
    apps = [await start(hashers[0]), await start(hashers[1])];
    token = await apps[0].token(await apps[0].createUser({ username: 'root', roles: ['user', 'admin'] }));
  });
  afterAll(async () => {
    for (const app of apps) await app.close();
    await place.drop();
  });

  /** The cost of a failure on each process once it covers the formats in use, which its job reads every second. */
  const settled = async (expected: number): Promise<number[]> => {
    const costs = () => Promise.all(([0, 1] as const).map((index) => costOfFailure(apps[index], hashers[index], 'absent')));
    let seen = await costs();
    for (let tries = 0; tries < 100 && seen.some((cost) => Math.abs(cost - expected) > 1e-9); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      seen = await costs();
    }
    return seen;
  };

  it('raise the work of a failure on both when one imports a hash, and lower it on both when the last one is deleted', async () => {
    const scrypt = `$scrypt$ln=10,r=8,p=1$c2FsdHNhbHQ$${DIGEST}`;
    const scryptCost = costOf({ kind: 'scrypt', salt: '', logN: 10, r: 8, p: 1, length: 32 });
    expect(await settled(OWN_COST)).toEqual([OWN_COST, OWN_COST]);
    const created = await apps[0]
      .http()
      .post('/admin/users')
      .set('Authorization', `Bearer ${token}`)
      .send({ username: 'imported', password_hash: scrypt });
    expect(created.status).toBe(201);
    expect(await settled(OWN_COST + scryptCost)).toEqual([OWN_COST + scryptCost, OWN_COST + scryptCost]);
    const { id } = { id: member(created.body, 'id') };
    expect(
      (
        await apps[0]
          .http()
          .delete(`/admin/users/${String(id)}`)
          .set('Authorization', `Bearer ${token}`)
      ).status,
    ).toBe(204);
    expect(await settled(OWN_COST)).toEqual([OWN_COST, OWN_COST]);
  });
});
