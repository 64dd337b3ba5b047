import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import supertest, { type Response } from 'supertest';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { createTestAuth, type TestAuth, type TestSession, type TestUser } from '../../src/testing.js';
import { expectProblem, text } from '../support/answers.js';
import { eventually, sharedSettings } from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';
import { OPERATOR } from '../../src/lib/actor.js';

const UP = { status: 'up' };
const DOWN = { status: 'down' };

const REFUSE_UPDATES = {
  sqlite: ["CREATE TRIGGER refuse_updates BEFORE UPDATE ON auth_sessions BEGIN SELECT RAISE(ABORT, 'not now'); END"],
  postgres: [
    "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$ LANGUAGE plpgsql",
    'CREATE TRIGGER refuse_updates BEFORE UPDATE ON auth_sessions FOR EACH ROW EXECUTE FUNCTION refuse()',
  ],
} as const;

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('what was revoked, on %s,', (kind) => {
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  let auth: TestAuth;
  let user: TestUser;
  /** Another way to the database, as another process has it. */
  let outside: Database;
  beforeEach(async () => {
    target = await openTarget(kind);
    settings = sharedSettings(target.url);
    auth = await createTestAuth(settings);
    user = await auth.createUser();
    outside = createDatabase(target.target);
  });
  afterEach(async () => {
    await outside.close();
    await auth.close();
    await target.drop();
  });

  const http = () => supertest(auth.app);
  const me = (accessToken: string) => http().get('/users/me').set('Authorization', `Bearer ${accessToken}`);
  const refresh = (refresh_token: string) => http().post('/token').send({ grant_type: 'refresh_token', refresh_token });
  const logOut = async ({ accessToken }: Pick<TestSession, 'accessToken'>): Promise<void> => {
    await http().post('/logout').set('Authorization', `Bearer ${accessToken}`).expect(204);
  };
  const rename = async (from: string, to: string): Promise<void> => {
    await outside.sequelize.query(`ALTER TABLE ${from} RENAME TO ${to}`);
  };

  describe('where it can’t be known', () => {
    test('a good token gets 503 and never 200, the parts say why, and all heals by itself', async () => {
      const session = await auth.session(user);
      const service = await auth.services.serviceKeys.create({ name: 'a shop', scopes: ['introspect'] });
      const asking: readonly [() => PromiseLike<Response>, oauth?: string][] = [
        [() => me(session.accessToken)],
        [() => http().get('/verify-token').set('Authorization', `Bearer ${session.accessToken}`)],
        [() => http().get(`/verify-token/${session.accessToken}`)],
        [
          () => http().post('/introspect').set('Authorization', `Bearer ${service.key}`).send({ token: session.accessToken }),
          'temporarily_unavailable',
        ],
      ];
      await rename('auth_revocations', 'elsewhere');
      for (let round = 0; round < 3; round += 1) {
        auth.clock.advance(2);
        for (const [ask, oauth] of asking) expectProblem(await ask(), 503, 'unavailable', oauth === undefined ? {} : { oauth });
      }
      // A token that is not good is told so without it.
      expect((await me('nonsense')).status).toBe(401);
      expect((await http().get('/health/live')).status).toBe(200);
      expect(await http().get('/health/ready')).toMatchObject({
        status: 503,
        body: { code: 'unavailable', parts: { database: UP, hasher: UP, process: UP, revocations: DOWN } },
      });

      await rename('elsewhere', 'auth_revocations');
      for (const [ask] of asking) expect((await ask()).status).toBe(200);
      expect((await http().get('/health/ready')).status).toBe(200);
      await logOut(session);
      expect((await me(session.accessToken)).status).toBe(401);
    });

    test('what another process revoked meanwhile is refused from the first answer on', async () => {
      const session = await auth.session(user);
      const other = await createTestAuth(settings);
      await rename('auth_revocations', 'elsewhere');
      auth.clock.advance(2);
      expectProblem(await me(session.accessToken), 503, 'unavailable');
      await rename('elsewhere', 'auth_revocations');
      await other.services.sessions.end(user.id, session.id, { reason: 'log_out', by: OPERATOR });
      await other.close();
      auth.clock.advance(2);
      expect((await me(session.accessToken)).status).toBe(401);
    });

    test('a log-out that could not be written is 503, and has not half happened', async () => {
      const session = await auth.session(user);
      await rename('auth_revocations', 'elsewhere');
      const answer = await http().post('/logout').set('Authorization', `Bearer ${session.accessToken}`);
      expect(answer.status).toBeGreaterThanOrEqual(500);
      await rename('elsewhere', 'auth_revocations');
      expect((await me(session.accessToken)).status).toBe(200);
      expect((await refresh(session.refreshToken)).status).toBe(200);
    });
  });

  describe('a database that can be read and not written', () => {
    /** A session whose newest access token was not seen yet, and the refresh token before it. */
    const unseen = async () => {
      const session = await auth.session(user);
      auth.clock.advance(10);
      const body: unknown = (await refresh(session.refreshToken)).body;
      auth.clock.advance(10);
      return { old: session.refreshToken, newest: text(body, 'refresh_token'), access: text(body, 'access_token') };
    };
    const lastUsedAt = async (): Promise<number> => {
      const { items } = await auth.services.sessions.list(user.id, { limit: 1 });
      return items[0]?.last_used_at.getTime() ?? 0;
    };
    /** That the arrival is written, and what it was for. */
    const expectNoted = async ({ old, newest, access }: Awaited<ReturnType<typeof unseen>>, seenAt: number): Promise<void> => {
      await eventually(async () => (await lastUsedAt()) === seenAt);
      auth.clock.advance(31);
      expectProblem(await refresh(old), 400, 'refresh_token_reused', { oauth: 'invalid_grant' });
      expectProblem(await refresh(newest), 400, 'session_revoked', { oauth: 'invalid_grant' });
      expect((await me(access)).status).toBe(401);
    };

    test('as somebody else writes: whoever has a token is answered meanwhile, and what was seen is noted after it', async () => {
      const tokens = await unseen();
      await outside.transaction(async (transaction) => {
        if (kind === 'PostgreSQL') await outside.sequelize.query('LOCK TABLE auth_sessions IN EXCLUSIVE MODE', { transaction });
        expect((await me(tokens.access)).status).toBe(200);
        expect((await me(tokens.access)).status).toBe(200);
        expect((await http().get('/verify-token').set('Authorization', `Bearer ${tokens.access}`)).status).toBe(200);
      });
      await expectNoted(tokens, auth.clock.now());
    });

    test('as somebody else writes: a service is answered before a write gives up, and the use of its key is noted after it', async () => {
      const { key, id } = await auth.services.serviceKeys.create({ name: 'a shop', scopes: ['introspect'] });
      const session = await auth.session(user);
      const ask = () => http().post('/introspect').set('Authorization', `Bearer ${key}`).send({ token: session.accessToken });
      await outside.transaction(async (transaction) => {
        if (kind === 'PostgreSQL') await outside.sequelize.query('LOCK TABLE auth_service_keys, users IN EXCLUSIVE MODE', { transaction });
        const givenUp = http().post('/register').send({ username: 'in-vain', password: 'a password of my own' });
        const first = await Promise.race([Promise.all([ask(), ask(), ask()]), givenUp]);
        expect(Array.isArray(first) ? first.map(({ status }) => status) : first.status).toEqual([200, 200, 200]);
        expect((await givenUp).status).toBe(503);
      });
      const noted = async (): Promise<Date | null | undefined> =>
        (await auth.services.serviceKeys.list()).find((one) => one.id === id)?.last_used_at;
      auth.clock.advance(5 * 60);
      await eventually(async () => {
        await ask();
        return (await noted())?.getTime() === auth.clock.now();
      });
    });

    test('as writes fail: the same, and what was seen counts at once where it was seen', async () => {
      const tokens = await unseen();
      const seenAt = auth.clock.now();
      for (const statement of REFUSE_UPDATES[kind === 'PostgreSQL' ? 'postgres' : 'sqlite']) await outside.sequelize.query(statement);
      expect((await me(tokens.access)).status).toBe(200);
      auth.clock.advance(20);
      expect((await me(tokens.access)).status).toBe(200);
      expect((await refresh(tokens.old)).status).toBe(200);
      auth.clock.advance(11);
      // It would end the session, which can't be written either.
      expect((await refresh(tokens.old)).status).toBeGreaterThanOrEqual(500);
      expect(await lastUsedAt()).toBeLessThan(seenAt);

      await outside.sequelize.query(`DROP TRIGGER refuse_updates${kind === 'PostgreSQL' ? ' ON auth_sessions' : ''}`);
      await expectNoted(tokens, seenAt);
    });
  });
});
