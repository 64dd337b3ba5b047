import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { entriesOf, expectProblem, expectReauthentication, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { callsOf, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const MINUTE = 60;

let auth: TestApp;
let calls: SessionCalls;
let count = 0;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
});
afterAll(() => auth.close());

const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const change = (token: string, body: object) => auth.http().patch('/users/me').set(bearing(token)).send(body);
const verify = (token: string) => auth.http().post('/email/verify').send({ token });
const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });
const newAddress = (): string => `person-${(count += 1)}@example.com`;
const verified = async (): Promise<TestUser & { email: string }> => {
  const email = newAddress();
  return { ...(await auth.createUser({ email, emailVerified: true })), email };
};
/** What users see of what was done with their account, newest first. */
const activity = async (token: string): Promise<unknown[]> => {
  const data = member((await auth.http().get('/users/me/activity').set(bearing(token))).body, 'data');
  return Array.isArray(data) ? data.map((event: unknown) => member(event, 'type')) : [];
};

describe('a name', () => {
  test('to be shown is changed and taken away without a password', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const shown = await change(token, { display_name: 'Ada 🏳️‍🌈 ليلى' });
    expect([shown.status, shown.body]).toEqual([200, expect.objectContaining({ id: user.id, display_name: 'Ada 🏳️‍🌈 ليلى' })]);
    expect((await change(token, { display_name: null })).body).toMatchObject({ display_name: null });
    expect((await activity(token)).slice(0, 2)).toEqual(['account.changed', 'account.changed']);
  });

  test.each([
    ['', 'too_short'],
    ['   ', 'format'],
    ['two\nlines', 'format'],
    ['left\u202eright', 'format'],
    ['\ud800', 'format'],
    ['x'.repeat(101), 'too_long'],
    [7, 'type'],
  ])('to be shown that is %j breaks a rule', async (display_name, code) => {
    const refused = await change(await auth.token(await auth.createUser()), { display_name });
    expectProblem(refused, 422, 'validation_failed', { errors: [['display_name', code]] });
  });

  test('to log in by is changed, the old one is free, and the owner is told', async () => {
    const user = await verified();
    const token = await auth.token(user);
    const renamed = `renamed-${user.id}`;
    expect((await change(token, { username: renamed })).body).toMatchObject({ username: renamed });
    expect((await logIn(renamed, user.password)).status).toBe(200);
    expect((await logIn(user.username, user.password)).status).toBe(401);
    await auth.createUser({ username: user.username });
    expect(await purposesTo(auth, user.email)).toContain('username_changed');
  });

  test('to log in by needs the current password once the authentication is five minutes old', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const username = `proven-${user.id}`;
    auth.clock.advance(5 * MINUTE);
    expectReauthentication(await change(token, { username }));
    expectProblem(await change(token, { username, current_password: 'wrong' }), 403, 'current_password_invalid');
    expect((await change(token, { username: user.username, display_name: 'Ada' })).status).toBe(200);
    expect((await change(token, { username, current_password: user.password })).body).toMatchObject({ username });
  });

  test('that is somebody’s, or looks like it, is refused; one’s own in another case is not', async () => {
    const [user, other] = [await auth.createUser(), await auth.createUser({ username: 'Grace.Hopper' })];
    const token = await auth.token(user);
    for (const username of [other.username, 'GRACE.HOPPER', 'ｇrace.hopper']) {
      expectProblem(await change(token, { username }), 409, 'username_taken', { detail: 'Username already registered' });
    }
    expect((await change(await auth.token(other), { username: 'GRACE.hopper' })).status).toBe(200);
  });

  test.each([[{ roles: ['admin'] }], [{ id: 7 }], [{ disabled: true }], [{ email_verified: true }], [{ password: 'x' }]])(
    '%j is nothing that users change themselves',
    async (body) => {
      const token = await auth.token(await auth.createUser());
      expectProblem(await change(token, body), 422, 'validation_failed', { errors: [[Object.keys(body)[0] ?? '', 'unknown']] });
    },
  );
});

describe('another e-mail address', () => {
  test('needs the current password once the authentication is five minutes old', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const email = newAddress();
    auth.clock.advance(5 * MINUTE);
    expectReauthentication(await change(token, { email }));
    expectProblem(await change(token, { email, current_password: 'wrong' }), 403, 'current_password_invalid');
    expect((await activity(token))[0]).toBe('reauthentication.failed');
    expect((await change(token, { email, current_password: user.password })).body).toMatchObject({ email, email_verified: false });
    const fresh = await auth.token(user);
    auth.clock.advance(5 * MINUTE - 1);
    expect((await change(fresh, { email: newAddress() })).status).toBe(200);
  });

  test('is pending beside the verified one, which stays in force and gets a notice until the new one is verified', async () => {
    const user = await verified();
    const [here, there] = [await auth.session(user), await auth.session(user)];
    const email = newAddress();
    const changed = await change(here.accessToken, { email });
    expect(changed.body).toMatchObject({ email: user.email, email_verified: true, pending_email: email });
    expect((await purposesTo(auth, user.email))[0]).toBe('email_pending');
    expect(await purposesTo(auth, email)).toEqual(['email_verification']);
    expect((await logIn(email, user.password)).status).toBe(401);
    expect((await logIn(user.email, user.password)).status).toBe(200);
    await auth.http().post('/password/forgot').send({ identifier: user.email }).expect(202);
    expect((await purposesTo(auth, user.email))[0]).toBe('password_reset');

    const token = await mailedToken(auth, email, 'email_verification');
    await auth.http().post('/email/verify').set(bearing(here.accessToken)).send({ token }).expect(204);
    await calls.expectAlive(there);
    const profile: unknown = (await auth.http().get('/users/me').set(bearing(here.accessToken))).body;
    expect(profile).toMatchObject({ email, email_verified: true, pending_email: null });
    expect((await purposesTo(auth, user.email))[0]).toBe('email_changed');
    expect((await logIn(email.toUpperCase(), user.password)).status).toBe(200);
    expect((await logIn(user.email, user.password)).status).toBe(401);
    const types = await activity(here.accessToken);
    expect(types.slice(0, 2)).toEqual(['log_in.succeeded', 'account.email_verified']);
    expect(types).toContain('account.email_changed');
  });

  test('that is pending is removed by the verified one, and its token with it', async () => {
    const user = await verified();
    const token = await auth.token(user);
    const email = newAddress();
    await change(token, { email }).expect(200);
    const mailed = await mailedToken(auth, email, 'email_verification');
    auth.clock.advance(6 * MINUTE);
    expect((await change(token, { email: user.email })).body).toMatchObject({
      email: user.email,
      email_verified: true,
      pending_email: null,
    });
    expectProblem(await verify(mailed), 400, 'token_invalid_or_expired');
  });

  test('that is pending is mailed another token, and repeated without effect', async () => {
    const user = await verified();
    const token = await auth.token(user);
    const email = newAddress();
    await change(token, { email }).expect(200);
    await change(token, { email }).expect(200);
    expect(await purposesTo(auth, email)).toEqual(['email_verification']);
    await auth.http().post('/users/me/email/verification').set(bearing(token)).expect(202);
    expect(await purposesTo(auth, email)).toEqual(['email_verification', 'email_verification']);
  });

  test('replaces an unverified one, whose token is worthless then', async () => {
    const [first, second] = [newAddress(), newAddress()];
    const token = await auth.token(await auth.createUser({ email: first }));
    const mailed = await mailedToken(auth, first, 'email_verification');
    expect((await change(token, { email: second })).body).toMatchObject({ email: second, email_verified: false, pending_email: null });
    expectProblem(await verify(mailed), 400, 'token_invalid_or_expired');
    expect((await verify(await mailedToken(auth, second, 'email_verification'))).status).toBe(204);
  });

  test('null removes the verified and the pending one, ends the other sessions and notifies the verified one', async () => {
    const user = await verified();
    const [here, there] = [await auth.session(user), await auth.session(user)];
    await change(here.accessToken, { email: newAddress() }).expect(200);
    const removed = await change(here.accessToken, { email: null });
    expect(removed.body).toMatchObject({ email: null, email_verified: false, pending_email: null });
    expect((await purposesTo(auth, user.email))[0]).toBe('email_changed');
    await calls.expectAlive(here);
    await calls.expectEnded(there);
    auth.clock.advance(5 * MINUTE);
    await auth.http().get('/users/me').set(bearing(here.accessToken)).expect(200);
  });

  test('in another case is the same, and as verified as it was', async () => {
    const user = await verified();
    const token = await auth.token(user);
    const email = user.email.toUpperCase();
    expect((await change(token, { email })).body).toMatchObject({ email, email_verified: true });
    expect((await change(token, { email: null })).body).toMatchObject({ email: null, email_verified: false });
  });

  test('in the other spelling of its domain is the same, and as verified as it was', async () => {
    const local = newAddress().split('@')[0] ?? '';
    const user = await auth.createUser({ email: `${local}@bücher.example`, emailVerified: true });
    const email = `${local}@XN--bcher-kva.example`;
    const changed = await change(await auth.token(user), { email });
    expect(changed.body).toMatchObject({ email, email_verified: true, pending_email: null });
  });

  test('that only looks like the verified one is another mailbox, and has to be verified', async () => {
    for (const [verifiedOne, lookalike] of [
      ['fi', '\ufb01'],
      ['kit', '\u212ait'],
      ['ada', '\uff41da'],
    ] as const) {
      const email = `${verifiedOne}-${newAddress()}`;
      const user = await auth.createUser({ email, emailVerified: true });
      const changed = await change(await auth.token(user), { email: email.replace(verifiedOne, lookalike) });
      expect([changed.status, changed.body]).toEqual([200, expect.objectContaining({ email, email_verified: true })]);
      const pending = email.replace(verifiedOne, lookalike);
      expect(member(changed.body, 'pending_email')).toBe(pending);
      const mail = (await auth.mails(email)).find(({ to, purpose }) => to === pending && purpose === 'email_verification');
      expect((await verify(mail?.token ?? '')).status).toBe(204);
      expect(await auth.services.users.get(user.id)).toMatchObject({ email: pending, pending_email: null });
    }
  });

  test.each(['no address', 'a@', '@b', 'a@b\r\nBcc: c@d.example', ''])('%j is none', async (email) => {
    const refused = await change(await auth.token(await auth.createUser()), { email });
    expectProblem(refused, 422, 'validation_failed', { errors: [['email', email === '' ? 'too_short' : 'format']] });
  });
});

describe('verifying an address', () => {
  test('a token works once, for a day, and for that address alone', async () => {
    const email = newAddress();
    const user = await auth.createUser({ email });
    const first = await mailedToken(auth, email, 'email_verification');
    auth.clock.advance(24 * 60 * MINUTE);
    expectProblem(await verify(first), 400, 'token_invalid_or_expired');
    const later = await auth.token(user);
    const again = await auth.http().post('/users/me/email/verification').set(bearing(later));
    expect([again.status, again.text]).toEqual([202, '']);
    const second = await mailedToken(auth, email, 'email_verification');
    await change(later, { email: newAddress(), current_password: user.password }).expect(200);
    expectProblem(await verify(second), 400, 'token_invalid_or_expired');
    await change(later, { email, current_password: user.password }).expect(200);
    const third = await mailedToken(auth, email, 'email_verification');
    const answers = await Promise.all(Array.from({ length: 20 }, () => verify(third)));
    // Each repeat finds the address verified; only the first has an effect.
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 204));
    const purposes = await purposesTo(auth, email);
    expect(purposes.filter((purpose) => purpose === 'email_verified')).toHaveLength(1);
    const anew = await auth.token(user);
    await auth.http().post('/users/me/email/verification').set(bearing(anew)).expect(202);
    expect(await purposesTo(auth, email)).toEqual(purposes);
  });

  test('where there is none to verify, that is said', async () => {
    const token = await auth.token(await auth.createUser());
    expectProblem(await auth.http().post('/users/me/email/verification').set(bearing(token)), 409, 'conflict');
  });

  test('several accounts may claim one, and the first to verify it has it', async () => {
    const email = newAddress();
    const [first, second] = [await auth.createUser({ email }), await auth.createUser({ email })];
    const [newest, oldest] = (await auth.mails(email)).map(({ token }) => String(token));
    expect((await verify(oldest ?? '')).status).toBe(204);
    expectProblem(await verify(newest ?? ''), 409, 'conflict');
    expect((await logIn(email, first.password)).body).toMatchObject({ user: { id: first.id } });
    expect(
      (
        await auth
          .http()
          .get('/users/me')
          .set(bearing(await auth.token(second)))
      ).body,
    ).toMatchObject({ email, email_verified: false });
  });

  test('of 20 accounts that verify one address at once one has it', async () => {
    const email = newAddress();
    for (let accounts = 0; accounts < 20; accounts += 1) await auth.createUser({ email });
    const answers = await Promise.all((await auth.mails(email)).map(({ token }) => verify(String(token))));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array.from({ length: 19 }, () => 409)]);
  });

  test('whether an address is in use is not told: its owner is, and nobody else gets a token', async () => {
    const owner = await verified();
    const free = await auth.http().post('/register').send({ username: 'free-one', password: 'a good passphrase', email: newAddress() });
    const body = { username: 'claimant', password: 'a good passphrase', email: owner.email.toUpperCase() };
    const taken = await auth.http().post('/register').send(body);
    expect(taken.status).toBe(free.status);
    const namesIn = (body: unknown): string[] => entriesOf(body).map(([name]) => name);
    expect(namesIn(taken.body)).toEqual(namesIn(free.body));
    expect(taken.body).toMatchObject({ email: body.email, email_verified: false });
    expect((await purposesTo(auth, owner.email))[0]).toBe('email_claimed');
    const notice = (await auth.mails(owner.email))[0];
    expect([notice?.token, notice?.link]).toEqual([null, null]);
  });
});

describe('a log-in from a device that is new to the account', () => {
  test('is told to the owner, once, and never the first', async () => {
    const user = await verified();
    const credentials = { username: user.username, password: user.password };
    const call = (agent: string) => auth.http().post('/token').set('User-Agent', agent).send(credentials);
    const notices = async () => (await purposesTo(auth, user.email)).filter((purpose) => purpose === 'new_device').length;
    await call('Browser one').expect(200);
    expect(await notices()).toBe(0);
    // The same address is known, whatever the browser calls itself.
    await call('Browser two').expect(200);
    expect(await notices()).toBe(0);
  });

  test('another address and another browser are new, and the notice names both', async () => {
    const behind = await createTestApp({ TRUST_PROXY: 1 });
    const user = await behind.createUser({ email: 'owner@example.com', emailVerified: true });
    const call = (ip: string, agent: string) =>
      behind
        .http()
        .post('/token')
        .set({ 'X-Forwarded-For': ip, 'User-Agent': agent })
        .send({ username: user.username, password: user.password })
        .expect(200);
    await call('203.0.113.1', 'Browser one');
    for (let times = 0; times < 2; times += 1) await call('198.51.100.7', '<b>Browser</b>\ttwo');
    const notices = (await behind.mails('owner@example.com')).filter(({ purpose }) => purpose === 'new_device');
    expect(notices).toHaveLength(1);
    expect(notices[0]?.text).toContain('198.51.100.7');
    expect(notices[0]?.html).not.toContain('<b>Browser');
    await behind.close();
  });
});
