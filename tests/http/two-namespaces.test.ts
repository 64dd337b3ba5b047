import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// Usernames and verified e-mail addresses are two namespaces: a text may stand in both, for two accounts.

const PASSWORD = 'correct horse battery staple';
const OTHER_PASSWORD = 'another passphrase than that';

let auth: TestApp;
let admin: string;
let count = 0;
beforeAll(async () => {
  auth = await createTestApp();
  admin = await auth.token(await auth.createUser({ username: 'root', roles: ['user', 'admin'] }));
});
afterAll(() => auth.close());

const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const register = (body: object) => auth.http().post('/register').send(body);
const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });
const verify = (token: string) => auth.http().post('/email/verify').send({ token });
const newAddress = (): string => `owner-${(count += 1)}@example.com`;
const owner = async (email = newAddress()): Promise<TestUser & { email: string }> => ({
  ...(await auth.createUser({ password: PASSWORD, email, emailVerified: true })),
  email,
});
const squatter = (username: string, further: object = {}): Promise<TestUser> =>
  auth.createUser({ username, password: OTHER_PASSWORD, ...further });
const idIn = (response: { body: unknown }): unknown => member(response.body, 'user', 'id');

describe('a username that is another account’s verified address', () => {
  it('is registered like any other', async () => {
    const { email } = await owner();
    const [taken, free] = [
      await register({ username: email.toUpperCase(), password: PASSWORD }),
      await register({ username: newAddress(), password: PASSWORD }),
    ];
    expect([taken.status, free.status]).toEqual([201, 201]);
    expect(taken.body).toEqual({ ...Object(free.body), id: expect.any(Number), username: email.toUpperCase() });
    expect(await purposesTo(auth, email)).toEqual(await purposesTo(auth, (await owner()).email));
  });

  it('is taken in a profile and by an administrator', async () => {
    const user = await auth.createUser();
    const first = await owner();
    const renamed = await auth
      .http()
      .patch('/users/me')
      .set(bearing(await auth.token(user)))
      .send({ username: first.email });
    expect([renamed.status, member(renamed.body, 'username')]).toEqual([200, first.email]);
    const second = await owner();
    const made = await auth.http().post('/admin/users').set(bearing(admin)).send({ username: second.email });
    expect(made.status).toBe(201);
    const third = await owner();
    const changed = await auth.http().patch(`/admin/users/${user.id}`).set(bearing(admin)).send({ username: third.email });
    expect(changed.status).toBe(200);
  });

  it('is still refused where it is another account’s username', async () => {
    const { email } = await owner();
    await squatter(email);
    expectProblem(await register({ username: email.toUpperCase(), password: PASSWORD }), 409, 'username_taken');
  });
});

describe('an address that is another account’s username', () => {
  it('is verified by its owner', async () => {
    const email = newAddress();
    const named = await squatter(email);
    const user = await auth.createUser({ email, password: PASSWORD });
    expect((await verify(await mailedToken(auth, email, 'email_verification'))).status).toBe(204);
    expect(idIn(await logIn(email, PASSWORD))).toBe(user.id);
    expect(idIn(await logIn(email, OTHER_PASSWORD))).toBe(named.id);
  });

  it('is verified while it is registered as a username', async () => {
    for (let rounds = 0; rounds < 8; rounds += 1) {
      const email = newAddress();
      await auth.createUser({ email });
      const token = await mailedToken(auth, email, 'email_verification');
      const [one, other] = await Promise.all([verify(token), register({ username: email, password: PASSWORD })]);
      expect([one.status, other.status]).toEqual([204, 201]);
    }
  });

  it('is verified by an invitation that is taken', async () => {
    const email = newAddress();
    await squatter(email);
    await auth
      .http()
      .post('/admin/users')
      .set(bearing(admin))
      .send({ username: `invited-${count}`, email });
    const token = await mailedToken(auth, email, 'invitation');
    expect((await auth.http().post('/password/reset').send({ token, new_password: PASSWORD })).status).toBe(204);
    expect(member((await logIn(email, PASSWORD)).body, 'user', 'username')).toBe(`invited-${count}`);
  });
});

describe('POST /token with a username that is another account’s verified address', () => {
  it('logs each account in by its own password, in any case of the letters', async () => {
    const user = await owner();
    const named = await squatter(user.email);
    for (const username of [user.email, user.email.toUpperCase()]) {
      expect(idIn(await logIn(username, user.password))).toBe(user.id);
      expect(idIn(await logIn(username, named.password))).toBe(named.id);
      expectProblem(await logIn(username, 'a wrong password'), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    }
  });

  it('logs the username’s account in where both have the password', async () => {
    const user = await owner();
    const named = await squatter(user.email, { password: user.password });
    expect(idIn(await logIn(user.email, user.password))).toBe(named.id);
  });

  it('answers 403 account_disabled for a disabled account only with its own password', async () => {
    const user = await owner();
    const named = await squatter(user.email);
    await auth.http().patch(`/admin/users/${named.id}`).set(bearing(admin)).send({ disabled: true }).expect(200);
    expectProblem(await logIn(user.email, named.password), 403, 'account_disabled', { oauth: 'invalid_grant' });
    expect(idIn(await logIn(user.email, user.password))).toBe(user.id);
  });

  it('records a failure for both accounts', async () => {
    const user = await owner();
    const named = await squatter(user.email);
    await logIn(user.email, 'a wrong password');
    for (const { username, password } of [{ ...user }, named]) {
      const token = member((await logIn(username, password)).body, 'access_token');
      const activity = await auth
        .http()
        .get('/users/me/activity')
        .set(bearing(String(token)));
      expect(JSON.stringify(activity.body)).toContain('log_in.failed');
    }
  });
});

describe('POST /password/forgot', () => {
  it('sends the mail to the owner of a verified address that is another account’s username', async () => {
    const user = await owner();
    const own = newAddress();
    await squatter(user.email, { email: own, emailVerified: true });
    expect((await auth.http().post('/password/forgot').send({ identifier: user.email })).status).toBe(202);
    expect(await purposesTo(auth, user.email)).toContain('password_reset');
    expect(await purposesTo(auth, own)).not.toContain('password_reset');
  });

  it('sends the mail to the verified address of the account with that username where no account has verified it', async () => {
    const [username, own] = [newAddress(), newAddress()];
    await squatter(username, { email: own, emailVerified: true });
    expect((await auth.http().post('/password/forgot').send({ identifier: username })).status).toBe(202);
    expect(await purposesTo(auth, own)).toContain('password_reset');
  });
});

describe('POST /password/reset with a recovery code', () => {
  it('resets the account whose code it is, by username or verified address', async () => {
    const user = await owner();
    const named = await squatter(user.email);
    const codeOf = async ({ username, password }: TestUser): Promise<unknown> => {
      const token = String(member((await logIn(username, password)).body, 'access_token'));
      const made = await auth.http().post('/users/me/recovery-codes').set(bearing(token)).send({ current_password: password });
      const codes = member(made.body, 'codes');
      return Array.isArray(codes) ? codes[0] : undefined;
    };
    for (const one of [user, named]) {
      const body = { username: user.email, recovery_code: await codeOf(one), new_password: `${one.password} anew` };
      expect((await auth.http().post('/password/reset').send(body)).status).toBe(204);
      expect(idIn(await logIn(user.email, body.new_password))).toBe(one.id);
    }
  });
});
