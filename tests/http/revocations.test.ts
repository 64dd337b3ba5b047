import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TestSession, TestUser } from '../../src/testing.js';
import { expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { OPERATOR } from '../../src/lib/actor.js';

const LIFE_SECONDS = 1800;
const MOMENT = 0.001;

let auth: TestApp;
let serviceKey: string;
let user: TestUser;
let session: TestSession;
beforeAll(async () => {
  auth = await createTestApp();
  serviceKey = (await auth.services.serviceKeys.create({ name: 'a resource server', scopes: ['introspect'] })).key;
});
beforeEach(async () => {
  user = await auth.createUser();
  session = await auth.session(user);
});
afterAll(() => auth.close());

const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });

describe('GET /revocations', () => {
  const ask = (query = '') => auth.http().get(`/revocations${query}`).set(bearing(serviceKey));
  const sidsIn = (body: unknown): string[] => {
    const data = member(body, 'data');
    return Array.isArray(data) ? data.map((one: unknown) => text(one, 'sid')) : [];
  };
  /** Where the list ends now. */
  const end = async (): Promise<string> => {
    let cursor = text((await ask('?limit=100')).body, 'next_cursor');
    for (;;) {
      const next = text((await ask(`?limit=100&since=${cursor}`)).body, 'next_cursor');
      if (next === cursor) return cursor;
      cursor = next;
    }
  };
  const revoked = async (): Promise<string> => {
    const one = await auth.session(user);
    await auth.http().post('/revoke').send({ token: one.refreshToken }).expect(200);
    return one.id;
  };

  test('tells a session that has ended, when it did, and by when its last access token has expired', async () => {
    const since = await end();
    const sid = await revoked();
    const now = auth.clock.now();
    const response = await ask(`?since=${since}`);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toEqual({
      data: [{ sid, revoked_at: new Date(now).toISOString(), expires_at: new Date(now + LIFE_SECONDS * 1000).toISOString() }],
      next_cursor: expect.stringMatching(/./),
    });
  });

  test('tells every session that a log-out of all has ended, and none that has ended before', async () => {
    const gone = await revoked();
    const since = await end();
    const sessions = [session, await auth.session(user), await auth.session(user)];
    await auth.http().post('/logout?scope=all').set(bearing(session.accessToken)).expect(204);
    const sids = sidsIn((await ask(`?since=${since}`)).body);
    expect(sids.sort()).toEqual(sessions.map(({ id }) => id).sort());
    expect(sids).not.toContain(gone);
  });

  test('a change of roles is told with the counter up to which access tokens are refused', async () => {
    const since = await end();
    await auth.services.admin.change(user.id, { roles: ['admin'] }, OPERATOR);
    const body: unknown = (await ask(`?since=${since}`)).body;
    expect(member(body, 'data')).toEqual([expect.objectContaining({ sid: session.id, through: 1 })]);
  });

  test.each([1, 2, 3, 100])('can be walked %i at a time, each told once and in order', async (limit) => {
    let cursor = await end();
    const made = [];
    for (let count = 0; count < 5; count += 1) made.push(await revoked());
    const seen: string[] = [];
    for (let pages = 0; pages < 6; pages += 1) {
      const body: unknown = (await ask(`?limit=${limit}&since=${cursor}`)).body;
      expect(sidsIn(body).length).toBeLessThanOrEqual(limit);
      seen.push(...sidsIn(body));
      cursor = text(body, 'next_cursor');
    }
    expect(seen).toEqual(made);
    const later = await revoked();
    expect(sidsIn((await ask(`?since=${cursor}`)).body)).toEqual([later]);
  });

  test('where there is nothing new the cursor stays, and is a string', async () => {
    const cursor = await end();
    expect((await ask(`?since=${cursor}`)).body).toEqual({ data: [], next_cursor: cursor });
    const empty = await createTestApp();
    const { key } = await empty.services.serviceKeys.create({ name: 'first', scopes: ['introspect'] });
    const body: unknown = (await empty.http().get('/revocations').set(bearing(key))).body;
    expect(body).toEqual({ data: [], next_cursor: expect.any(String) });
    expect(
      (
        await empty
          .http()
          .get(`/revocations?since=${text(body, 'next_cursor')}`)
          .set(bearing(key))
      ).body,
    ).toEqual(body);
    await empty.close();
  });

  test('a session is told while an access token of it may live, and not for long after', async () => {
    const since = await end();
    const sid = await revoked();
    auth.clock.advance(LIFE_SECONDS - MOMENT);
    for (const query of ['?limit=100', `?since=${since}`]) expect(sidsIn((await ask(query)).body)).toContain(sid);
    // A minute more, for clocks that differ.
    auth.clock.advance(60 + MOMENT);
    for (const query of ['?limit=100', `?since=${since}`]) {
      const body: unknown = (await ask(query)).body;
      expect(sidsIn(body)).toEqual([]);
      expect(text(body, 'next_cursor')).toMatch(/./);
    }
  });

  test.each(['nonsense', '-1', '1.5', '1e3', '0x1', '\0', ' ', "1'--", '9'.repeat(40), '１'])(
    'a cursor "%s" is not ours',
    async (since) => {
      expectProblem(await ask(`?since=${encodeURIComponent(since)}`), 422, 'validation_failed', { errors: [['since', 'format']] });
    },
  );

  test('an empty cursor, or two, or a limit that is none, break a rule', async () => {
    for (const [query, path] of [
      ['?since=', 'since'],
      ['?since=1&since=2', 'since'],
      ['?limit=0', 'limit'],
      ['?limit=101', 'limit'],
      ['?limit=x', 'limit'],
    ] as const) {
      const response = await ask(query);
      expect(response.status).toBe(422);
      expect(response.text).toContain(`"path":"${path}"`);
    }
  });
});
