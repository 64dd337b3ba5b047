import { scryptSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcryptjs';
import { OPERATOR } from '../../src/lib/actor.js';
import { expectProblem, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const STEP_UP = 'urn:lingomate:grant:step-up';
const COMPOSED = 'Crème brûlée 2026'.normalize('NFC');
const DECOMPOSED = COMPOSED.normalize('NFD');
const OWN_PASSWORD = 'an own passphrase, ünlike it';

let auth: TestApp;
beforeAll(async () => {
  auth = await createTestApp({ BCRYPT_ROUNDS: 5 });
});
afterAll(() => auth.close());

/** better-auth's `salt:key`, of the NFKC form of the password. */
function betterAuthHash(password: string): string {
  const salt = 'ab'.repeat(16);
  const key = scryptSync(password.normalize('NFKC'), salt, 64, { N: 16384, r: 16, p: 1, maxmem: 128 * 16384 * 16 * 2 });
  return `${salt}:${key.toString('hex')}`;
}

async function imported(record: object): Promise<void> {
  const importing = auth.services.transfer.importText(Buffer.from(JSON.stringify(record)), {}, { dryRun: false, by: OPERATOR });
  for await (const result of importing) expect(result).toMatchObject({ status: 'created' });
}

let users = 0;
const SOURCES = {
  'better-auth': (username: string, password: string) => ({
    username,
    email: null,
    emailVerified: false,
    password: betterAuthHash(password),
  }),
  'lines with bcrypt of another cost': (username: string, password: string) => ({ username, password_hash: bcrypt.hashSync(password, 4) }),
  'lines with bcrypt of the usual cost': (username: string, password: string) => ({
    username,
    password_hash: bcrypt.hashSync(password, 5),
  }),
};
async function userOf(source: keyof typeof SOURCES, password: string): Promise<string> {
  const username = `user-${(users += 1)}`;
  await imported(SOURCES[source](username, password));
  return username;
}

const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });
const NAMES = ['better-auth', 'lines with bcrypt of another cost', 'lines with bcrypt of the usual cost'] as const;
const SPELLINGS = [
  ['NFC', 'NFD', COMPOSED, DECOMPOSED],
  ['NFD', 'NFC', DECOMPOSED, COMPOSED],
] as const;
const CASES = NAMES.flatMap((source) => SPELLINGS.map(([made, first, password, other]) => ({ source, made, first, password, other })));

describe('a password whose hash was imported', () => {
  it.each(CASES)(
    'from $source, made of $made, logs in in both forms after a first log-in in $first',
    async ({ source, password, other }) => {
      const username = await userOf(source, password);

      for (const spelling of [other, password, other]) expect((await logIn(username, spelling)).status).toBe(200);

      expectProblem(await logIn(username, password.normalize('NFC').replace('è', 'e')), 401, 'invalid_credentials', {
        oauth: 'invalid_grant',
        detail: 'Incorrect username or password',
      });
    },
  );

  it.each(CASES)('from $source, made of $made, is the current password in $first too', async ({ source, password, other }) => {
    const username = await userOf(source, password);
    const token = text((await logIn(username, password)).body, 'access_token');
    const asUser = { Authorization: `Bearer ${token}` };

    const steppedUp = await auth.http().post('/token').set(asUser).send({ grant_type: STEP_UP, password: other });
    const change = { current_password: other, new_password: OWN_PASSWORD };
    const changed = await auth.http().put('/users/me/password').set(asUser).send(change);

    expect([steppedUp.status, changed.status]).toEqual([200, 204]);
    expect((await logIn(username, OWN_PASSWORD)).status).toBe(200);
    expect((await logIn(username, OWN_PASSWORD.normalize('NFD'))).status).toBe(401);
    expect((await logIn(username, password)).status).toBe(401);
  });
});

describe('a password that was set here', () => {
  const register = async (username: string): Promise<void> => {
    expect((await auth.http().post('/register').send({ username, password: COMPOSED })).status).toBe(201);
  };

  it('logs in exactly as sent alone', async () => {
    await register('ada');

    expect((await logIn('ada', COMPOSED)).status).toBe(200);
    expect((await logIn('ada', DECOMPOSED)).status).toBe(401);
  });

  it('stays so through an export with hashes and its import', async () => {
    await register('grace');
    const exported = [];
    for await (const user of auth.services.transfer.exportUsers({ withHashes: true, by: OPERATOR })) exported.push(user);
    const line = exported.find((user) => user.username === 'grace');

    await imported({ ...line, username: 'grace-2' });

    expect((await logIn('grace-2', COMPOSED)).status).toBe(200);
    expect((await logIn('grace-2', DECOMPOSED)).status).toBe(401);
  });
});
