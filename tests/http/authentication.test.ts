import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { entriesOf, expectProblem, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

const NEW = 'a passphrase that is new';
const YEAR = 365 * 24 * 60 * 60;

let auth: StoredApp;
beforeAll(async () => {
  auth = await createStoredApp({ APP_NAME: 'Corner Shop', ISSUER: 'https://login.acme-tools.example' });
});
afterAll(() => auth.close());

const bearing = async (user: TestUser) => ({ Authorization: `Bearer ${await auth.token(user)}` });
const changePassword = async (user: TestUser, new_password: string) =>
  auth
    .http()
    .put('/users/me/password')
    .set(await bearing(user))
    .send({ current_password: user.password, new_password });

test('a new service has no account, so there is none to log in to by default', async () => {
  const fresh = await createStoredApp();
  try {
    expect(await fresh.users.count()).toBe(0);
    for (const username of ['admin', 'root', 'administrator'])
      for (const password of ['', 'admin', 'changeme', username]) {
        const answer = await fresh.http().post('/token').send({ username, password });
        expectProblem(answer, 401, 'invalid_credentials', { oauth: 'invalid_grant' });
      }
  } finally {
    await fresh.close();
  }
});

/** The names of all members that a document mentions, however deep. */
function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (typeof value !== 'object' || value === null) return [];
  return entriesOf(value).flatMap(([name, inner]) => [name, ...namesIn(inner)]);
}

test('there are no password hints and no questions to be answered: the API has no member of that kind', async () => {
  const schemas = namesIn(member((await auth.http().get('/openapi.json')).body, 'components', 'schemas'));
  expect(schemas).toContain('recovery_code');
  expect(schemas.filter((name) => /hint|question|answer|birth|mother|pet/i.test(name) && name !== 'token_type_hint')).toEqual([]);
});

test('a password is good for as long as its owner keeps it', async () => {
  const user = await auth.createUser();
  auth.clock.advance(10 * YEAR);
  expect((await auth.http().post('/token').send({ username: user.username, password: user.password })).status).toBe(200);
});

describe('a password that is little more than a name of the service or its app', () => {
  const NAMES = ['CornerShop1', 'corner shop 24', 'acme-tools-2026', 'Lingomate!!'];

  test.each(NAMES)('is refused at registration, at a change and at a reset: %s', async (password) => {
    const registered = await auth.http().post('/register').send({ username: 'somebody', password });
    expectProblem(registered, 422, 'password_too_common', { errors: [['password', 'password_too_common']] });
    const email = `${password.replace(/\W/g, '')}@example.com`;
    const user = await auth.createUser({ email, emailVerified: true });
    const refused = { errors: [['new_password', 'password_too_common']] } as const;
    expectProblem(await changePassword(user, password), 422, 'password_too_common', refused);
    await auth.http().post('/password/forgot').send({ identifier: email }).expect(202);
    const token = await mailedToken(auth, email, 'password_reset');
    const reset = await auth.http().post('/password/reset').send({ token, new_password: password });
    expectProblem(reset, 422, 'password_too_common', refused);
  });
});

describe('the owner is told of what changes how they log in', () => {
  const CHANGES: [string, (user: TestUser) => Promise<{ status: number }>][] = [
    ['password_changed', (user) => changePassword(user, NEW)],
    [
      'recovery_codes_created',
      async (user) =>
        auth
          .http()
          .post('/users/me/recovery-codes')
          .set(await bearing(user))
          .send({ current_password: user.password }),
    ],
  ];

  test.each(CHANGES)('%s', async (purpose, change) => {
    const email = `${purpose}@example.com`;
    const user = await auth.createUser({ email, emailVerified: true });
    expect((await change(user)).status).toBeLessThan(300);
    expect(await purposesTo(auth, email)).toContain(purpose);
  });
});
