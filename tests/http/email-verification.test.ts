import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Test } from 'supertest';
import { expectInvalidToken, expectProblem, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { callsOf, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const MINUTE = 60;
const DAY = 24 * 60 * MINUTE;

let auth: TestApp;
let calls: SessionCalls;
let count = 0;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
});
afterAll(() => auth.close());

const newAddress = (): string => `verifying-${(count += 1)}@example.com`;
const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const verify = (token: string, headers: Readonly<Record<string, string>> = {}): Test =>
  auth.http().post('/email/verify').set(headers).send({ token });
/** A user with an unverified address, two sessions and recovery codes. */
async function claimant() {
  const email = newAddress();
  const user = await auth.createUser({ email });
  const [here, there] = [await auth.session(user), await auth.session(user)];
  await auth.http().post('/users/me/recovery-codes').set(bearing(here.accessToken)).expect(201);
  return { ...user, email, here, there, token: await mailedToken(auth, email, 'email_verification') };
}
const remaining = async (token: string): Promise<unknown> =>
  member((await auth.http().get('/users/me/recovery-codes').set(bearing(token))).body, 'remaining');
const eventsOf = async (id: number): Promise<string[]> =>
  (await auth.services.audit.list({ user: id }, { limit: 100 })).items.map(({ type }) => type);

describe('POST /email/verify', () => {
  it('verifies and revokes nothing with an access token of the account', async () => {
    const { here, there, token, email } = await claimant();
    await verify(token, bearing(here.accessToken)).expect(204);
    await calls.expectAlive(there);
    expect(await remaining(here.accessToken)).toBe(10);
    expect(await purposesTo(auth, email)).toEqual(['email_verification']);
    const profile: unknown = (await auth.http().get('/users/me').set(bearing(here.accessToken))).body;
    expect(profile).toMatchObject({ email, email_verified: true });
  });

  it('verifies and revokes nothing with the refresh cookie of the account, which stays usable', async () => {
    const { username, password, there, token } = await claimant();
    const agent = await auth.agent();
    await agent.post('/token').send({ username, password, refresh_transport: 'cookie' }).expect(200);
    await agent.post('/email/verify').send({ token }).expect(204);
    await calls.expectAlive(there);
    await agent.post('/token').send({ grant_type: 'refresh_token' }).expect(200);
  });

  it('verifies without a session, and ends every session, revokes the recovery codes and notifies the address', async () => {
    const user = await claimant();
    await verify(user.token).expect(204);
    await calls.expectEnded(user.here);
    await calls.expectEnded(user.there);
    expect(await remaining(await auth.token(user))).toBe(0);
    expect((await purposesTo(auth, user.email))[0]).toBe('email_verified');
    const events = await eventsOf(user.id);
    for (const type of ['account.email_verified', 'session.ended', 'recovery_codes.revoked']) {
      expect(events.filter((one) => one === type)).toHaveLength(1);
    }
  });

  it('treats the session of another account as none', async () => {
    const user = await claimant();
    await verify(user.token, bearing(await auth.token(await auth.createUser()))).expect(204);
    await calls.expectEnded(user.here);
  });

  it('returns 401 invalid_token for an expired access token and changes nothing', async () => {
    const user = await claimant();
    const expired = `${user.here.accessToken.slice(0, -4)}AAAA`;
    expectInvalidToken(await verify(user.token, bearing(expired)));
    await calls.expectAlive(user.here);
    await verify(user.token, bearing(user.there.accessToken)).expect(204);
  });

  it('returns 204 for a repeat while the address is the verified one, without a second effect', async () => {
    const user = await claimant();
    await verify(user.token).expect(204);
    const session = await auth.session(user);
    await verify(user.token).expect(204);
    await calls.expectAlive(session);
    expect((await purposesTo(auth, user.email)).filter((purpose) => purpose === 'email_verified')).toHaveLength(1);
    auth.clock.advance(3 * DAY);
    await verify(user.token).expect(204);
  });

  it('never counts a repeat as a failed attempt, also of requests at once', async () => {
    const limited = await createTestApp({ RATE_LIMIT: 'on', LIMIT_FAILURES_PER_ADDRESS: 1 });
    await limited.createUser({ username: 'ada', email: 'ada@example.com' });
    const token = await mailedToken(limited, 'ada@example.com', 'email_verification');
    const send = () => limited.http().post('/email/verify').send({ token });
    expect((await Promise.all([send(), send(), send()])).map(({ status }) => status)).toEqual([204, 204, 204]);
    limited.clock.advance(3 * DAY);
    for (let count = 0; count < 3; count += 1) await send().expect(204);
    expectProblem(await limited.http().post('/email/verify').send({ token: 'another' }), 400, 'token_invalid_or_expired');
    expectProblem(await limited.http().post('/email/verify').send({ token: 'another' }), 429, 'rate_limited');
    await limited.close();
  });

  it('returns 400 for a repeat once the address is no longer the verified one', async () => {
    const user = await claimant();
    await verify(user.token).expect(204);
    const token = await auth.token(user);
    await auth.http().patch('/users/me').set(bearing(token)).send({ email: null }).expect(200);
    expectProblem(await verify(user.token), 400, 'token_invalid_or_expired');
    await auth.http().patch('/users/me').set(bearing(token)).send({ email: user.email }).expect(200);
    expectProblem(await verify(user.token), 400, 'token_invalid_or_expired');
  });

  it('verifies a pending address without a session, notifies the replaced one and ends every session', async () => {
    const [old, email] = [newAddress(), newAddress()];
    const user = await auth.createUser({ email: old, emailVerified: true });
    const session = await auth.session(user);
    await auth.http().patch('/users/me').set(bearing(session.accessToken)).send({ email }).expect(200);
    await verify(await mailedToken(auth, email, 'email_verification')).expect(204);
    await calls.expectEnded(session);
    expect((await purposesTo(auth, old))[0]).toBe('email_changed');
    expect((await auth.http().post('/token').send({ username: email, password: user.password })).status).toBe(200);
  });

  it('records a refusal with its reason', async () => {
    const { id, token } = await claimant();
    await verify(token).expect(204);
    expectProblem(await verify('A'.repeat(43)), 400, 'token_invalid_or_expired');
    const { items } = await auth.services.audit.list({ type: 'email.verification_failed' }, { limit: 1 });
    expect(items).toMatchObject([{ details: { of: 'verification', reason: 'token_invalid_or_expired' } }]);
    expect(await eventsOf(id)).not.toContain('email.verification_failed');
  });
});
