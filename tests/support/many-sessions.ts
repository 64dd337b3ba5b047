import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Response } from 'supertest';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { OPERATOR } from '../../src/lib/actor.js';
import type { TestSession, TestUser } from '../../src/testing.js';
import { countWork, type Work } from './counted-work.js';
import { freshPlace } from './stored-app.js';
import { createTestApp, type TestApp } from './test-app.js';

/** SQL that copies a session so many times, each with an id of its own. */
const COPIES = {
  sqlite: {
    id: `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6)))`,
    numbers: 'WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $count)',
  },
  postgres: { id: 'gen_random_uuid()::text', numbers: 'WITH numbers (n) AS (SELECT generate_series(1, $count))' },
} as const;
const COPIED =
  'user_id, ip, user_agent, amr, acr, authenticated_at, counter, refused_through, replaced, rotated_at, version, created_at, last_used_at, expires_at, ends_at, ended_at, end_reason';

/** Gives the user of a session so many more like it. */
export async function copySession(database: Database, { id }: Pick<TestSession, 'id'>, count: number): Promise<void> {
  const { id: newId, numbers } = COPIES[database.target.dialect];
  // One statement of very many rows would take longer than PostgreSQL is given for an answer.
  for (let left = count; left > 0; left -= 5000) {
    const sql = `INSERT INTO auth_sessions (id, ${COPIED}) ${numbers} SELECT ${newId}, ${COPIED} FROM auth_sessions, numbers WHERE id = $id`;
    await database.sequelize.query(sql, { bind: { id, count: Math.min(left, 5000) } });
  }
}

interface Case extends TestUser {
  readonly session: TestSession;
}
type End = (auth: TestApp, user: Case, admin: string) => Promise<unknown>;

const NEW_PASSWORD = 'a passphrase that is new';
const bearing = (token: string): [string, string] => ['Authorization', `Bearer ${token}`];

/** Every way in which all sessions of a user end, or their access tokens become invalid. */
const ENDINGS: Readonly<Record<string, End>> = {
  'POST /logout?scope=all': (auth, { session }) =>
    auth
      .http()
      .post('/logout?scope=all')
      .set(...bearing(session.accessToken)),
  'DELETE /users/me/sessions': (auth, { session }) =>
    auth
      .http()
      .delete('/users/me/sessions')
      .set(...bearing(session.accessToken)),
  'PUT /users/me/password': (auth, { session, password }) =>
    auth
      .http()
      .put('/users/me/password')
      .set(...bearing(session.accessToken))
      .send({ current_password: password, new_password: NEW_PASSWORD }),
  'POST /password/reset': async (auth, { username }) => {
    const email = `${username}@example.com`;
    await auth.http().post('/password/forgot').send({ identifier: username });
    const token = (await auth.mails(email)).find((mail) => mail.purpose === 'password_reset')?.token;
    return auth.http().post('/password/reset').send({ token, new_password: NEW_PASSWORD });
  },
  'DELETE /users/me': (auth, { session, password }) =>
    auth
      .http()
      .delete('/users/me')
      .set(...bearing(session.accessToken))
      .send({ current_password: password }),
  'DELETE /admin/users/{id}': (auth, { id }, admin) =>
    auth
      .http()
      .delete(`/admin/users/${id}`)
      .set(...bearing(admin)),
  'DELETE /admin/users/{id}/sessions': (auth, { id }, admin) =>
    auth
      .http()
      .delete(`/admin/users/${id}/sessions`)
      .set(...bearing(admin)),
  'PATCH /admin/users/{id} that disables': (auth, { id }, admin) =>
    auth
      .http()
      .patch(`/admin/users/${id}`)
      .set(...bearing(admin))
      .send({ disabled: true }),
  'PATCH /admin/users/{id} that gives another role': (auth, { id }, admin) =>
    auth
      .http()
      .patch(`/admin/users/${id}`)
      .set(...bearing(admin))
      .send({ roles: ['user', 'editor'] }),
  'sessions revoke --user': ({ services }, { id }) => services.sessions.endAllNow(id, { reason: 'operator', by: OPERATOR }),
};

/** Endings that spare the session by which they are asked for. */
const SPARING: ReadonlySet<string> = new Set(['DELETE /users/me/sessions', 'PUT /users/me/password']);

/** Sessions that are ended in one piece. */
const SLICE = 500;
/** The revocations of two slices may be read at once, and jobs walk some elements meanwhile. */
const SLICES_AT_ONCE = 2.5;

/** Maximum ratio of a count for twice as many sessions: linear work has 2, quadratic work 4. */
const TWICE = 2.8;

/** Asserts of every ending that twice the sessions cost twice the work, in pieces that stay as they are. */
export function describeManySessions(count: number, timeout: number): void {
  describe(`Ending ${2 * count} sessions of one user`, () => {
    let auth: TestApp;
    let database: Database;
    let place: Awaited<ReturnType<typeof freshPlace>>;
    let admin: string;
    beforeAll(async () => {
      place = await freshPlace();
      const target = parseDatabaseUrl(place.url);
      if (target === undefined) throw new TypeError('not a database');
      database = createDatabase(target);
      auth = await createTestApp({ DATABASE_URL: place.url, SESSIONS_PER_USER: 0 }, { database });
      admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
    });
    afterAll(async () => {
      await auth.close();
      await place.drop();
    });

    const workOf = async (name: string, prefix: string, many: number): Promise<Work> => {
      const end = ENDINGS[name];
      if (end === undefined) throw new TypeError(name);
      const username = `${prefix}-${many}`;
      const user = await auth.createUser({ username, email: `${username}@example.com`, emailVerified: true });
      const session = await auth.session(user);
      await copySession(database, session, many);
      const work = await countWork(database, async () => {
        const ended = await end(auth, { ...user, session }, admin);
        if (isResponse(ended)) expect([200, 204]).toContain(ended.status);
      });
      expect(
        (
          await auth
            .http()
            .get('/users/me')
            .set(...bearing(session.accessToken))
        ).status,
      ).toBe(SPARING.has(name) ? 200 : 401);
      return work;
    };

    it.each(Object.keys(ENDINGS).map((name, index) => [name, `ending-${index}`] as const))(
      '%s does twice the work for twice the sessions, in pieces of one size',
      async (name, prefix) => {
        const once = await workOf(name, prefix, count);
        const twice = await workOf(name, prefix, 2 * count);
        expect(twice.statements / once.statements).toBeLessThan(TWICE);
        expect(twice.steps / once.steps).toBeLessThan(TWICE);
        // Neither a statement nor what is done between two turns of the event loop grows with the number of sessions.
        expect(twice.longestStatement).toBeLessThanOrEqual(once.longestStatement * 1.1);
        expect(twice.longestRun).toBeLessThan((SLICES_AT_ONCE * SLICE * twice.steps) / (2 * count));
      },
      timeout,
    );
  });
}

const isResponse = (value: unknown): value is Response => typeof value === 'object' && value !== null && 'status' in value;
