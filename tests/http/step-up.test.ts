import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { OPERATOR } from '../../src/lib/actor.js';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, expectReauthentication, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { membersOf } from '../support/tokens.js';

const STEP_UP = 'urn:lingomate:grant:step-up';
const MINUTE = 60;
const INVALID = { detail: 'Token is invalid or expired', oauth: 'invalid_token' };

let auth: TestApp;
let user: TestUser;
let session: TestSession;
beforeAll(async () => {
  auth = await createTestApp();
});
afterAll(() => auth.close());

const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const stepUp = (token: string, body: object) =>
  auth
    .http()
    .post('/token')
    .set(bearing(token))
    .send({ grant_type: STEP_UP, ...body });
const refresh = (refresh_token: string) => auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token });
const claimsOf = (response: Response) => membersOf(text(response.body, 'access_token').split('.')[1] ?? '');
const seconds = (): number => Math.floor(auth.clock.now() / 1000);
const events = async (count: number): Promise<string[]> => {
  const { items } = await auth.services.audit.list({ user: user.id }, { limit: count });
  return items.map(({ type }) => type);
};
const logIn = async (): Promise<TestUser> => {
  user = await auth.createUser();
  session = await auth.session(user);
  return user;
};

describe('POST /token with grant_type urn:lingomate:grant:step-up', () => {
  test('returns 200 with a new access token of the same session and generation, and without a refresh token or cookie', async () => {
    await logIn();
    const before = membersOf(session.accessToken.split('.')[1] ?? '');
    auth.clock.advance(10 * MINUTE);
    const response = await stepUp(session.accessToken, { password: user.password });
    expect(response.status).toBe(200);
    expect(response.body).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 1800,
      refresh_expires_in: expect.any(Number),
      scope: 'user',
      user: { id: user.id, username: user.username },
    });
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(response.headers).not.toHaveProperty('set-cookie');
    const { jti, ...claims } = claimsOf(response);
    expect(jti).not.toBe(before['jti']);
    expect(claims).toMatchObject({ sid: session.id, refresh_counter: 1, auth_time: seconds(), amr: ['pwd'], acr: 'aal1', iat: seconds() });
    const { items } = await auth.services.audit.list({ user: user.id }, { limit: 1 });
    expect(items).toMatchObject([
      { type: 'reauthentication.succeeded', sessionId: session.id, actor: { kind: 'user' }, details: { amr: ['pwd'], acr: 'aal1' } },
    ]);
  });

  test('has every token that is issued from then on carry its time, while the token before keeps its own', async () => {
    await logIn();
    const loggedInAt = seconds();
    auth.clock.advance(10 * MINUTE);
    const steppedUpAt = seconds();
    await stepUp(session.accessToken, { password: user.password }).expect(200);
    auth.clock.advance(MINUTE);
    const next = await refresh(session.refreshToken);
    expect(claimsOf(next)).toMatchObject({ refresh_counter: 2, auth_time: steppedUpAt, acr: 'aal1' });
    expect(membersOf(session.accessToken.split('.')[1] ?? '')).toMatchObject({ auth_time: loggedInAt });
    const { key } = await auth.services.serviceKeys.create({ name: 'api', scopes: ['introspect'] });
    const told = await auth
      .http()
      .post('/introspect')
      .set(bearing(key))
      .send({ token: text(next.body, 'refresh_token') });
    expect(told.body).toMatchObject({ active: true, token_type: 'refresh_token', auth_time: steppedUpAt, amr: ['pwd'], acr: 'aal1' });
  });

  test('makes the authentication recent again', async () => {
    await logIn();
    auth.clock.advance(5 * MINUTE);
    const rename = (token: string) =>
      auth
        .http()
        .patch('/users/me')
        .set(bearing(token))
        .send({ username: `stepped-up-${user.id}` });
    expectReauthentication(await rename(session.accessToken));
    const fresh = text((await stepUp(session.accessToken, { password: user.password })).body, 'access_token');
    expectReauthentication(await rename(session.accessToken));
    expect((await rename(fresh)).status).toBe(200);
  });

  test('issues the generation of the presented token, so that its use is no first use of a newer refresh token', async () => {
    await logIn();
    const next = await refresh(session.refreshToken);
    auth.clock.advance(MINUTE);
    const response = await stepUp(session.accessToken, { password: user.password });
    expect(claimsOf(response)).toMatchObject({ refresh_counter: 1 });
    expect(
      (
        await auth
          .http()
          .get('/users/me')
          .set(bearing(text(response.body, 'access_token')))
      ).status,
    ).toBe(200);
    auth.clock.advance(10 * MINUTE);
    expect((await refresh(session.refreshToken)).status).toBe(200);
    expect((await refresh(text(next.body, 'refresh_token'))).status).toBe(200);
  });

  test('takes a form as well, and ignores unknown members', async () => {
    await logIn();
    const form = { grant_type: STEP_UP, password: user.password, scope: 'admin' };
    const response = await auth.http().post('/token').type('form').set(bearing(session.accessToken)).send(form);
    expect([response.status, text(response.body, 'scope')]).toEqual([200, 'user']);
  });

  test('works for a session whose refresh token travels in a cookie, and leaves the cookie alone', async () => {
    await logIn();
    const agent = await auth.agent();
    const { username, password } = user;
    const grant = await agent.post('/token').send({ username, password, refresh_transport: 'cookie' }).expect(200);
    auth.clock.advance(10 * MINUTE);
    const token = text(grant.body, 'access_token');
    const response = await agent.post('/token').set(bearing(token)).send({ grant_type: STEP_UP, password }).expect(200);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.body).not.toHaveProperty('refresh_token');
    const next = await agent.post('/token').send({ grant_type: 'refresh_token' }).expect(200);
    expect(claimsOf(next)).toMatchObject({ sid: claimsOf(response)['sid'], auth_time: seconds() });
  });

  test('returns 401 invalid_credentials for a wrong password, and changes nothing', async () => {
    await logIn();
    auth.clock.advance(10 * MINUTE);
    const loggedInAt = seconds() - 10 * MINUTE;
    for (const password of ['a wrong password', '', ` ${user.password}`]) {
      const response = await stepUp(session.accessToken, { password });
      expectProblem(response, 401, 'invalid_credentials', { detail: 'Incorrect username or password', oauth: 'invalid_grant' });
    }
    expect(await events(4)).toEqual([...Array.from({ length: 3 }, () => 'reauthentication.failed'), 'log_in.succeeded']);
    expect(claimsOf(await refresh(session.refreshToken))).toMatchObject({ auth_time: loggedInAt });
  });

  test('returns 401 authentication_required without a Bearer token, whatever the password', async () => {
    await logIn();
    const response = await auth.http().post('/token').send({ grant_type: STEP_UP, username: user.username, password: user.password });
    expectProblem(response, 401, 'authentication_required', { oauth: 'authentication_required' });
    const basic = await auth
      .http()
      .post('/token')
      .set('Authorization', 'Basic YTpi')
      .send({ grant_type: STEP_UP, password: user.password });
    expectProblem(basic, 401, 'authentication_required', { oauth: 'authentication_required' });
    expect(await events(1)).toEqual(['log_in.succeeded']);
  });

  test('returns 401 invalid_token for a token that is expired, revoked, unsigned or no access token', async () => {
    await logIn();
    const [header, payload] = session.accessToken.split('.');
    const { key } = await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] });
    const ended = await auth.session(user);
    await auth.http().post('/logout').set(bearing(ended.accessToken)).expect(204);
    for (const token of ['nonsense', `${header}.${payload}.`, session.refreshToken, key, ended.accessToken])
      expectProblem(await stepUp(token, { password: user.password }), 401, 'invalid_token', INVALID);
    auth.clock.advance(30 * MINUTE);
    expectProblem(await stepUp(session.accessToken, { password: user.password }), 401, 'invalid_token', INVALID);
  });

  test('returns 400 malformed_request for a Bearer header that can’t be read', async () => {
    await logIn();
    const response = await auth.http().post('/token').set('Authorization', 'Bearer').send({ grant_type: STEP_UP, password: user.password });
    expectProblem(response, 400, 'malformed_request', { oauth: 'invalid_request' });
  });

  test.each([
    ['without a password', {}, 'required'],
    ['with a password that is a number', { password: 5 }, 'type'],
    ['with a password that is a list', { password: ['x'] }, 'type'],
  ])('returns 422 validation_failed %s', async (_what, body, code) => {
    await logIn();
    const response = await stepUp(session.accessToken, body);
    expectProblem(response, 422, 'validation_failed', { errors: [['password', code]], oauth: 'invalid_request' });
  });

  test('returns 401 invalid_token for a user who was disabled or deleted, or given other roles', async () => {
    for (const change of [{ disabled: true }, { roles: ['user', 'editor'] }]) {
      await logIn();
      await auth.services.admin.change(user.id, change, OPERATOR);
      expectProblem(await stepUp(session.accessToken, { password: user.password }), 401, 'invalid_token', INVALID);
    }
    await logIn();
    await auth.services.admin.remove(user.id, OPERATOR);
    expectProblem(await stepUp(session.accessToken, { password: user.password }), 401, 'invalid_token', INVALID);
  });
});

describe('a step-up at the same time as', () => {
  test('refreshes loses neither: the newest token has the new generation and the new time', async () => {
    await logIn();
    auth.clock.advance(10 * MINUTE);
    const requests = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0 ? stepUp(session.accessToken, { password: user.password }) : refresh(session.refreshToken),
    );
    const responses = await Promise.all(requests);
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
    const successor = await refresh(session.refreshToken);
    expect(claimsOf(successor)).toMatchObject({ sid: session.id, refresh_counter: 2, auth_time: seconds() });
  });

  test.each<[string, () => PromiseLike<Response>, number]>([
    ['a log-out', () => auth.http().post('/logout').set(bearing(session.accessToken)), 204],
    ['a log-out of every session', () => auth.http().post('/logout?scope=all').set(bearing(session.accessToken)), 204],
    ['a revocation', () => auth.http().post('/revoke').send({ token: session.refreshToken }), 200],
  ])('%s gives nothing that is accepted afterwards', async (_what, end, status) => {
    for (let round = 0; round < 5; round += 1) {
      await logIn();
      const steps = Array.from({ length: 4 }, () => stepUp(session.accessToken, { password: user.password }));
      const [ended, ...stepped] = await Promise.all([end(), ...steps]);
      expect(ended.status).toBe(status);
      for (const response of stepped) {
        if (response.status === 200) {
          expectInvalidToken(
            await auth
              .http()
              .get('/users/me')
              .set(bearing(text(response.body, 'access_token'))),
          );
        } else expectProblem(response, 401, 'invalid_token', INVALID);
      }
      expectProblem(await refresh(session.refreshToken), 400, 'session_revoked', { oauth: 'invalid_grant' });
    }
  });

  test('a password change by another session gives nothing by the old password', async () => {
    await logIn();
    const other = await auth.token(user);
    const NEW = 'another passphrase altogether';
    const change = auth.http().put('/users/me/password').set(bearing(other)).send({ current_password: user.password, new_password: NEW });
    const [changed, stepped] = await Promise.all([change, stepUp(session.accessToken, { password: user.password })]);
    expect(changed.status).toBe(204);
    if (stepped.status === 200)
      expectInvalidToken(
        await auth
          .http()
          .get('/users/me')
          .set(bearing(text(stepped.body, 'access_token'))),
      );
    else expect(['invalid_token', 'invalid_credentials']).toContain(member(stepped.body, 'code'));
  });
});

describe('wrong passwords at a step-up', () => {
  let limited: TestApp;
  beforeAll(async () => {
    limited = await createTestApp({ RATE_LIMIT: 'on' });
  });
  afterAll(() => limited.close());

  test('count for the account together with those sent as current_password, and no request without a password clears them', async () => {
    const ada = await limited.createUser();
    const token = await limited.token(ada);
    const send = (password: string) => limited.http().post('/token').set(bearing(token)).send({ grant_type: STEP_UP, password });
    const change = (current_password: string) =>
      limited.http().put('/users/me/password').set(bearing(token)).send({ current_password, new_password: 'another passphrase' });
    for (let count = 0; count < 5; count += 1) {
      expect((await send('a wrong password')).status).toBe(401);
      expect((await change('a wrong password')).status).toBe(403);
      expect((await limited.http().post('/users/me/recovery-codes').set(bearing(token))).status).toBe(201);
    }
    expectProblem(await send(ada.password), 429, 'rate_limited', { oauth: 'invalid_request' });
    expectProblem(await change(ada.password), 429, 'rate_limited');
  });

  test('are forgotten after a right one', async () => {
    const ada = await limited.createUser();
    const token = await limited.token(ada);
    const send = (password: string) => limited.http().post('/token').set(bearing(token)).send({ grant_type: STEP_UP, password });
    for (let round = 0; round < 2; round += 1) {
      for (let count = 0; count < 9; count += 1) expect((await send('a wrong password')).status).toBe(401);
      expect((await send(ada.password)).status).toBe(200);
    }
  });
});
