import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Response, Test } from 'supertest';
import { expectProblem, member, text } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { callsOf, type SessionCalls, type Tokens, tokensOf } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// An attacker makes an account with a victim's e-mail address before the victim does, and keeps whatever might open it later:
// sessions, recovery codes, one-time tokens, another address. Once the victim has verified the address and set a password,
// none of it may work, in whichever order the two act.

const ATTACKER = 'the password of the attacker';
const VICTIM = 'the password of the victim';

let auth: TestApp;
let calls: SessionCalls;
let count = 0;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
});
afterAll(() => auth.close());

const post = (path: string, body: object, token?: string): Test => {
  const request = auth.http().post(path).send(body);
  return token === undefined ? request : request.set('Authorization', `Bearer ${token}`);
};
const verify = (token: string, bearer?: string): Test => post('/email/verify', { token }, bearer);
const logIn = async (username: string, password: string): Promise<Tokens> => tokensOf(await post('/token', { username, password }));
const codesOf = async (token: string, password = ATTACKER): Promise<string[]> => {
  const codes = member((await post('/users/me/recovery-codes', { current_password: password }, token).expect(201)).body, 'codes');
  return Array.isArray(codes) ? codes.map(String) : [];
};
const claim = (token: string, email: string | null): Test =>
  auth.http().patch('/users/me').set('Authorization', `Bearer ${token}`).send({ email, current_password: ATTACKER });
const resetByCode = (username: string, recovery_code: string | undefined): Test =>
  post('/password/reset', { username, recovery_code, new_password: ATTACKER });

interface Account {
  readonly username: string;
  readonly email: string;
  readonly attacker: Tokens;
}

/** The attacker's account with the victim's address. */
async function preHijacked(): Promise<Account> {
  count += 1;
  const [username, email] = [`hijacked-${count}`, `victim-${count}@example.com`];
  await post('/register', { username, password: ATTACKER, email }).expect(201);
  return { username, email, attacker: await logIn(username, ATTACKER) };
}

const verifyByMail = async ({ email }: Account): Promise<void> => {
  await verify(await mailedToken(auth, email, 'email_verification')).expect(204);
};
const resetByMail = async ({ email }: Account): Promise<void> => {
  await post('/password/forgot', { identifier: email }).expect(202);
  await post('/password/reset', { token: await mailedToken(auth, email, 'password_reset'), new_password: VICTIM }).expect(204);
};

/** That only the victim is in: by their password, address and session, and the attacker by nothing. */
async function expectVictimAlone({ username, email }: Account, attackers: readonly Tokens[], codes: readonly string[]): Promise<void> {
  for (const session of attackers) await calls.expectEnded(session);
  for (const code of codes) expectProblem(await resetByCode(username, code), 400, 'token_invalid_or_expired');
  expect((await post('/token', { username, password: ATTACKER })).status).toBe(401);
  const victim = await logIn(email, VICTIM);
  const profile: unknown = (await auth.http().get('/users/me').set('Authorization', `Bearer ${victim.accessToken}`)).body;
  expect(profile).toMatchObject({ email, email_verified: true, pending_email: null });
}

describe('an account that an attacker registered with the address of a victim', () => {
  it('opens to no recovery code after the victim verified, reset and changed the password', async () => {
    const account = await preHijacked();
    const codes = await codesOf(account.attacker.accessToken);
    await verifyByMail(account);
    await resetByMail(account);
    const { accessToken } = await logIn(account.email, VICTIM);
    const change = { current_password: VICTIM, new_password: `${VICTIM}, changed` };
    await auth.http().put('/users/me/password').set('Authorization', `Bearer ${accessToken}`).send(change).expect(204);
    for (const code of codes) expectProblem(await resetByCode(account.username, code), 400, 'token_invalid_or_expired');
    expect((await post('/token', { username: account.username, password: ATTACKER })).status).toBe(401);
  });

  it('loses every session and recovery code at the verification, before any password is set', async () => {
    const account = await preHijacked();
    const [code] = await codesOf(account.attacker.accessToken);
    await verifyByMail(account);
    await calls.expectEnded(account.attacker);
    expectProblem(await resetByCode(account.username, code), 400, 'token_invalid_or_expired');
    expect((await purposesTo(auth, account.email))[0]).toBe('email_verified');
    const mail = (await auth.mails(account.email))[0];
    expect(mail?.text).toContain('no longer work: 10');
  });

  it('opens to nothing where the attacker logs in and makes codes again between the verification and the reset', async () => {
    const account = await preHijacked();
    await verifyByMail(account);
    const again = await logIn(account.username, ATTACKER);
    const codes = await codesOf(again.accessToken);
    await resetByMail(account);
    await expectVictimAlone(account, [account.attacker, again], codes);
  });

  it('opens to nothing where the attacker has another address pending when the victim resets', async () => {
    const account = await preHijacked();
    const own = `attacker-${count}@example.com`;
    await verifyByMail(account);
    const again = await logIn(account.username, ATTACKER);
    await claim(again.accessToken, own).expect(200);
    const mailed = await mailedToken(auth, own, 'email_verification');
    expect((await purposesTo(auth, account.email))[0]).toBe('email_pending');
    await resetByMail(account);
    expectProblem(await verify(mailed), 400, 'token_invalid_or_expired');
    await expectVictimAlone(account, [account.attacker, again], []);
  });

  it('opens to nothing where the attacker claims another address before the victim verifies', async () => {
    const account = await preHijacked();
    const victims = await mailedToken(auth, account.email, 'email_verification');
    await claim(account.attacker.accessToken, `attacker-${count}@example.com`).expect(200);
    expectProblem(await verify(victims), 400, 'token_invalid_or_expired');
    await claim(account.attacker.accessToken, account.email).expect(200);
    expectProblem(await verify(victims), 400, 'token_invalid_or_expired');
    await verifyByMail(account);
    await resetByMail(account);
    await expectVictimAlone(account, [account.attacker], []);
  });

  it('opens to nothing where the attacker changed the password before, and holds the codes of then', async () => {
    const account = await preHijacked();
    const codes = await codesOf(account.attacker.accessToken);
    const { accessToken } = account.attacker;
    const change = { current_password: ATTACKER, new_password: `${ATTACKER}, changed` };
    await auth.http().put('/users/me/password').set('Authorization', `Bearer ${accessToken}`).send(change).expect(204);
    const more = await codesOf(accessToken, `${ATTACKER}, changed`);
    // The change voids the mailed token, so that none outlives it; the attacker asks for another in the hope of an open session.
    await post('/users/me/email/verification', {}, accessToken).expect(202);
    await verifyByMail(account);
    await resetByMail(account);
    await expectVictimAlone(account, [account.attacker], [...codes, ...more]);
  });

  it('keeps no change that the attacker sent before the verification and that arrives after it', async () => {
    const account = await preHijacked();
    const token = await mailedToken(auth, account.email, 'email_verification');
    const late = (): Promise<Response>[] => [
      post('/users/me/recovery-codes', { current_password: ATTACKER }, account.attacker.accessToken).then((answer) => answer),
      claim(account.attacker.accessToken, `late-${count}@example.com`).then((answer) => answer),
    ];
    const answers = await Promise.all([...late(), verify(token).then((answer) => answer), ...late()]);
    // A change of the address that comes first makes the token worthless; nothing may be left of one that comes later.
    if (answers[2]?.status !== 204) return;
    const codes = answers.flatMap((answer) => {
      const made = member(answer.body, 'codes');
      return Array.isArray(made) ? made.map(String) : [];
    });
    await resetByMail(account);
    await expectVictimAlone(account, [account.attacker], codes);
  });

  it('drops the address by the “this was not me” link, and its verification link is worthless then', async () => {
    const account = await preHijacked();
    const verification = await mailedToken(auth, account.email, 'email_verification');
    const mail = (await auth.mails(account.email))[0];
    const [, rejection = ''] = /\/reject-email#token=(\S+)/.exec(mail?.text ?? '') ?? [];
    auth.clock.advance(24 * 60 * 60);
    await post('/email/reject', { token: rejection }).expect(204);
    const again = await logIn(account.username, ATTACKER);
    const profile: unknown = (await auth.http().get('/users/me').set('Authorization', `Bearer ${again.accessToken}`)).body;
    expect(profile).toMatchObject({ email: null, email_verified: false });
    expectProblem(await verify(verification), 400, 'token_invalid_or_expired');
    expectProblem(await post('/email/reject', { token: rejection }), 400, 'token_invalid_or_expired');
  });
});

describe('the “this was not me” link', () => {
  const rejectionIn = async (email: string): Promise<string> => {
    const mail = (await auth.mails(email)).find(({ purpose }) => purpose === 'email_verification');
    return /\/reject-email#token=(\S+)/.exec(mail?.text ?? '')?.[1] ?? '';
  };

  it('never touches a verified address', async () => {
    const account = await preHijacked();
    const rejection = await rejectionIn(account.email);
    await verifyByMail(account);
    expectProblem(await post('/email/reject', { token: rejection }), 400, 'token_invalid_or_expired');
    expect((await auth.services.users.findByName(account.email)).username).toBe(account.username);
  });

  it('drops a pending address and leaves the verified one', async () => {
    const user = await auth.createUser({ email: 'kept@example.com', emailVerified: true });
    const token = await auth.token(user);
    const body = { email: 'pending@example.com', current_password: user.password };
    await auth.http().patch('/users/me').set('Authorization', `Bearer ${token}`).send(body).expect(200);
    await post('/email/reject', { token: await rejectionIn('pending@example.com') }).expect(204);
    const profile: unknown = (await auth.http().get('/users/me').set('Authorization', `Bearer ${token}`)).body;
    expect(profile).toMatchObject({ email: 'kept@example.com', email_verified: true, pending_email: null });
  });

  it('is refused for the token of a verification, and the other way round', async () => {
    const { email } = await preHijacked();
    expectProblem(
      await post('/email/reject', { token: await mailedToken(auth, email, 'email_verification') }),
      400,
      'token_invalid_or_expired',
    );
    expectProblem(await verify(await rejectionIn(email)), 400, 'token_invalid_or_expired');
  });
});

describe('a session thief', () => {
  it('keeps no token of an address that was claimed before the owner changed the password', async () => {
    const user = await auth.createUser();
    const [thief, owner] = [await auth.session(user), await auth.session(user)];
    const body = { email: 'thief@example.com', current_password: user.password };
    await auth.http().patch('/users/me').set('Authorization', `Bearer ${thief.accessToken}`).send(body).expect(200);
    const change = { current_password: user.password, new_password: VICTIM };
    await auth.http().put('/users/me/password').set('Authorization', `Bearer ${owner.accessToken}`).send(change).expect(204);
    expectProblem(await verify(await mailedToken(auth, 'thief@example.com', 'email_verification')), 400, 'token_invalid_or_expired');
    expect(text((await auth.http().get('/users/me').set('Authorization', `Bearer ${owner.accessToken}`)).body, 'email')).toBe(body.email);
  });
});
