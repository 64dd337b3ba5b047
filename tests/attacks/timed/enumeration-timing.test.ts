import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { createHasher, type Hasher } from '../../../src/adapters/hasher.js';
import { member } from '../../support/answers.js';
import { serve, type LiveServer } from '../../support/live-server.js';
import { seen } from '../../support/seen.js';
import { createStoredApp, type StoredApp } from '../../support/stored-app.js';
import { type Asking, compareAll, timed } from '../../support/timing.js';

// Sequential requests, each kind of account in each round, at random in it: see tests/support/timing.ts. What is said is
// asserted of each answer on the way, as time alone is no secret where a body tells.

const ROUNDS = 8;
/** An old hash: half the work, were it not made up for. */
const OLD_ROUNDS = 7;
const SAMPLES = 400;
/** Accounts of each kind, so that no one row, page or cache is measured. */
const ACCOUNTS = 40;
const PASSWORD = 'correct horse battery staple';
const SQUATTERS = 'another passphrase than that';
const LONG = 'x'.repeat(100);
const MINUTES = 60_000;

const nameOf = (kind: string, round: number): string => `${kind}-${round % ACCOUNTS}`;

/** Compares only with hashes that somebody has: what a service does that leaves out the dummy. */
function withoutDummy(): Hasher {
  const inner = createHasher({ threads: 1, queueLimit: 100 });
  const isNobodys = (expected: string): boolean => expected.endsWith('.'.repeat(31));
  return { ...inner, matches: (comparison) => (isNobodys(comparison.expected) ? Promise.resolve(false) : inner.matches(comparison)) };
}

interface Service extends StoredApp {
  /** Asks and tells the status and the body, but for the id of the request. */
  ask(path: string, body: object): Promise<string>;
}

async function startService(overrides: { hasher?: Hasher } = {}, limits: Record<string, string> = { RATE_LIMIT: 'off' }): Promise<Service> {
  const auth = await createStoredApp({ BCRYPT_ROUNDS: ROUNDS, HASH_THREADS: 1, ...limits }, overrides);
  const server: LiveServer = await serve(auth.app);
  return {
    ...auth,
    ask: async (path, body) => {
      const response = await fetch(server.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const said = await response.text();
      const id: unknown = said === '' ? undefined : member(JSON.parse(said), 'request_id');
      return `${response.status} ${said.replace(String(id), 'an id')}`;
    },
    close: async () => {
      await server.close();
      await auth.close();
    },
  };
}

async function createAccounts(auth: Service): Promise<void> {
  const old = bcrypt.hashSync(PASSWORD, OLD_ROUNDS);
  for (let at = 0; at < ACCOUNTS; at += 1) {
    await auth.createUser({ username: nameOf('present', at), password: PASSWORD, email: `present-${at}@example.com`, emailVerified: true });
    await auth.createUser({ username: nameOf('unverified', at), password: PASSWORD, email: `unverified-${at}@example.com` });
    await auth.createUser({ username: nameOf('no-hash', at), password: PASSWORD });
    await auth.createUser({ username: nameOf('old-hash', at), password: PASSWORD });
    await auth.createUser({
      username: `owned-${at}`,
      password: PASSWORD,
      email: `${nameOf('squat', at)}@owned.example`,
      emailVerified: true,
    });
    for (const domain of ['owned', 'free'])
      await auth.createUser({ username: `${nameOf('squat', at)}@${domain}.example`, password: SQUATTERS });
  }
  const named = (kind: string) => Array.from({ length: ACCOUNTS }, (_, at) => nameOf(kind, at));
  await auth.users.update({ hashed_password: null }, { where: { username: named('no-hash') } });
  await auth.users.update({ hashed_password: old }, { where: { username: named('old-hash') } });
}

/** Expects that response times do not distinguish any of these pairs. */
async function expectSameTime(ways: readonly Asking[], pairs: readonly (readonly [string, string])[], samples = SAMPLES): Promise<void> {
  for (const verdict of await compareAll(() => timed(ways, samples), pairs)) {
    seen(verdict.said);
    expect(verdict).toMatchObject({ isTold: false });
  }
}

/** Asks in these ways, whose answers have to be one and the same, and tells how each pair compares. */
async function expectAlike(
  auth: Service,
  path: string,
  bodies: readonly [what: string, body: (round: number) => object][],
  pairs: [string, string][],
): Promise<void> {
  const answers = new Set<string>();
  const ways = bodies.map(([what, body]): Asking => [what, async (round) => answers.add(await auth.ask(path, body(round)))]);
  await expectSameTime(ways, pairs);
  expect([...answers]).toHaveLength(1);
}

describe('how long an answer takes does not tell who has an account:', () => {
  let auth: Service;
  beforeAll(async () => {
    auth = await startService();
    await createAccounts(auth);
  }, 5 * MINUTES);
  afterAll(() => auth.close());

  test(
    'a log-in that fails',
    async () => {
      await expectAlike(
        auth,
        '/token',
        [
          ['unknown, wrong password', (round) => ({ username: nameOf('absent', round), password: 'a wrong password' })],
          ['unknown, empty password', (round) => ({ username: nameOf('absent', round), password: '' })],
          ['unknown, over 72 bytes', (round) => ({ username: nameOf('absent', round), password: LONG })],
          ['known, wrong password', (round) => ({ username: nameOf('present', round), password: 'a wrong password' })],
          ['known, empty password', (round) => ({ username: nameOf('present', round), password: '' })],
          ['known, over 72 bytes', (round) => ({ username: nameOf('present', round), password: LONG })],
          ['known, no hash', (round) => ({ username: nameOf('no-hash', round), password: 'a wrong password' })],
          ['known, old hash', (round) => ({ username: nameOf('old-hash', round), password: 'a wrong password' })],
        ],
        [
          ['known, wrong password', 'unknown, wrong password'],
          ['known, empty password', 'unknown, empty password'],
          ['known, over 72 bytes', 'unknown, over 72 bytes'],
          ['known, no hash', 'unknown, wrong password'],
          ['known, old hash', 'unknown, wrong password'],
        ],
      );
    },
    20 * MINUTES,
  );

  const squatted = (domain: string) => (round: number) => `${nameOf('squat', round)}@${domain}.example`;

  test(
    'a log-in that fails with a username that is an address, which another account has verified or none',
    async () => {
      const ways = ['owned', 'free'].map((domain): [string, (round: number) => object] => [
        domain,
        (round) => ({ username: squatted(domain)(round), password: 'a wrong password' }),
      ]);
      await expectAlike(auth, '/token', ways, [['owned', 'free']]);
    },
    10 * MINUTES,
  );

  test(
    'a log-in by such a username with the right password',
    async () => {
      const statuses = new Set<string>();
      const ways = ['owned', 'free'].map((domain): Asking => [
        domain,
        async (round) => statuses.add((await auth.ask('/token', { username: squatted(domain)(round), password: SQUATTERS })).slice(0, 3)),
      ]);
      await expectSameTime(ways, [['owned', 'free']]);
      expect([...statuses]).toEqual(['200']);
    },
    20 * MINUTES,
  );

  test(
    'asking for a reset by such a username',
    async () => {
      const ways = ['owned', 'free'].map((domain): [string, (round: number) => object] => [
        domain,
        (round) => ({ identifier: squatted(domain)(round) }),
      ]);
      await expectAlike(auth, '/password/forgot', ways, [['owned', 'free']]);
    },
    10 * MINUTES,
  );

  test(
    'asking for a reset',
    async () => {
      const kinds = ['present', 'unverified', 'no-hash', 'absent'];
      await expectAlike(
        auth,
        '/password/forgot',
        kinds.map((kind): [string, (round: number) => object] => [kind, (round) => ({ identifier: nameOf(kind, round) })]),
        kinds.slice(0, 3).map((kind): [string, string] => [kind, 'absent']),
      );
    },
    10 * MINUTES,
  );

  test(
    'a reset by a recovery code that is wrong',
    async () => {
      const wrong = { recovery_code: 'AAAAA-AAAAA-AAAAA-AAAAA', new_password: 'a passphrase that is new' };
      await expectAlike(
        auth,
        '/password/reset',
        ['present', 'absent'].map((kind): [string, (round: number) => object] => [
          kind,
          (round) => ({ ...wrong, username: nameOf(kind, round) }),
        ]),
        [['present', 'absent']],
      );
    },
    10 * MINUTES,
  );

  test(
    'registering with an address',
    async () => {
      const statuses = new Set<string>();
      let registered = 0;
      const register = (kind: string, email: () => string): Asking => [
        kind,
        async () => {
          registered += 1;
          const body = { username: `new-${kind.replace(' ', '-')}-${registered}`, password: PASSWORD, email: email() };
          statuses.add((await auth.ask('/register', body)).slice(0, 3));
        },
      ];
      await expectSameTime(
        [
          register('in use', () => `present-${registered % ACCOUNTS}@example.com`),
          register('free', () => `free-${registered}@example.com`),
        ],
        [['in use', 'free']],
      );
      expect([...statuses]).toEqual(['201']);
    },
    10 * MINUTES,
  );
});

test(
  'how long an answer takes does not tell who has an account: a log-in that has to wait',
  async () => {
    const throttling = await startService({}, { RATE_LIMIT: 'on', LIMIT_FAILURES_PER_ACCOUNT: '1', LIMIT_FAILURES_PER_ADDRESS: '1000000' });
    await createAccounts(throttling);
    const kinds = ['present', 'absent'];
    const guess = (kind: string, round: number) =>
      throttling.ask('/token', { username: nameOf(kind, round), password: 'a wrong password' });
    const first = await Promise.all(kinds.flatMap((kind) => Array.from({ length: ACCOUNTS }, (_, round) => guess(kind, round))));
    expect(new Set(first.map((answer) => answer.slice(0, 3)))).toEqual(new Set(['401']));
    const answers = new Set<string>();
    const ways = kinds.map((kind): Asking => [kind, async (round) => answers.add(await guess(kind, round))]);
    // Little is done for one, so that little would show.
    await expectSameTime(ways, [['present', 'absent']], 3 * SAMPLES);
    expect([...answers].map((answer) => answer.slice(0, 3))).toEqual(['429']);
    await throttling.close();
  },
  5 * MINUTES,
);

test(
  'a service that compares with nothing where there is no account is caught by the same measure',
  async () => {
    const careless = await startService({ hasher: withoutDummy() });
    await createAccounts(careless);
    const logIn = (kind: string): Asking => [
      kind,
      (round) => careless.ask('/token', { username: nameOf(kind, round), password: 'a wrong password' }),
    ];
    const verdicts = await compareAll(() => timed([logIn('present'), logIn('absent')], SAMPLES), [['present', 'absent']]);
    await careless.close();
    for (const { said } of verdicts) seen(said);
    expect(verdicts).toMatchObject([{ isTold: true }]);
  },
  15 * MINUTES,
);
