import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, member } from '../support/answers.js';
import { callsOf, EVERYWHERE, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const HOUR = 3600;
const ORIGIN = 'http://localhost:3000';

let auth: TestApp;
let calls: SessionCalls;
let user: TestUser;
let anotherUser: TestUser;
let own: TestSession;
let other: TestSession;
let stranger: TestSession;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
  [user, anotherUser] = [await auth.createUser(), await auth.createUser()];
});
afterAll(() => auth.close());
beforeEach(async () => {
  [own, other] = [await auth.session(user), await auth.session(user)];
  stranger = await auth.session(anotherUser);
});

const logOut = (query = '') => auth.http().post(`/logout${query}`);
const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const withCookie = (token: string) => ({ Cookie: `__Host-refresh_token=${token}`, Origin: ORIGIN });
const expectDone = (response: Response): void => {
  expect([response.status, response.text]).toEqual([204, '']);
};

describe('a log-out takes effect on the very next request', () => {
  const WHO: [string, (query: string) => Promise<Response>][] = [
    ['an access token', (query) => logOut(query).set(bearing(own.accessToken))],
    ['a refresh token in the body', (query) => logOut(query).send({ refresh_token: own.refreshToken })],
    [
      'a refresh token in the body, and a Bearer that is not valid',
      (query) => logOut(query).set(bearing('x')).send({ refresh_token: own.refreshToken }),
    ],
    ['a refresh token in the cookie', (query) => logOut(query).set(withCookie(own.refreshToken))],
    [
      'an old refresh token in the body, within its grace',
      async (query) => {
        const { refreshToken } = own;
        own = { ...own, ...(await calls.refreshed(refreshToken)) };
        return logOut(query).send({ refresh_token: refreshToken });
      },
    ],
  ];
  const SCOPES: [string, string, boolean, boolean][] = [
    ['this one, where nothing is said', '', true, false],
    ['this one', '?scope=this', true, false],
    ['all others', '?scope=others', false, true],
    ['all', '?scope=all', true, true],
  ];
  const CASES = WHO.flatMap(([who, call], index) =>
    SCOPES.slice(index === 0 ? 0 : 1).map(([which, query, ...ends]): [string, string, typeof call, string, boolean[]] => [
      who,
      which,
      call,
      query,
      ends,
    ]),
  );

  test.each(CASES)('by %s: of %s', async (_who, _which, call, query, ends) => {
    expectDone(await call(query));
    for (const [index, session] of [own, other].entries()) {
      if (ends[index] === true) await calls.expectEnded(session);
      else await calls.expectAlive(session);
    }
    expect(await calls.isTaken('/users/me', stranger.accessToken)).toBe(true);
  });

  test.each(SCOPES)(
    'by a refresh token in the cookie, where the access token beside it has expired: of %s',
    async (_which, query, ...ends) => {
      auth.clock.advance(HOUR);
      expectDone(await logOut(query).set({ ...bearing(own.accessToken), ...withCookie(own.refreshToken) }));
      for (const [index, session] of [own, other].entries()) {
        if (ends[index] === true) await calls.expectEnded(session);
        else await calls.expectAlive(await calls.refreshed(session.refreshToken));
      }
    },
  );

  test('a session may be logged out once more by its refresh token, which is answered alike', async () => {
    for (const _again of [1, 2]) expectDone(await logOut().send({ refresh_token: own.refreshToken }));
    await calls.expectEnded(own);
  });
});

describe('a log-out by', () => {
  test('nobody is 401 without an error code', async () => {
    for (const query of ['', '?scope=others', '?scope=all']) {
      for (const response of [await logOut(query), await logOut(query).send({}), await logOut(query).send({ refresh_token: '' })]) {
        expectProblem(response, 401, 'authentication_required');
        expect(response.headers['www-authenticate']).toBe('Bearer');
      }
    }
  });

  test('a Bearer or a refresh token that is not valid is 401 invalid_token', async () => {
    const ended = await auth.session(user);
    await calls.revoke(ended.refreshToken);
    for (const token of ['x', ended.accessToken, own.refreshToken, calls.serviceKey, `${own.accessToken}x`])
      expectInvalidToken(await logOut('?scope=all').set(bearing(token)));
    for (const refresh_token of ['x', own.accessToken, `${own.refreshToken}x`, calls.serviceKey])
      expectInvalidToken(await logOut('?scope=all').send({ refresh_token }));
    for (const query of ['?scope=all', '?scope=others'])
      expectInvalidToken(await logOut(query).send({ refresh_token: ended.refreshToken }));
    for (const session of [own, other]) await calls.expectAlive(session);
  });

  test('a refresh token that would end its session as reused ends nobody else’s', async () => {
    const successor = await calls.refreshed(own.refreshToken);
    await calls.isTaken('/users/me', successor.accessToken);
    auth.clock.advance(31);
    for (const query of ['?scope=all', '?scope=others']) expectInvalidToken(await logOut(query).send({ refresh_token: own.refreshToken }));
    expect(await calls.whereTaken(other.accessToken)).toEqual(EVERYWHERE);
  });

  test.each(['', '?scope=others', '?scope=all'])(
    'somebody else’s Bearer with the victim’s refresh token ends nothing of the victim (%s)',
    async (query) => {
      for (const further of [{ refresh_token: own.refreshToken }, {}]) {
        const attacker = await auth.token(anotherUser);
        const headers = { ...bearing(attacker), ...('refresh_token' in further ? {} : withCookie(own.refreshToken)) };
        expectDone(await logOut(query).set(headers).send(further));
      }
      for (const session of [own, other]) await calls.expectAlive(session);
    },
  );

  test.each([
    ['everything', ['not_allowed']],
    ['ALL', ['not_allowed']],
    ['', ['not_allowed', 'too_short']],
    ['this&scope=all', ['not_allowed', 'type']],
  ])('a scope "%s" breaks a rule and ends nothing', async (scope, codes) => {
    const response = await logOut(`?scope=${scope}`).set(bearing(own.accessToken));
    expectProblem(response, 422, 'validation_failed', { errors: codes.map((code) => ['scope', code]) });
    for (const session of [own, other]) await calls.expectAlive(session);
  });

  test('a token in the query, in a form or in another member ends nothing', async () => {
    expectProblem(await logOut(`?refresh_token=${own.refreshToken}`), 401, 'authentication_required');
    expectProblem(await logOut(`?access_token=${own.accessToken}`), 400, 'malformed_request');
    expectProblem(await logOut().type('form').send(`refresh_token=${own.refreshToken}`), 415, 'unsupported_media_type');
    expectProblem(await logOut().send({ token: own.refreshToken }), 422, 'validation_failed', { errors: [['token', 'unknown']] });
    const twice = await logOut().set(bearing(own.accessToken)).send({ access_token: own.accessToken });
    expectProblem(twice, 400, 'malformed_request');
    await calls.expectAlive(own);
  });

  test('GET, as a link or an image would send it, is 405 and ends nothing', async () => {
    expectProblem(await auth.http().get('/logout?scope=all').set(bearing(own.accessToken)), 405, 'method_not_allowed');
    await calls.expectAlive(own);
  });
});

describe('ending one session by its id', () => {
  const end = (id: string, by: TestSession) => auth.http().delete(`/users/me/sessions/${id}`).set(bearing(by.accessToken));
  const expectNotFound = (response: Response): void => {
    expectProblem(response, 404, 'not_found');
  };

  test('another one of one’s own ends that one alone, and once', async () => {
    expectDone(await end(other.id, own));
    await calls.expectEnded(other);
    expectNotFound(await end(other.id, own));
    await calls.expectAlive(own);
  });

  test('the one that asks ends it: the very next request is refused', async () => {
    expectDone(await end(own.id, own));
    expectInvalidToken(await end(own.id, own));
    await calls.expectEnded(own);
    await calls.expectAlive(other);
  });

  test('another user’s is not found, as if it were not there, and goes on', async () => {
    const absent = '00000000-0000-4000-8000-000000000000';
    const [theirs, nobodys] = [await end(stranger.id, own), await end(absent, own)];
    for (const response of [theirs, nobodys]) expectNotFound(response);
    expect(member(theirs.body, 'detail')).toBe(member(nobodys.body, 'detail'));
    await calls.expectAlive(stranger);
  });

  const MALFORMED = ['x', '%00', '%25', "'%20OR%20'1'='1", '*', '..%2F..', '%F0%9F%99%82', 'null', '__proto__', 'x'.repeat(5000)];
  test.each(MALFORMED)('an id like "%.20s" is not found, and ends nothing', async (id) => {
    expectNotFound(await end(id, own));
    await calls.expectAlive(own);
  });

  test('its id in capitals is the same id (RFC 9562 §4)', async () => {
    expect((await end(other.id.toUpperCase(), own)).status).toBe(204);
    await calls.expectEnded(other);
  });

  test('its id spelled another way is not found', async () => {
    for (const id of [other.id.replaceAll('-', ''), `${other.id}%20`, `%20${other.id}`, `{${other.id}}`, `${other.id}%00`])
      expectNotFound(await end(id, own));
    await calls.expectAlive(other);
  });

  test('a session that has expired is not found', async () => {
    auth.clock.advance(30 * 24 * HOUR);
    expectNotFound(await end(other.id, await auth.session(user)));
  });
});
