import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectProblem, member } from '../support/answers.js';
import { callsOf, EVERYWHERE, expectRefused, NOWHERE, type SessionCalls, type Tokens, tokensOf } from '../support/session-calls.js';
import { freshPlace } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { membersOf } from '../support/tokens.js';
import { OPERATOR } from '../../src/lib/actor.js';

const MOMENT = 0.001;
const HOUR = 3600;
const DAY = 24 * HOUR;
const NEW_PASSWORD = 'another password for tests';

describe('a session’s own ends', () => {
  let auth: TestApp;
  let calls: SessionCalls;
  beforeAll(async () => {
    auth = await createTestApp({ REFRESH_TOKEN_EXPIRE_DAYS: 1, SESSION_MAX_DAYS: 2 });
    calls = await callsOf(auth);
  });
  afterAll(() => auth.close());

  const logIn = async (): Promise<Tokens> => auth.session(await auth.createUser());
  const expiry = ({ accessToken }: Tokens): number => Number(membersOf(accessToken.split('.')[1] ?? '')['exp']) * 1000;

  test('a refresh token is good until a moment before its session has idled too long, and not from then on', async () => {
    const [used, idle] = [await logIn(), await logIn()];
    auth.clock.advance(DAY - MOMENT);
    await calls.refreshed(used.refreshToken);
    auth.clock.advance(MOMENT);
    await calls.expectEnded(idle, 'invalid_grant');
    await calls.refreshed(used.refreshToken);
  });

  test('however busy it is, a session ends at its absolute end, and no access token outlives it', async () => {
    const end = auth.clock.now() + 2 * DAY * 1000;
    let tokens = await logIn();
    for (const hours of [16, 16, 15.75]) {
      auth.clock.advance(hours * HOUR);
      tokens = await calls.refreshed(tokens.refreshToken);
      expect(expiry(tokens)).toBeLessThanOrEqual(end);
    }
    const response = await calls.refresh(tokens.refreshToken);
    const last = tokensOf(response);
    expect(member(response.body, 'refresh_expires_in')).toBe(15 * 60);
    expect(member(response.body, 'expires_in')).toBeGreaterThanOrEqual(15 * 60 - 1);
    expect(member(response.body, 'expires_in')).toBeLessThanOrEqual(15 * 60);
    auth.clock.advance(15 * 60 - 1);
    expect(await calls.whereTaken(last.accessToken)).toEqual(EVERYWHERE);
    const lastOfAll = await calls.refreshed(last.refreshToken);
    expect(expiry(lastOfAll)).toBeLessThanOrEqual(end);
    auth.clock.advance(1);
    for (const one of [tokens, last, lastOfAll]) await calls.expectEnded(one, 'invalid_grant');
  });

  test('a token of a session that is over is no reuse of one: nothing says whose it was', async () => {
    const old = await logIn();
    const successor = await calls.refreshed(old.refreshToken);
    await calls.isTaken('/users/me', successor.accessToken);
    auth.clock.advance(DAY);
    expectRefused(await calls.refresh(old.refreshToken), 'invalid_grant');
  });
});

describe('what happened to its user ends a session', () => {
  let auth: TestApp;
  let calls: SessionCalls;
  beforeAll(async () => {
    auth = await createTestApp();
    calls = await callsOf(auth);
  });
  afterAll(() => auth.close());

  test('who was disabled has no session left, and none again when let in anew', async () => {
    const user = await auth.createUser();
    const sessions = [await auth.session(user), await auth.session(user)];
    await auth.services.admin.change(user.id, { disabled: true }, OPERATOR);
    for (const tokens of sessions) await calls.expectEnded(tokens);
    await auth.services.admin.change(user.id, { disabled: false }, OPERATOR);
    for (const tokens of sessions) await calls.expectEnded(tokens);
    await calls.expectAlive(await auth.session(user));
  });

  test('who was deleted has no session left, also where somebody takes the name', async () => {
    const user = await auth.createUser();
    const [own, other] = [await auth.session(user), await auth.session(user)];
    const body = { current_password: user.password };
    await auth.http().delete('/users/me').set('Authorization', `Bearer ${own.accessToken}`).send(body).expect(204);
    for (const tokens of [own, other]) await calls.expectEnded(tokens, 'invalid_grant');
    await auth.createUser({ username: user.username });
    for (const tokens of [own, other]) await calls.expectEnded(tokens, 'invalid_grant');
  });

  test('a password changed by another session ends this one, and the old password opens none', async () => {
    const user = await auth.createUser();
    const [own, other] = [await auth.session(user), await auth.session(user)];
    const body = { current_password: user.password, new_password: NEW_PASSWORD };
    await auth.http().put('/users/me/password').set('Authorization', `Bearer ${own.accessToken}`).send(body).expect(204);
    await calls.expectEnded(other);
    await calls.expectAlive(own);
    const { username, password } = user;
    expectProblem(await auth.http().post('/token').send({ username, password }), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    await auth.http().post('/token').send({ username, password: NEW_PASSWORD }).expect(200);
  });
});

describe('after a restart', () => {
  test('a lost answer is had again, what was seen in use still is, and what has ended stays so', async () => {
    const place = await freshPlace();
    const keys = { SECRET_KEY: randomBytes(64).toString('base64url'), ROOT_KEY: randomBytes(64).toString('base64url') };
    const before = await createTestApp({ DATABASE_URL: place.url, ...keys });
    const calling = await callsOf(before);
    const user = await before.createUser();
    const [lost, seen, ended] = [await before.session(user), await before.session(user), await before.session(user)];
    const successors = [await calling.refreshed(lost.refreshToken), await calling.refreshed(seen.refreshToken)];
    await calling.isTaken('/users/me', successors[1]?.accessToken ?? '');
    await calling.revoke(ended.refreshToken);
    await before.close();

    const after = await createTestApp({ DATABASE_URL: place.url, ...keys });
    const calls = await callsOf(after);
    for (const [index, tokens] of [lost, seen].entries())
      expect((await calls.refreshed(tokens.refreshToken)).refreshToken).toBe(successors[index]?.refreshToken);
    await calls.expectEnded(ended);
    after.clock.advance(31);
    expect((await calls.refreshed(lost.refreshToken)).refreshToken).toBe(successors[0]?.refreshToken);
    expectRefused(await calls.refresh(seen.refreshToken), 'refresh_token_reused');
    expect(await calls.whereTaken(successors[1]?.accessToken ?? '')).toEqual(NOWHERE);
    await after.close();
    await place.drop();
  });
});
