import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { expectInvalidToken, expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import type { TestSession, TestUser } from '../../src/testing.js';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('where a user is logged in', () => {
  let auth: TestApp;
  let user: TestUser;
  beforeAll(async () => {
    auth = await createTestApp();
  });
  beforeEach(async () => {
    user = await auth.createUser();
  });
  afterAll(() => auth.close());

  const list = (session: TestSession, query = '') =>
    auth.http().get(`/users/me/sessions${query}`).set('Authorization', `Bearer ${session.accessToken}`);
  const dataOf = (body: unknown): unknown[] => {
    const data = member(body, 'data');
    return Array.isArray(data) ? data : [];
  };
  const idsOf = (body: unknown): string[] => dataOf(body).map((item) => text(item, 'id'));

  test('a log-in is a session, told with its device, its address and its times', async () => {
    const { username, password } = user;
    const body: unknown = (await auth.http().post('/token').set('User-Agent', 'Browser/1.0').send({ username, password })).body;
    const response = await auth
      .http()
      .get('/users/me/sessions')
      .set('Authorization', `Bearer ${text(body, 'access_token')}`);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toEqual({
      data: [
        {
          id: expect.stringMatching(ID),
          current: true,
          ip: '127.0.0.1',
          user_agent: 'Browser/1.0',
          amr: ['pwd'],
          created_at: new Date(auth.clock.now()).toISOString(),
          last_used_at: expect.stringMatching(TIME),
          expires_at: new Date(auth.clock.now() + 30 * 86_400_000).toISOString(),
        },
      ],
      next_cursor: null,
    });
    expect(response.text).not.toContain(text(body, 'refresh_token').split('.')[2]);
  });

  test('a refresh moves its last use and its end, and tells the device that it is at now', async () => {
    const session = await auth.session(user);
    auth.clock.advance(3600);
    const refreshed = await auth
      .http()
      .post('/token')
      .set('User-Agent', 'Browser/2.0')
      .send({ grant_type: 'refresh_token', refresh_token: session.refreshToken });
    const response = await auth
      .http()
      .get('/users/me/sessions')
      .set('Authorization', `Bearer ${text(refreshed.body, 'access_token')}`);
    const now = auth.clock.now();
    expect(dataOf(response.body)).toEqual([
      expect.objectContaining({
        id: session.id,
        user_agent: 'Browser/2.0',
        created_at: new Date(now - 3_600_000).toISOString(),
        last_used_at: new Date(now).toISOString(),
        expires_at: new Date(now + 30 * 86_400_000).toISOString(),
      }),
    ]);
  });

  test('each sees their own sessions, newest first, and which one asks', async () => {
    const other = await auth.session(await auth.createUser());
    const sessions: TestSession[] = [];
    for (let count = 0; count < 3; count += 1) {
      auth.clock.advance(1);
      sessions.push(await auth.session(user));
    }
    const [first, second, third] = sessions;
    if (!first || !second || !third) throw new TypeError('three were made');
    const response = await list(second);
    expect(idsOf(response.body)).toEqual([third.id, second.id, first.id]);
    expect(dataOf(response.body).map((item) => member(item, 'current'))).toEqual([false, true, false]);
    expect(idsOf((await list(other)).body)).toEqual([other.id]);
  });

  test('a session that has ended or expired is not in the list', async () => {
    const expired = await auth.session(user);
    auth.clock.advance(30 * 86_400);
    const [ended, live] = [await auth.session(user), await auth.session(user)];
    await auth.http().post('/logout').set('Authorization', `Bearer ${ended.accessToken}`).expect(204);
    expect(idsOf((await list(live)).body)).toEqual([live.id]);
    expect(expired.id).not.toBe(live.id);
  });

  test('the list can be walked piece by piece, also where sessions were opened in the same moment', async () => {
    const sessions = [];
    for (let count = 0; count < 5; count += 1) sessions.push(await auth.session(user));
    const [session] = sessions;
    if (!session) throw new TypeError('five were made');
    const seen: string[] = [];
    let query = '?limit=2';
    for (let pieces = 0; pieces < 3; pieces += 1) {
      const body: unknown = (await list(session, query)).body;
      seen.push(...idsOf(body));
      const next = member(body, 'next_cursor');
      query = typeof next === 'string' ? `?limit=2&cursor=${next}` : '';
    }
    expect(query).toBe('');
    expect(seen).toHaveLength(5);
    expect(new Set(seen)).toEqual(new Set(sessions.map(({ id }) => id)));
  });

  test('the list has 20 items if nothing is said, and 100 at most', async () => {
    const session = await auth.session(user);
    for (let count = 0; count < 21; count += 1) await auth.session(user);
    const body: unknown = (await list(session)).body;
    expect([idsOf(body).length, typeof member(body, 'next_cursor')]).toEqual([20, 'string']);
    const whole: unknown = (await list(session, '?limit=100')).body;
    expect([idsOf(whole).length, member(whole, 'next_cursor')]).toEqual([22, null]);
  });

  test.each(['0', '101', '-1', '1.5', '1e1', ' 5', 'all', '0x5'])('a limit of "%s" breaks a rule', async (limit) => {
    const response = await list(await auth.session(user), `?limit=${encodeURIComponent(limit)}`);
    expectProblem(response, 422, 'validation_failed', { errors: [['limit', 'format']] });
  });

  test('a limit that is sent twice breaks a rule', async () => {
    const response = await list(await auth.session(user), '?limit=1&limit=2');
    expectProblem(response, 422, 'validation_failed', { errors: [['limit', 'type']] });
  });

  test.each(['nonsense', '%00', 'MTIz', 'bm90IGEgdGltZSB4'])('a cursor that is not ours ("%s") breaks a rule', async (cursor) => {
    const response = await list(await auth.session(user), `?cursor=${cursor}`);
    expectProblem(response, 422, 'validation_failed', { errors: [['cursor', 'format']] });
  });

  test('ending all others leaves the one that asks', async () => {
    const [here, there] = [await auth.session(user), await auth.session(user)];
    const stranger = await auth.session(await auth.createUser());
    const response = await auth.http().delete('/users/me/sessions').set('Authorization', `Bearer ${here.accessToken}`);
    expect([response.status, response.text]).toEqual([204, '']);
    expect(idsOf((await list(here)).body)).toEqual([here.id]);
    expectInvalidToken(await list(there));
    expect((await list(stranger)).status).toBe(200);
  });
});

describe('the life of a session', () => {
  const refresh = (auth: TestApp, refresh_token: string) => auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token });

  test('its idle and absolute ends are settings, and the answers tell the nearer one', async () => {
    const auth = await createTestApp({ REFRESH_TOKEN_EXPIRE_DAYS: 2, SESSION_MAX_DAYS: 3 });
    const { username, password } = await auth.createUser();
    const first: unknown = (await auth.http().post('/token').send({ username, password })).body;
    expect(member(first, 'refresh_expires_in')).toBe(2 * 86_400);
    auth.clock.advance(2 * 86_400 - 1);
    const second: unknown = (await refresh(auth, text(first, 'refresh_token'))).body;
    expect(member(second, 'refresh_expires_in')).toBe(86_400 + 1);
    auth.clock.advance(86_400);
    const third: unknown = (await refresh(auth, text(second, 'refresh_token'))).body;
    expect([member(third, 'refresh_expires_in'), member(third, 'expires_in')]).toEqual([1, 1]);
    auth.clock.advance(1);
    expectProblem(await refresh(auth, text(third, 'refresh_token')), 400, 'invalid_grant', { oauth: 'invalid_grant' });
    expectInvalidToken(
      await auth
        .http()
        .get('/users/me')
        .set('Authorization', `Bearer ${text(third, 'access_token')}`),
    );
    await auth.close();
  });
});
