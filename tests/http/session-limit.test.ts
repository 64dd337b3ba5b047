import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestSession, TestUser } from '../../src/testing.js';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { member } from '../support/answers.js';
import { copySession } from '../support/many-sessions.js';
import { freshPlace } from '../support/stored-app.js';
import { tokensOf } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const LIMIT = 3;
/** Two services of one database have one. */
const ROOT_KEY = randomBytes(48).toString('base64url');
/** Of one log-in: see `ENDED_PER_LOG_IN`. */
const ENDED_PER_LOG_IN = 20;

describe('SESSIONS_PER_USER', () => {
  let place: Awaited<ReturnType<typeof freshPlace>>;
  let database: Database;
  let auth: TestApp;
  let user: TestUser;
  const start = async (limit: number): Promise<void> => {
    const target = parseDatabaseUrl(place.url);
    if (target === undefined) throw new TypeError('not a database');
    database = createDatabase(target);
    auth = await createTestApp({ DATABASE_URL: place.url, ROOT_KEY, SESSIONS_PER_USER: limit, DATABASE_QUEUE_LIMIT: 10_000 }, { database });
  };
  beforeEach(async () => {
    place = await freshPlace();
    await start(LIMIT);
    user = await auth.createUser();
  });
  afterEach(async () => {
    await auth.close();
    await place.drop();
  });

  const logIn = async (): Promise<TestSession> => {
    auth.clock.advance(1);
    return auth.session(user);
  };
  const refresh = async ({ refreshToken }: TestSession): Promise<void> => {
    auth.clock.advance(1);
    tokensOf(await auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token: refreshToken }));
  };
  const listed = async ({ accessToken }: TestSession): Promise<unknown[]> => {
    const response = await auth.http().get('/users/me/sessions?limit=100').set('Authorization', `Bearer ${accessToken}`);
    const data = member(response.body, 'data');
    return Array.isArray(data) ? data.map((one: unknown) => member(one, 'id')) : [];
  };
  const statusOf = async ({ accessToken }: TestSession): Promise<number> =>
    (await auth.http().get('/users/me').set('Authorization', `Bearer ${accessToken}`)).status;
  const limitEvents = async () =>
    (await auth.services.audit.list({ type: 'session.ended' }, { limit: 100 })).items.filter(
      ({ details }) => details['reason'] === 'limit',
    );
  const liveSessions = async (): Promise<number> => (await auth.services.sessions.list(user.id, { limit: 100 })).items.length;

  it('ends the session that was never refreshed first, then the least recently used one, never the new one', async () => {
    const [first, second, third] = [await logIn(), await logIn(), await logIn()];
    await refresh(first);
    await refresh(second);
    const fourth = await logIn();
    expect(await listed(fourth)).toEqual([fourth.id, second.id, first.id]);
    expect(await statusOf(third)).toBe(401);
    await refresh(fourth);
    const fifth = await logIn();
    expect(await listed(fifth)).toEqual([fifth.id, fourth.id, second.id]);
    expect(await auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token: first.refreshToken })).toMatchObject({
      status: 400,
      body: { code: 'session_revoked' },
    });
  });

  it('records each session that it ends with the reason limit, as the act of the user who logged in', async () => {
    const [first] = [await logIn(), await logIn(), await logIn()];
    expect(await limitEvents()).toEqual([]);
    await logIn();
    expect(await limitEvents()).toMatchObject([
      { userId: user.id, sessionId: first.id, actor: { kind: 'user', id: String(user.id) }, details: { reason: 'limit', sessions: 1 } },
    ]);
  });

  it('does not count sessions that have ended or expired, or those of another user', async () => {
    const kept = await logIn();
    await auth.session(await auth.createUser());
    const [ended] = [await logIn()];
    await auth.services.sessions.logOut(
      { caller: { kind: 'nobody' }, refreshToken: ended.refreshToken, client: { ip: null, userAgent: null, requestId: null } },
      'this',
    );
    await logIn();
    await logIn();
    expect(await statusOf(kept)).toBe(200);
    expect(await limitEvents()).toEqual([]);
  });

  it('holds when a user logs in many times at once', async () => {
    const sessions = await Promise.all(Array.from({ length: 12 }, () => auth.session(user)));
    const statuses = await Promise.all(sessions.map(statusOf));
    expect(statuses.filter((status) => status === 200)).toHaveLength(LIMIT);
    expect(await liveSessions()).toBe(LIMIT);
  });

  it('brings an account with very many sessions down by a bounded number for each log-in', async () => {
    await copySession(database, await logIn(), 60);
    const before = (await countLive()) - ENDED_PER_LOG_IN;
    await logIn();
    expect(await countLive()).toBe(before + 1);
    for (let logIns = 0; logIns < 3; logIns += 1) await logIn();
    expect(await countLive()).toBe(LIMIT);
  });

  const countLive = async (): Promise<number> => {
    const [rows] = await database.sequelize.query('SELECT COUNT(*) AS live FROM auth_sessions WHERE ended_at IS NULL');
    const [row] = rows;
    return typeof row === 'object' && row !== null && 'live' in row ? Number(row.live) : NaN;
  };

  it('is applied to every account by the job that prunes, in bounded transactions, with an event for each', async () => {
    const newest = await logIn();
    await copySession(database, newest, 1200);
    await auth.services.sessions.prune();
    expect(await countLive()).toBe(LIMIT);
    const events = await limitEvents();
    expect(events.map(({ details }) => Number(details['sessions'])).reduce((sum, one) => sum + one, 0)).toBe(1201 - LIMIT);
    for (const { actor, details } of events) {
      expect(actor.kind).toBe('system');
      expect(Number(details['sessions'])).toBeLessThanOrEqual(500);
    }
  });

  it('does not end sessions when it is 0', async () => {
    await auth.close();
    await start(0);
    user = await auth.createUser();
    await copySession(database, await logIn(), 200);
    await logIn();
    await auth.services.sessions.prune();
    expect(await countLive()).toBe(202);
  });
});

describe('A session in a list', () => {
  it('shows how its user authenticated, to the user and to an administrator', async () => {
    const auth = await createTestApp();
    const [user, admin] = [await auth.createUser(), await auth.createUser({ roles: ['user', 'admin'] })];
    const session = await auth.session(user);
    const [own, administered] = [
      await auth.http().get('/users/me/sessions').set('Authorization', `Bearer ${session.accessToken}`),
      await auth
        .http()
        .get(`/admin/users/${user.id}/sessions`)
        .set('Authorization', `Bearer ${await auth.token(admin)}`),
    ];
    expect(own.body).toMatchObject({ data: [{ id: session.id, current: true, amr: ['pwd'] }] });
    expect(administered.body).toMatchObject({ data: [{ id: session.id, current: false, amr: ['pwd'] }] });
    await auth.close();
  });
});
