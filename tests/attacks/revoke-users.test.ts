import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, member } from '../support/answers.js';
import { callsOf, EVERYWHERE, expectRefused, NOWHERE, type SessionCalls, type Tokens } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { OPERATOR } from '../../src/lib/actor.js';
import type { User } from '../../src/models/user.model.js';

const NEW_PASSWORD = 'another password for tests';

let auth: TestApp;
let calls: SessionCalls;
let user: TestUser;
let own: TestSession;
let other: TestSession;
let stranger: TestSession;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
});
afterAll(() => auth.close());
beforeEach(async () => {
  user = await auth.createUser();
  [own, other] = [await auth.session(user), await auth.session(user)];
  stranger = await auth.session(await auth.createUser());
});

const bearing = ({ accessToken }: Tokens) => ({ Authorization: `Bearer ${accessToken}` });
const scopeOf = async ({ accessToken }: Tokens): Promise<unknown> => member((await calls.introspect(accessToken)).body, 'scope');

describe('a password change', () => {
  const change = (current_password: string, by: Tokens = own) =>
    auth.http().put('/users/me/password').set(bearing(by)).send({ current_password, new_password: NEW_PASSWORD });

  test('ends every other session on the very next request, and not the one that asks', async () => {
    const successor = await calls.refreshed(own.refreshToken);
    await change(user.password, successor).expect(204);
    await calls.expectEnded(other);
    await calls.expectAlive(successor);
    await calls.expectAlive(stranger);
  });

  test('by whoever has a token and not the password is 403, and ends nothing', async () => {
    expectProblem(await change('a wrong password'), 403, 'current_password_invalid');
    for (const session of [own, other]) await calls.expectAlive(session);
  });

  test('by a session that has ended is refused', async () => {
    await calls.revoke(own.refreshToken);
    expectInvalidToken(await change(user.password));
    await calls.expectAlive(other);
  });

  test('by two sessions at once: one wins, and the other has ended', async () => {
    const answers = await Promise.all([change(user.password, own), change(user.password, other)]);
    const winners = [own, other].filter((_, index) => answers[index]?.status === 204);
    expect(winners).toHaveLength(1);
    for (const session of [own, other]) {
      if (winners.includes(session)) await calls.expectAlive(session);
      else await calls.expectEnded(session);
    }
  });
});

describe('an account that was deleted', () => {
  const remove = (current_password: string) => auth.http().delete('/users/me').set(bearing(own)).send({ current_password });

  test('has no session left on the very next request', async () => {
    await remove(user.password).expect(204);
    for (const session of [own, other]) await calls.expectEnded(session, 'invalid_grant');
    await calls.expectAlive(stranger);
  });

  test('by whoever has a token and not the password is 403, and is not', async () => {
    expectProblem(await remove('a wrong password'), 403, 'current_password_invalid');
    for (const session of [own, other]) await calls.expectAlive(session);
  });
});

describe('a user who was disabled', () => {
  test('has no session left on the very next request', async () => {
    expect(await calls.whereTaken(own.accessToken)).toEqual(EVERYWHERE);
    await auth.services.admin.change(user.id, { disabled: true }, OPERATOR);
    for (const session of [own, other]) await calls.expectEnded(session);
    await calls.expectAlive(stranger);
  });

  test('twice, and after a change of roles, is still', async () => {
    await auth.services.admin.change(user.id, { roles: ['user', 'editor'] }, OPERATOR);
    await auth.services.admin.change(user.id, { disabled: true }, OPERATOR);
    await auth.services.admin.change(user.id, { disabled: true }, OPERATOR);
    await auth.services.admin.change(user.id, { roles: ['user'] }, OPERATOR);
    for (const session of [own, other]) await calls.expectEnded(session);
  });
});

describe('a change of roles', () => {
  const setRoles = (...roles: string[]): Promise<User> => auth.services.admin.change(user.id, { roles }, OPERATOR);

  test('refuses the access tokens of before on the very next request, and a refresh gives the new scope', async () => {
    await setRoles('user', 'introspect');
    for (const session of [own, other]) {
      expect(await calls.whereTaken(session.accessToken)).toEqual(NOWHERE);
      const renewed = await calls.refreshed(session.refreshToken);
      expect(await scopeOf(renewed)).toBe('user introspect');
      expect(await calls.whereTaken(renewed.accessToken)).toEqual(EVERYWHERE);
      expect(await calls.whereTaken(session.accessToken)).toEqual(NOWHERE);
    }
    await calls.expectAlive(stranger);
  });

  test('refuses every generation of access token, and ends no session', async () => {
    const all: Tokens[] = [own];
    while (all.length < 4) all.push(await calls.refreshed(all.at(-1)?.refreshToken ?? ''));
    await setRoles('user', 'editor');
    for (const { accessToken } of all) expect(await calls.whereTaken(accessToken)).toEqual(NOWHERE);
    await calls.expectAlive(await calls.refreshed(all.at(-1)?.refreshToken ?? ''));
  });

  test.each([
    ['between them', true],
    ['after them alone', false],
  ])('twice in a row, with a refresh %s, refuses whatever came before each', async (_when, between) => {
    await setRoles('user', 'editor');
    const middle = between ? await calls.refreshed(own.refreshToken) : own;
    await setRoles('user', 'introspect');
    for (const { accessToken } of [own, middle]) expect(await calls.whereTaken(accessToken)).toEqual(NOWHERE);
    const last = await calls.refreshed(middle.refreshToken);
    expect(await scopeOf(last)).toBe('user introspect');
    expect(await calls.whereTaken(last.accessToken)).toEqual(EVERYWHERE);
  });

  test.each([
    ['and a refresh between', true],
    ['and none between', false],
  ])('there and back again, %s, does not bring back the access token of before', async (_what, between) => {
    await setRoles('user', 'editor');
    const middle = between ? await calls.refreshed(own.refreshToken) : own;
    await setRoles('user');
    for (const { accessToken } of [own, middle]) expect(await calls.whereTaken(accessToken)).toEqual(NOWHERE);
    const last = await calls.refreshed(middle.refreshToken);
    expect(await scopeOf(last)).toBe('user');
    expect(await calls.whereTaken(own.accessToken)).toEqual(NOWHERE);
    await calls.expectAlive(last);
  });

  test('reaches tokens whose answer was lost: asked for again, they have the new scope and are taken', async () => {
    const lost = await calls.refreshed(own.refreshToken);
    await setRoles('user', 'editor');
    const again = await calls.refreshed(own.refreshToken);
    expect(again.refreshToken).not.toBe(lost.refreshToken);
    expect(await scopeOf(again)).toBe('user editor');
    expect(await calls.whereTaken(lost.accessToken)).toEqual(NOWHERE);
    await calls.expectAlive(again);
  });

  test('does not make the 24 hours longer in which a lost answer is had again', async () => {
    await calls.refreshed(own.refreshToken);
    auth.clock.advance(12 * 3600);
    await setRoles('user', 'editor');
    const again = await calls.refreshed(own.refreshToken);
    auth.clock.advance(12 * 3600);
    expect((await calls.refreshed(own.refreshToken)).refreshToken).toBe(again.refreshToken);
    auth.clock.advance(0.001);
    expectRefused(await calls.refresh(own.refreshToken), 'refresh_token_reused');
  });

  test('makes no replaced refresh token good again', async () => {
    const successor = await calls.refreshed(own.refreshToken);
    await calls.isTaken('/users/me', successor.accessToken);
    auth.clock.advance(31);
    await setRoles('user', 'editor');
    expectRefused(await calls.refresh(own.refreshToken), 'refresh_token_reused');
    await calls.expectEnded(successor);
  });

  test('is what a log-in after it has, and a demoted user may no longer do what they could', async () => {
    await setRoles('user', 'introspect');
    const powerful = await auth.session(user);
    const ask = (tokens: Tokens) => auth.http().get('/revocations').set(bearing(tokens));
    expect((await ask(powerful)).status).toBe(200);
    await setRoles('user');
    expectInvalidToken(await ask(powerful));
    expectProblem(await ask(await calls.refreshed(powerful.refreshToken)), 403, 'insufficient_scope');
  });

  test('is told to resource servers as one that ends no session', async () => {
    await setRoles('user', 'editor');
    const response = await auth.http().get('/revocations?limit=100').set('Authorization', `Bearer ${calls.serviceKey}`);
    const told: unknown = member(response.body, 'data');
    expect(told).toEqual(expect.arrayContaining([own, other].map(({ id }) => expect.objectContaining({ sid: id, through: 1 }))));
  });
});
