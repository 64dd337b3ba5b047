import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { expectProblem } from '../support/answers.js';
import { foreignHashes } from '../support/foreign-hashes.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

const FOREIGN = foreignHashes().map((entry, index) => ({ ...entry, username: `imported-${index}` }));

let auth: StoredApp;
beforeAll(async () => {
  auth = await createStoredApp({ BCRYPT_ROUNDS: 5 });
  const now = new Date();
  const nothing = { email: null, email_verified_at: null, disabled_at: null, created_at: now, updated_at: now };
  await auth.users.bulkCreate(
    FOREIGN.map(({ username, hash, truncates }) => ({
      ...nothing,
      ...{ username, username_fold: username, hashed_password: hash, hash_truncates: truncates, roles: ['user'] },
    })),
  );
});
afterAll(() => auth.close());

function oursFor(password: string, hash: string): RegExp {
  if (hash.startsWith('$scrypt-nfkc$')) return /^\$bcrypt-sha256\$v=2,t=2b,r=5,nf=nfkc\$.{22}\$.{31}$/;
  // The flag of these two entries says that this service made them.
  if (/[^\0-\x7f]/.test(password) && !hash.startsWith('$bcrypt-sha256$v=2')) return /^\$bcrypt-sha256\$v=2,t=2b,r=5,nf=nfc\$.{22}\$.{31}$/;
  return Buffer.byteLength(password) > 72 ? /^\$bcrypt-sha256\$v=2,t=2b,r=5\$.{22}\$.{31}$/ : /^\$2b\$05\$.{53}$/;
}

test.each(FOREIGN)('$by, $format: its user logs in, and has a hash of ours from then on', async ({ username, password, hash }) => {
  const logIn = (guess: string) => auth.http().post('/token').send({ username, password: guess });
  const isRefused = async (): Promise<void> => {
    const refusal = { oauth: 'invalid_grant', detail: 'Incorrect username or password' };
    expectProblem(await logIn(`${password.slice(0, -1)}?`), 401, 'invalid_credentials', refusal);
  };
  const stored = async () => {
    const { hashed_password, hash_truncates } = await auth.users.findOne({ where: { username }, rejectOnEmpty: true });
    return { hash: hashed_password, truncates: hash_truncates };
  };

  await isRefused();
  expect((await stored()).hash).toBe(hash);
  expect((await logIn(password)).status).toBe(200);
  const renewed = await stored();
  expect(renewed).toEqual({ hash: expect.stringMatching(oursFor(password, hash)), truncates: false });
  await isRefused();
  expect((await logIn(password)).status).toBe(200);
  expect(await stored()).toEqual(renewed);
});
