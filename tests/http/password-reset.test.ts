import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, member, text } from '../support/answers.js';
import { callsOf, type SessionCalls } from '../support/session-calls.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const NEW = 'another passphrase altogether';

let auth: TestApp;
let calls: SessionCalls;
beforeAll(async () => {
  auth = await createTestApp({ APP_URL: 'https://app.example.com', APP_NAME: 'Example' });
  calls = await callsOf(auth);
});
afterAll(() => auth.close());

const post = (path: string, body: object) => auth.http().post(path).send(body);
const forgot = (identifier: string) => post('/password/forgot', { identifier });
const reset = (body: object) => post('/password/reset', body);
const logIn = (username: string, password: string) => post('/token', { username, password });
const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });

/** A user with a verified address of their own. */
async function userWithAddress(): Promise<TestUser & { email: string }> {
  count += 1;
  const email = `owner-${count}@example.com`;
  return { ...(await auth.createUser({ email, emailVerified: true })), email };
}
let count = 0;

describe('a forgotten password', () => {
  test('is set anew by the token in the mail, which ends every session and works once', async () => {
    const user = await userWithAddress();
    const sessions = [await auth.session(user), await auth.session(user)];
    const asked = await forgot(user.username);
    expect([asked.status, asked.text]).toEqual([202, '']);
    const [mail] = await auth.mails(user.email);
    expect(mail).toMatchObject({ purpose: 'password_reset', to: user.email });
    expect(mail?.subject).toContain('Example');
    expect(mail?.link).toBe(`https://app.example.com/reset-password#token=${mail?.token}`);
    const done = await reset({ token: mail?.token, new_password: NEW });
    expect([done.status, done.text]).toEqual([204, '']);
    for (const session of sessions) await calls.expectEnded(session);
    expect((await logIn(user.username, NEW)).status).toBe(200);
    expectProblem(await logIn(user.username, user.password), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    expectProblem(await reset({ token: mail?.token, new_password: NEW }), 400, 'token_invalid_or_expired');
    expect((await purposesTo(auth, user.email)).slice(0, 1)).toEqual(['password_changed']);
  });

  test('may be asked for by the verified address too, in any case', async () => {
    const user = await userWithAddress();
    await forgot(user.email.toUpperCase()).expect(202);
    await reset({ token: await mailedToken(auth, user.email, 'password_reset'), new_password: NEW }).expect(204);
    expect((await logIn(user.email, NEW)).status).toBe(200);
  });

  test('of 20 uses of a token at once one wins', async () => {
    const user = await userWithAddress();
    await forgot(user.username);
    const token = await mailedToken(auth, user.email, 'password_reset');
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => reset({ token, new_password: `${NEW} ${index}` })));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 204)) expectProblem(answer, 400, 'token_invalid_or_expired');
    const winner = answers.findIndex(({ status }) => status === 204);
    expect((await logIn(user.username, `${NEW} ${winner}`)).status).toBe(200);
  });

  test('a token is good for ten minutes, and a new password that breaks a rule leaves it good', async () => {
    const user = await userWithAddress();
    await forgot(user.username);
    const token = await mailedToken(auth, user.email, 'password_reset');
    auth.clock.advance(10 * 60 - 1);
    expectProblem(await reset({ token, new_password: 'short' }), 422, 'password_too_short', {
      errors: [['new_password', 'password_too_short']],
    });
    const own = await reset({ token, new_password: user.username.padEnd(8, '1') });
    expect(own.status).toBe(204);
    await forgot(user.username);
    const late = await mailedToken(auth, user.email, 'password_reset');
    auth.clock.advance(10 * 60);
    expectProblem(await reset({ token: late, new_password: NEW }), 400, 'token_invalid_or_expired');
  });

  test('a token is worth nothing once the password was changed, or the address', async () => {
    const user = await userWithAddress();
    await forgot(user.username);
    const first = await mailedToken(auth, user.email, 'password_reset');
    const token = await auth.token(user);
    const change = { current_password: user.password, new_password: NEW };
    await auth.http().put('/users/me/password').set(bearing(token)).send(change).expect(204);
    expectProblem(await reset({ token: first, new_password: NEW }), 400, 'token_invalid_or_expired');
    await forgot(user.username);
    const second = await mailedToken(auth, user.email, 'password_reset');
    // Beside a pending address the verified one stays in force.
    await auth.http().patch('/users/me').set(bearing(token)).send({ email: 'elsewhere@example.com', current_password: NEW }).expect(200);
    expect((await reset({ token: second, new_password: 'short' })).body).toMatchObject({ code: 'password_too_short' });
    await auth.http().patch('/users/me').set(bearing(token)).send({ email: null, current_password: NEW }).expect(200);
    expectProblem(await reset({ token: second, new_password: NEW }), 400, 'token_invalid_or_expired');
  });

  test.each([
    ['nobody', () => Promise.resolve('nobody-at-all')],
    ['a user without an address', async () => (await auth.createUser()).username],
    [
      'an address that is claimed and not verified',
      async () => {
        await auth.createUser({ email: 'claimed@example.com' });
        return 'claimed@example.com';
      },
    ],
    ['a user with an unverified address', async () => (await auth.createUser({ email: 'unverified@example.com' })).username],
    ['an empty name', () => Promise.resolve('')],
    ['NUL', () => Promise.resolve('a\0b')],
  ])('for %s is answered alike, and nothing is sent', async (_what, identify) => {
    const identifier = await identify();
    const before = (await auth.mails()).length;
    const asked = await forgot(identifier);
    expect([asked.status, asked.text]).toEqual([202, '']);
    expect(await auth.mails()).toHaveLength(before);
  });

  test.each([
    ['a token that was never made', { token: 'A'.repeat(43) }],
    ['text that is no token', { token: '%00' }],
    ['an empty token', { token: '' }],
  ])('%s sets no password', async (_what, body) => {
    expectProblem(await reset({ ...body, new_password: NEW }), 400, 'token_invalid_or_expired');
  });

  test('the token of a verification sets no password, that of a reset verifies no address and logs nobody in', async () => {
    const user = await userWithAddress();
    const fresh = await auth.createUser({ email: 'fresh@example.com' });
    const verification = await mailedToken(auth, 'fresh@example.com', 'email_verification');
    expectProblem(await reset({ token: verification, new_password: NEW }), 400, 'token_invalid_or_expired');
    await forgot(user.username);
    const token = await mailedToken(auth, user.email, 'password_reset');
    expectProblem(await post('/email/verify', { token }), 400, 'token_invalid_or_expired');
    for (const one of [token, verification]) {
      expectInvalidToken(await auth.http().get('/users/me').set(bearing(one)));
      expectProblem(await calls.refresh(one), 400, 'invalid_grant', { oauth: 'invalid_grant' });
    }
    expect((await logIn(fresh.username, fresh.password)).status).toBe(200);
  });
});

describe('recovery codes', () => {
  const makeCodes = async (user: TestUser): Promise<string[]> => {
    const answer = await auth
      .http()
      .post('/users/me/recovery-codes')
      .set(bearing(await auth.token(user)))
      .send({ current_password: user.password });
    expect(answer.status).toBe(201);
    const codes = member(answer.body, 'codes');
    return Array.isArray(codes) ? codes.map(String) : [];
  };

  test('bring back an account without an address, each once', async () => {
    const user = await auth.createUser();
    const codes = await makeCodes(user);
    expect(new Set(codes).size).toBe(10);
    // 28 characters of 32 are 140 bits.
    for (const code of codes) expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{7}-){3}[0-9A-HJKMNP-TV-Z]{7}$/);
    const [first = '', second = ''] = codes;
    const session = await auth.session(user);
    await reset({ username: user.username, recovery_code: first, new_password: NEW }).expect(204);
    await calls.expectEnded(session);
    expect((await logIn(user.username, NEW)).status).toBe(200);
    expectProblem(await reset({ username: user.username, recovery_code: first, new_password: NEW }), 400, 'token_invalid_or_expired');
    expectProblem(await reset({ username: user.username, recovery_code: second, new_password: NEW }), 400, 'token_invalid_or_expired');
    const [again = ''] = await makeCodes({ ...user, password: NEW });
    const typed = again.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l');
    await reset({ username: user.username.toUpperCase(), recovery_code: typed, new_password: `${NEW} 2` }).expect(204);
  });

  test('new ones take the place of those of before, and somebody else’s are worth nothing', async () => {
    const [user, stranger] = [await auth.createUser(), await auth.createUser()];
    const [old = ''] = await makeCodes(user);
    const [code = ''] = await makeCodes(user);
    const refused = [
      { username: user.username, recovery_code: old },
      { username: stranger.username, recovery_code: code },
      { username: 'nobody-at-all', recovery_code: code },
    ];
    for (const body of refused) expectProblem(await reset({ ...body, new_password: NEW }), 400, 'token_invalid_or_expired');
    await reset({ username: user.username, recovery_code: code, new_password: NEW }).expect(204);
  });

  test('of 20 uses at once of one code one wins', async () => {
    const user = await auth.createUser();
    const [code = ''] = await makeCodes(user);
    const body = { username: user.username, recovery_code: code, new_password: NEW };
    const answers = await Promise.all(Array.from({ length: 20 }, () => reset(body)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    expect(new Set(statuses)).toEqual(new Set([204, 400]));
  });

  test('need the current password to be made', async () => {
    const token = await auth.token(await auth.createUser());
    const refused = await auth.http().post('/users/me/recovery-codes').set(bearing(token)).send({ current_password: 'wrong' });
    expectProblem(refused, 403, 'current_password_invalid');
  });

  test('are kept as hashes alone, and neither codes nor tokens are logged', async () => {
    const user = await userWithAddress();
    const codes = await makeCodes(user);
    await reset({ username: user.username, recovery_code: codes[0], new_password: `${NEW} 2` }).expect(204);
    await forgot(user.username);
    const token = await mailedToken(auth, user.email, 'password_reset');
    await reset({ token, new_password: NEW }).expect(204);
    const log = auth.log.join('');
    for (const secret of [token, ...codes, NEW]) expect(log).not.toContain(secret);
  });
});

test('a body that mixes the two ways breaks a rule', async () => {
  const both = await reset({ token: 'A', recovery_code: 'B', username: 'ada', new_password: NEW });
  expectProblem(both, 422, 'validation_failed', {
    errors: [
      ['recovery_code', 'unknown'],
      ['username', 'unknown'],
    ],
  });
  expectProblem(await reset({ new_password: NEW }), 422, 'validation_failed', { errors: [['token', 'required']] });
  expect(text((await reset({ username: 'ada', new_password: NEW })).body, 'code')).toBe('validation_failed');
});
