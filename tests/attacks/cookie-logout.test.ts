import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, text } from '../support/answers.js';
import { callsOf, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const APP = 'https://app.example.com';
const NAME = '__Host-refresh_token';
const GONE = `${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`;

let auth: TestApp;
let calls: SessionCalls;
let user: TestUser;
let own: TestSession;
let other: TestSession;
beforeAll(async () => {
  auth = await createTestApp({ CORS_ORIGINS: APP });
  calls = await callsOf(auth);
  user = await auth.createUser();
});
afterAll(() => auth.close());
beforeEach(async () => {
  [own, other] = [await auth.session(user), await auth.session(user)];
});

const logOut = (headers: Record<string, string>, query = '') => auth.http().post(`/logout${query}`).set(headers);
const cookieOf = ({ refreshToken }: TestSession) => ({ Cookie: `${NAME}=${refreshToken}` });

describe('a log-out by cookie', () => {
  test.each([
    ['', true, false],
    ['?scope=all', true, true],
  ])('takes the cookie away, and leaves what other apps of the origin have stored (%s)', async (query, ...ends) => {
    const response = await logOut({ Origin: APP, ...cookieOf(own) }, query);
    expect([response.status, response.text]).toEqual([204, '']);
    expect(response.headers['set-cookie']).toEqual([GONE]);
    expect(response.headers).not.toHaveProperty('clear-site-data');
    for (const [index, session] of [own, other].entries()) {
      if (ends[index] === true) await calls.expectEnded(session);
      else await calls.expectAlive(session);
    }
  });

  test('clears what pages have kept where CLEAR_SITE_DATA is storage, with the cookie alone', async () => {
    const clearing = await createTestApp({ CORS_ORIGINS: APP, CLEAR_SITE_DATA: 'storage' });
    try {
      const { accessToken, refreshToken } = await clearing.session(await clearing.createUser());
      const clears = async (query: string, headers: Record<string, string>): Promise<unknown> =>
        (await clearing.http().post(`/logout${query}`).set(headers).expect(204)).headers['clear-site-data'];
      const byCookie = { Origin: APP, Cookie: `${NAME}=${refreshToken}` };
      expect(await clears('?scope=others', byCookie)).toBeUndefined();
      expect(await clears('?scope=others', { Authorization: `Bearer ${accessToken}` })).toBeUndefined();
      expect(await clears('', byCookie)).toBe('"storage"');
    } finally {
      await clearing.close();
    }
  });

  test('of all others leaves this one its cookie', async () => {
    const response = await logOut({ Origin: APP, ...cookieOf(own) }, '?scope=others');
    expect(response.status).toBe(204);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.headers).not.toHaveProperty('clear-site-data');
    await calls.expectEnded(other);
    await calls.expectAlive(own);
  });

  test('and Bearer together takes the cookie away too', async () => {
    const response = await logOut({ Origin: APP, Authorization: `Bearer ${own.accessToken}`, ...cookieOf(own) });
    expect([response.status, response.headers['set-cookie']]).toEqual([204, [GONE]]);
    await calls.expectEnded(own);
  });

  test.each([
    ['no Origin', {}],
    ['the Origin null', { Origin: 'null' }],
    ['another site', { Origin: 'https://evil.example' }],
    ['a subdomain', { Origin: 'https://sub.app.example.com' }],
    ['a Referer of ours', { Referer: `${APP}/` }],
  ])('with %s is refused, as another site’s page could have sent it, and ends nothing', async (_what, headers) => {
    for (const query of ['', '?scope=others', '?scope=all']) {
      const response = await logOut({ ...headers, ...cookieOf(own) }, query);
      expectProblem(response, 400, 'malformed_request');
      expect(response.headers).not.toHaveProperty('set-cookie');
      expect(response.headers).not.toHaveProperty('clear-site-data');
    }
    await calls.expectAlive(own);
  });

  test('and a refresh token in the body is refused, and ends nothing', async () => {
    for (const refresh_token of [own.refreshToken, other.refreshToken]) {
      const response = await logOut({ Origin: APP, ...cookieOf(own) }).send({ refresh_token });
      expectProblem(response, 400, 'malformed_request');
    }
    for (const session of [own, other]) await calls.expectAlive(session);
  });

  test('takes away a cookie whatever it holds, as the page has no other way to', async () => {
    const ended = await auth.session(user);
    await calls.revoke(ended.refreshToken);
    for (const value of ['x', `${own.refreshToken}x`, ended.refreshToken])
      for (const query of ['', '?scope=all']) {
        for (const bearer of [{}, { Authorization: 'Bearer x' }]) {
          const response = await logOut({ Origin: APP, Cookie: `${NAME}=${value}`, ...bearer }, query);
          expect([value, query, response.status, response.headers['set-cookie']]).toEqual([value, query, 204, [GONE]]);
        }
      }
    for (const session of [own, other]) await calls.expectAlive(session);
  });

  test('of all sessions by a token that was used before ends its own session', async () => {
    const next = await calls.refreshed(own.refreshToken);
    const last = await calls.refreshed(next.refreshToken);
    auth.clock.advance(31);
    expect((await logOut({ Origin: APP, ...cookieOf(own) }, '?scope=all')).status).toBe(204);
    await calls.expectEnded(last);
    await calls.expectAlive(other);
  });

  test('of all others by a cookie that is not good is 401, and leaves the cookie', async () => {
    const ended = await auth.session(user);
    await calls.revoke(ended.refreshToken);
    const dead = await logOut({ Origin: APP, ...cookieOf(ended) }, '?scope=others');
    expectInvalidToken(dead);
    const foreign = await logOut({ Origin: APP, Cookie: `${NAME}=x` }, '?scope=others');
    expectProblem(foreign, 401, 'authentication_required');
    for (const { headers } of [dead, foreign]) expect(headers).not.toHaveProperty('set-cookie');
  });

  test('by a foreign cookie from a page that is not listed is 401, and leaves the cookie', async () => {
    for (const headers of [{}, { Origin: 'https://evil.example' }]) {
      const response = await logOut({ ...headers, Cookie: `${NAME}=x` });
      expectProblem(response, 401, 'authentication_required');
      expect(response.headers).not.toHaveProperty('set-cookie');
    }
  });

  test('by a refresh token in the body beside a foreign cookie ends the session, and takes the cookie away', async () => {
    const response = await logOut({ Origin: APP, Cookie: `${NAME}=x` }).send({ refresh_token: own.refreshToken });
    expect([response.status, response.headers['set-cookie']]).toEqual([204, [GONE]]);
    await calls.expectEnded(own);
  });

  test('by a cookie of another name is one without a refresh token', async () => {
    expectProblem(await logOut({ Origin: APP, Cookie: `refresh_token=${own.refreshToken}` }), 401, 'authentication_required');
    await calls.expectAlive(own);
  });

  test('without a cookie clears nothing', async () => {
    const response = await logOut({ Origin: APP, Authorization: `Bearer ${own.accessToken}` });
    expect(response.status).toBe(204);
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.headers).not.toHaveProperty('clear-site-data');
  });
});

describe('the cookie', () => {
  test('opens no other address', async () => {
    const headers = { Origin: APP, ...cookieOf(own) };
    for (const path of ['/users/me', '/verify-token', '/users/me/sessions', '/revocations'])
      expectProblem(await auth.http().get(path).set(headers), 401, 'authentication_required');
    expectProblem(await auth.http().delete('/users/me/sessions').set(headers), 401, 'authentication_required');
    await auth.http().post('/revoke').set(headers).send({ token: 'x' }).expect(200);
    for (const session of [own, other]) await calls.expectAlive(session);
  });

  test('is carried by the kit’s agents: from the log-in through a refresh to the log-out', async () => {
    const agent = await auth.agent();
    const { username, password } = user;
    await agent.post('/token').send({ username, password, refresh_transport: 'cookie' }).expect(200);
    const bodies: unknown[] = [];
    for (const _again of [1, 2]) bodies.push((await agent.post('/token').send({ grant_type: 'refresh_token' }).expect(200)).body);
    for (const body of bodies) expect(await calls.isTaken('/users/me', text(body, 'access_token'))).toBe(true);
    await agent.post('/logout').expect(204);
    expect(await calls.isTaken('/users/me', text(bodies[1], 'access_token'))).toBe(false);
    await agent.post('/token').send({ grant_type: 'refresh_token' }).expect(401);
    await agent.post('/logout').expect(401);
  });

  test('of an agent is not another agent’s', async () => {
    const [agent, stranger] = [await auth.agent(), await auth.agent()];
    const { username, password } = user;
    await agent.post('/token').send({ username, password, refresh_transport: 'cookie' }).expect(200);
    await stranger.post('/token').send({ grant_type: 'refresh_token' }).expect(401);
  });
});
