import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { createModels, type Models } from '../../src/models/index.js';
import { createTestAuth, type TestAuth, type TestSession, type TestUser } from '../../src/testing.js';
import { CLIENT } from '../support/client.js';
import { sharedSettings } from '../support/service-process.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';
import { OPERATOR } from '../../src/lib/actor.js';

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** What ended is kept so long. */
const KEPT_MS = 7 * DAY_MS;

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('pruning, on %s,', (kind) => {
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  let clock: MovableClock;
  let auth: TestAuth;
  let user: TestUser;
  let outside: Database;
  let models: Models;
  beforeEach(async () => {
    target = await openTarget(kind);
    settings = sharedSettings(target.url);
    clock = movableClock(Date.UTC(2026, 5, 1, 12));
    auth = await createTestAuth(settings, { clock });
    user = await auth.createUser();
    outside = createDatabase(target.target);
    models = createModels(outside.sequelize);
  });
  afterEach(async () => {
    await outside.close();
    await auth.close();
    await target.drop();
  });

  /** A session that ended, or will, so long ago: by its log-out, or for want of a refresh. */
  const row = (endedMsAgo: number, { loggedOut }: { loggedOut: boolean }) => {
    const ended = new Date(clock.now() - endedMsAgo);
    const opened = new Date(clock.now() - 60 * DAY_MS);
    return {
      id: randomUUID(),
      user_id: user.id,
      ip: null,
      user_agent: null,
      amr: ['pwd'],
      counter: 1,
      refused_through: 0,
      replaced: [],
      rotated_at: opened,
      version: 1,
      created_at: opened,
      last_used_at: opened,
      expires_at: ended,
      ends_at: new Date(clock.now() + 30 * DAY_MS),
      ended_at: loggedOut ? ended : null,
      end_reason: loggedOut ? 'log_out' : null,
    };
  };
  const revocation = (msAgo: number) => ({ session_id: randomUUID(), through: null, revoked_at: new Date(clock.now() - msAgo) });
  /** Prunes to the end; how many batches that took. */
  const prune = async (): Promise<number> => {
    let batches = 1;
    while (await auth.services.sessions.prune()) batches += 1;
    return batches;
  };
  const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id).sort();
  const sessionsOf = (rows: readonly { session_id: string }[]): string[] => rows.map(({ session_id }) => session_id).sort();

  test('removes what ended more than seven days ago and nothing else, batch by batch', async () => {
    const kept = [KEPT_MS, KEPT_MS - 1, DAY_MS, 0, -1, -30 * DAY_MS].flatMap((msAgo) =>
      [true, false].map((loggedOut) => row(msAgo, { loggedOut })),
    );
    const over = Array.from({ length: 2300 }, (_, index) => row(KEPT_MS + 1 + index, { loggedOut: index % 2 === 0 }));
    const keptRevocations = [KEPT_MS, KEPT_MS - 1, DAY_MS, 0].map(revocation);
    const oldRevocations = Array.from({ length: 1200 }, (_, index) => revocation(KEPT_MS + 1 + index));
    await models.Session.bulkCreate([...over, ...kept]);
    await models.Revocation.bulkCreate([...oldRevocations, ...keptRevocations]);

    expect(await prune()).toBe(3);
    expect(idsOf(await models.Session.findAll())).toEqual(idsOf(kept));
    expect(sessionsOf(await models.Revocation.findAll())).toEqual(sessionsOf(keptRevocations));
    expect(await prune()).toBe(1);
    expect(await models.Session.count()).toBe(kept.length);
  });

  const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
    asking.then(
      () => 'taken',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );
  const access = ({ accessToken }: TestSession) => codeOf(auth.services.sessions.authenticate(accessToken));
  const refresh = ({ refreshToken }: TestSession) => codeOf(auth.services.sessions.refresh(refreshToken, CLIENT));
  const passDays = (days: number): void => {
    clock.advance((days * DAY_MS) / SECOND_MS);
  };

  test('brings nothing back that was revoked, neither here nor after a restart, and ends nothing that lives', async () => {
    const [revoked, lives] = [await auth.session(user), await auth.session(user)];
    await auth.services.sessions.end(user.id, revoked.id, { reason: 'log_out', by: OPERATOR });
    passDays(6);
    await prune();
    expect([await access(revoked), await refresh(revoked)]).toEqual(['invalid_token', 'session_revoked']);
    passDays(1.5);
    await prune();
    expect(await models.Session.count()).toBe(1);
    expect(await models.Revocation.count()).toBe(0);
    const gone = ['invalid_token', 'invalid_grant'];
    expect([await access(revoked), await refresh(revoked)]).toEqual(gone);

    // The first one after all others were removed is told from them.
    const next = await auth.session(user);
    const other = await createTestAuth(settings, { clock });
    await other.services.sessions.end(user.id, next.id, { reason: 'log_out', by: OPERATOR });
    await other.close();
    clock.advance(2);
    expect(await access(next)).toBe('invalid_token');

    await auth.close();
    auth = await createTestAuth(settings, { clock });
    expect([await access(revoked), await refresh(revoked)]).toEqual(gone);
    expect([await access(next), await refresh(next)]).toEqual(['invalid_token', 'session_revoked']);
    expect(await refresh(lives)).toBe('taken');
  });
});
