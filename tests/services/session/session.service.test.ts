import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Caller, OPERATOR } from '../../../src/lib/actor.js';
import { createRoles } from '../../../src/lib/roles.js';
import type { Session } from '../../../src/models/session.model.js';
import { createLogger } from '../../../src/observability/logger.js';
import { type AuditService, createAuditService } from '../../../src/services/audit/audit.service.js';
import { createSecretKeys } from '../../../src/services/key/secret-keys.js';
import { createRevocations } from '../../../src/services/session/revocations.js';
import { createSessionService, type Grant, type SessionService } from '../../../src/services/session/session.service.js';
import { createTokenService } from '../../../src/services/token.service.js';
import { CLIENT } from '../../support/client.js';
import { openStoredUsers, type StoredUsers } from '../../support/stored-users.js';

const ROOT_KEY = 'k'.repeat(64);
const HOUR = 3600;
const DAY = 24 * HOUR;
const LIFETIME = 1800;
const WHY = { reason: 'operator', by: OPERATOR } as const;
const REVOKED = { code: 'session_revoked' };

let stored: StoredUsers;
let audit: AuditService;
let sessions: SessionService;
let log: string[];

/** The service as a process would have it. */
async function startSessions(): Promise<SessionService> {
  const { database, models, clock } = stored;
  const revocations = createRevocations({ model: models.Revocation, database, clock, lifetimeSeconds: LIFETIME });
  await revocations.load();
  const keys = {
    algorithm: 'HS256',
    ...createSecretKeys({ algorithm: 'HS256', secretKey: 's'.repeat(64), previousSecretKey: undefined }),
  } as const;
  return createSessionService({
    models,
    database,
    revocations,
    audit,
    clock,
    tokens: createTokenService({
      keys,
      clock,
      settings: { issuer: 'https://auth.example.com', audience: 'shop', lifetimeSeconds: LIFETIME },
    }),
    rootKey: ROOT_KEY,
    roles: createRoles({ user: [], admin: [] }),
    settings: { idleSeconds: 7 * DAY, longestSeconds: 30 * DAY },
    logger: createLogger({ level: 'trace', readable: false, destination: { write: (line) => log.push(line) } }),
  });
}

beforeEach(async () => {
  stored = await openStoredUsers();
  log = [];
  const { database, models, clock } = stored;
  audit = createAuditService({ models, database, clock, rootKey: ROOT_KEY, retentionDays: 0 });
  sessions = await startSessions();
});
afterEach(async () => {
  await sessions.close();
  await stored.database.close();
});

type Opened = Grant & { readonly id: string };
async function open(userId = stored.ada, client = CLIENT): Promise<Opened> {
  const user = await stored.models.User.findByPk(userId, { rejectOnEmpty: true });
  const grant = await stored.database.transaction((transaction) => sessions.open({ user, amr: ['pwd'], client }, transaction));
  return { ...grant, id: grant.refreshToken.slice(0, 36) };
}
const isTaken = ({ accessToken }: Grant): Promise<boolean> =>
  sessions.authenticate(accessToken).then(
    () => true,
    () => false,
  );
const rowOf = ({ id }: Opened): Promise<Session> => stored.models.Session.findByPk(id, { rejectOnEmpty: true });
const callerOf = (userId: number, sessionId: string): Caller => ({
  kind: 'user',
  actor: { ...CLIENT, userId, sessionId, loggedInAt: stored.clock.now() },
  scopes: [],
});
const ended = async () => (await audit.list({ type: 'session.ended' }, { limit: 100, cursor: undefined })).items;
const logged = (): unknown[] => log.map((line): unknown => JSON.parse(line));

describe('a session', () => {
  test('begins with these facts, and keeps no more than 256 characters of a browser’s name', async () => {
    const opened = await open(stored.ada, { ...CLIENT, ip: '192.0.2.1', userAgent: 'B'.repeat(300) });
    const now = new Date(stored.clock.now());
    expect((await rowOf(opened)).get({ plain: true })).toEqual({
      id: opened.id,
      user_id: stored.ada,
      ip: '192.0.2.1',
      user_agent: 'B'.repeat(256),
      amr: ['pwd'],
      counter: 1,
      refused_through: 0,
      replaced: [],
      rotated_at: now,
      version: 1,
      created_at: now,
      last_used_at: now,
      expires_at: new Date(now.getTime() + 7 * DAY * 1000),
      ends_at: new Date(now.getTime() + 30 * DAY * 1000),
      ended_at: null,
      end_reason: null,
    });
    expect(opened).toMatchObject({
      expiresInSeconds: LIFETIME,
      refreshExpiresInSeconds: 7 * DAY,
      scope: 'user',
      user: { username: 'ada' },
    });
    const { items } = await audit.list({ type: 'log_in.succeeded' }, { limit: 10, cursor: undefined });
    expect(items).toMatchObject([
      {
        actor: { kind: 'user', id: String(stored.ada) },
        userId: stored.ada,
        sessionId: opened.id,
        ip: '192.0.2.1',
        details: { amr: ['pwd'] },
      },
    ]);
    expect((await rowOf(await open(stored.ada, { ...CLIENT, userAgent: null }))).user_agent).toBeNull();
  });

  test('goes on with each refresh, from where it comes', async () => {
    const opened = await open();
    stored.clock.advance(DAY);
    const next = await sessions.refresh(opened.refreshToken, { ...CLIENT, ip: '192.0.2.7', userAgent: 'another' });
    const now = stored.clock.now();
    expect(await rowOf(opened)).toMatchObject({ counter: 2, version: 2, ip: '192.0.2.7', user_agent: 'another' });
    expect((await rowOf(opened)).expires_at.getTime()).toBe(now + 7 * DAY * 1000);
    expect([(await rowOf(opened)).rotated_at, (await rowOf(opened)).last_used_at].map(Number)).toEqual([now, now]);
    expect(next.refreshExpiresInSeconds).toBe(7 * DAY);
    expect(await isTaken(next)).toBe(true);
    expect((await sessions.refresh(opened.refreshToken, CLIENT)).refreshToken).toBe(next.refreshToken);
  });

  test('goes on with an old refresh token until the newer one was seen in use, and ends with it once that is long ago', async () => {
    const opened = await open();
    const next = await sessions.refresh(opened.refreshToken, CLIENT);
    await sessions.authenticate(next.accessToken);
    stored.clock.advance(30);
    await sessions.refresh(opened.refreshToken, CLIENT);
    stored.clock.advance(0.001);
    await expect(sessions.refresh(opened.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'refresh_token_reused' });
    await expect(sessions.refresh(next.refreshToken, CLIENT)).rejects.toMatchObject(REVOKED);
    expect(await isTaken(next)).toBe(false);
    expect(await ended()).toMatchObject([
      { actor: { kind: 'nobody' }, ip: CLIENT.ip, details: { reason: 'refresh_token_reused', sessions: 1 } },
    ]);
    expect(logged()).toContainEqual(
      expect.objectContaining({ level: 'warn', session_id: opened.id, user_id: stored.ada, reason: 'refresh_token_reused' }),
    );
  });

  test('is over for a disabled or deleted user, and where it has idled', async () => {
    const [disabled, deleted, idle] = [await open(), await open(stored.bob), await open()];
    await stored.models.User.destroy({ where: { id: stored.bob } });
    stored.clock.advance(7 * DAY);
    await expect(sessions.refresh(idle.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    stored.clock.advance(-DAY);
    await stored.models.User.update({ disabled_at: new Date(0) }, { where: { id: stored.ada } });
    await expect(sessions.refresh(disabled.refreshToken, CLIENT)).rejects.toMatchObject(REVOKED);
    await expect(sessions.refresh(deleted.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await sessions.inspect(disabled.refreshToken)).toBeUndefined();
  });

  test.each(['', 'nonsense', `${randomUUID()}.1.${'A'.repeat(43)}`])('has no token %j', async (token) => {
    await expect(sessions.refresh(token, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await sessions.inspect(token)).toBeUndefined();
  });
});

describe('what is told of a token', () => {
  test('of either kind is whose it is, what for and for how long', async () => {
    const opened = await open();
    stored.clock.advance(HOUR);
    const { accessToken, refreshToken } = await sessions.refresh(opened.refreshToken, CLIENT);
    const now = Math.floor(stored.clock.now() / 1000);
    const facts = { sub: String(stored.ada), username: 'ada', scope: 'user', sid: opened.id, iat: now };
    expect(await sessions.inspect(accessToken)).toMatchObject({ kind: 'access', ...facts, exp: now + LIFETIME });
    expect(await sessions.inspect(refreshToken)).toEqual({ kind: 'refresh', ...facts, exp: now + 7 * DAY });
  });

  test('of an old refresh token is what a refresh would do with it, and asking for the newest shows that it arrived', async () => {
    const opened = await open();
    const next = await sessions.refresh(opened.refreshToken, CLIENT);
    expect(await sessions.inspect(opened.refreshToken)).toMatchObject({ kind: 'refresh', sid: opened.id });
    stored.clock.advance(HOUR);
    expect(await sessions.inspect(opened.refreshToken)).toMatchObject({ kind: 'refresh' });
    expect(await sessions.inspect(next.refreshToken)).toMatchObject({ kind: 'refresh' });
    stored.clock.advance(30.001);
    expect(await sessions.inspect(opened.refreshToken)).toBeUndefined();
    expect(await sessions.inspect(next.refreshToken)).toMatchObject({ kind: 'refresh' });
  });

  test('that was seen in use is kept with the session, so that every process knows', async () => {
    const opened = await open();
    const next = await sessions.refresh(opened.refreshToken, CLIENT);
    stored.clock.advance(60);
    await sessions.authenticate(opened.accessToken);
    await sessions.authenticate(next.accessToken);
    await sessions.close();
    expect(await rowOf(opened)).toMatchObject({
      replaced: [[1, stored.clock.now()]],
      last_used_at: new Date(stored.clock.now()),
      version: 3,
    });
  });
});

describe('a revoked token', () => {
  test.each(['accessToken', 'refreshToken'] as const)('takes its session with it, whoever brings its %s and is nobody', async (which) => {
    const [opened, other] = [await open(), await open()];
    await sessions.revoke(opened[which], { kind: 'nobody' }, CLIENT);
    expect([await isTaken(opened), await isTaken(other)]).toEqual([false, true]);
    expect(await ended()).toMatchObject([
      { actor: { kind: 'nobody', id: null }, userId: stored.ada, sessionId: opened.id, details: { reason: 'revoked', sessions: 1 } },
    ]);
    expect((await rowOf(opened)).get({ plain: true })).toMatchObject({
      end_reason: 'revoked',
      ended_at: new Date(stored.clock.now()),
      expires_at: new Date(stored.clock.now()),
    });
    expect(logged()).toContainEqual(
      expect.objectContaining({ level: 'info', session_id: opened.id, reason: 'revoked', msg: 'session ended' }),
    );
  });

  test('is the caller’s own where the caller is known', async () => {
    const [own, others] = [await open(), await open(stored.bob)];
    for (const { refreshToken } of [own, others]) await sessions.revoke(refreshToken, callerOf(stored.ada, own.id), CLIENT);
    expect([await isTaken(own), await isTaken(others)]).toEqual([false, true]);
    expect(await ended()).toMatchObject([{ actor: { kind: 'user', id: String(stored.ada) } }]);
  });

  test('is none that a service brings, and none that is no token', async () => {
    const opened = await open();
    await sessions.revoke(opened.refreshToken, { kind: 'service', keyId: 'k', scopes: [] }, CLIENT);
    await sessions.revoke('nonsense', { kind: 'nobody' }, CLIENT);
    expect(await isTaken(opened)).toBe(true);
  });
});

describe('a log-out', () => {
  const logOut = (caller: Caller, refreshToken: string | undefined, scope: 'this' | 'others' | 'all'): Promise<void> =>
    sessions.logOut({ caller, refreshToken, client: CLIENT }, scope);

  test.each([
    ['this', [false, true, true]],
    ['others', [true, false, true]],
    ['all', [false, false, true]],
  ] as const)('of %s ends those alone, by the access token as by the refresh token', async (scope, left) => {
    for (const by of ['access', 'refresh']) {
      const all = [await open(), await open(), await open(stored.bob)] as const;
      await (by === 'access'
        ? logOut(callerOf(stored.ada, all[0].id), undefined, scope)
        : logOut({ kind: 'nobody' }, all[0].refreshToken, scope));
      expect(await Promise.all(all.map(isTaken))).toEqual(left);
      const [{ actor, details } = {}] = await ended();
      expect(actor?.kind).toBe(by === 'access' ? 'user' : 'nobody');
      expect(details).toMatchObject({ reason: 'log_out' });
      await sessions.endAllNow(stored.ada, WHY);
    }
  });

  test('of this session may be asked for again, and of more only while its token is good', async () => {
    const opened = await open();
    await logOut({ kind: 'nobody' }, opened.refreshToken, 'this');
    await logOut({ kind: 'nobody' }, opened.refreshToken, 'this');
    for (const scope of ['others', 'all'] as const)
      await expect(logOut({ kind: 'nobody' }, opened.refreshToken, scope)).rejects.toMatchObject({ code: 'invalid_token' });
    for (const scope of ['this', 'all'] as const)
      await expect(logOut({ kind: 'nobody' }, 'nonsense', scope)).rejects.toMatchObject({ code: 'invalid_token' });
  });

  test('needs somebody', async () => {
    await expect(logOut({ kind: 'nobody' }, undefined, 'this')).rejects.toMatchObject({ code: 'authentication_required' });
    await expect(logOut({ kind: 'unknown' }, undefined, 'this')).rejects.toMatchObject({ code: 'invalid_token' });
  });
});

describe('sessions are listed', () => {
  test('newest first, a page at a time, a user’s live ones alone', async () => {
    const opened: Opened[] = [];
    for (let made = 0; made < 5; made += 1) {
      opened.unshift(await open());
      if (made > 2) stored.clock.advance(1);
    }
    await open(stored.bob);
    await sessions.endById((await open()).id, WHY);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await sessions.list(stored.ada, { limit: 2, cursor });
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(5);
    expect(seen.slice(0, 1)).toEqual([opened[0]?.id]);
    expect(new Set(seen)).toEqual(new Set(opened.map(({ id }) => id)));
  });

  test.each(['nonsense', '1 2', `x ${randomUUID()}`, `1${'0'.repeat(15)} ${randomUUID()}`, `12x ${randomUUID()}`, '12'])(
    'from no place that is not ours: %j',
    async (place) => {
      const cursor = Buffer.from(place).toString('base64url');
      await expect(sessions.list(stored.ada, { limit: 2, cursor })).rejects.toMatchObject({ code: 'validation_failed' });
    },
  );

  test('with whose they are, everybody’s or one user’s, but for those whose user is gone', async () => {
    await open();
    stored.clock.advance(1);
    const [bobs, last] = [await open(stored.bob), await open()];
    expect((await sessions.newest(10)).map(({ username }) => username).sort()).toEqual(['ada', 'ada', 'bob']);
    expect(await sessions.newest(10, stored.bob)).toMatchObject([{ session: { id: bobs.id }, username: 'bob' }]);
    expect(await sessions.newest(1, stored.ada)).toMatchObject([{ session: { id: last.id }, username: 'ada' }]);
  });
});

describe('sessions are ended', () => {
  test('one by one: one’s own, or anybody’s by an operator, and none that is none', async () => {
    const [own, bobs] = [await open(), await open(stored.bob)];
    for (const id of ['nonsense', randomUUID(), bobs.id])
      await expect(sessions.end(stored.ada, id, WHY)).rejects.toMatchObject({ code: 'not_found' });
    await sessions.end(stored.ada, own.id, WHY);
    await expect(sessions.end(stored.ada, own.id, WHY)).rejects.toMatchObject({ code: 'not_found' });
    expect([await isTaken(own), await isTaken(bobs)]).toEqual([false, true]);
    await sessions.endById(bobs.id, WHY);
    await expect(sessions.endById(bobs.id, WHY)).rejects.toMatchObject({
      code: 'not_found',
      details: { detail: 'There is no such session, or it has ended' },
    });
    expect(await isTaken(bobs)).toBe(false);
  });

  test('all of a user’s, but for one where it is named, and one event tells of them', async () => {
    const [kept, other, bobs] = [await open(), await open(), await open(stored.bob)];
    await open();
    const but = await stored.database.transaction((transaction) => sessions.endAllOf(stored.ada, WHY, transaction, kept.id));
    expect(but).toBe(2);
    expect([await isTaken(kept), await isTaken(other), await isTaken(bobs)]).toEqual([true, false, true]);
    expect(await ended()).toMatchObject([
      { userId: stored.ada, sessionId: null, actor: { kind: 'operator' }, details: { reason: 'operator', sessions: 2 } },
    ]);
    expect(await sessions.endAllNow(stored.ada, WHY)).toBe(1);
    expect(await sessions.endAllNow(stored.ada, WHY)).toBe(0);
    expect(await ended()).toHaveLength(2);
  });

  test('with what is the reason, or not at all', async () => {
    const opened = await open();
    const failing = stored.database.transaction(async (transaction) => {
      await sessions.endAllOf(stored.ada, WHY, transaction);
      await sessions.renewAllOf(stored.ada, transaction);
      await sessions.endEverything([], transaction);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect([await isTaken(opened), log.length, await ended()]).toEqual([true, 0, []]);
    expect(await stored.models.Revocation.count()).toBe(0);
    await sessions.refresh(opened.refreshToken, CLIENT);
  });

  test('everybody’s, with every token issued up to now and those that are dated later', async () => {
    const ahead = await open();
    stored.clock.advance(-HOUR);
    const [opened, bobs] = [await open(), await open(stored.bob)];
    const unknown = randomUUID();
    expect(await stored.database.transaction((transaction) => sessions.endEverything([unknown, ahead.id], transaction))).toBe(3);
    expect(await Promise.all([ahead, opened, bobs].map(isTaken))).toEqual([false, false, false]);
    await expect(sessions.refresh(bobs.refreshToken, CLIENT)).rejects.toMatchObject(REVOKED);
    expect((await rowOf(bobs)).get({ plain: true })).toMatchObject({
      end_reason: 'restored',
      ended_at: new Date(stored.clock.now()),
      expires_at: new Date(stored.clock.now()),
    });
    const revoked = await stored.models.Revocation.findAll({ raw: true });
    expect(revoked.map(({ session_id, through }) => [session_id, through]).sort()).toEqual(
      [
        ['*', null],
        [unknown, null],
        [ahead.id, null],
      ].sort(),
    );
    stored.clock.advance(1);
    expect(await isTaken(await open())).toBe(true);
  });

  test('and those that go on with new tokens are not', async () => {
    const [opened, bobs] = [await open(), await open(stored.bob)];
    await stored.database.transaction((transaction) => sessions.renewAllOf(stored.ada, transaction));
    expect([await isTaken(opened), await isTaken(bobs)]).toEqual([false, true]);
    expect(await rowOf(opened)).toMatchObject({ refused_through: 1, version: 2, ended_at: null });
    expect(await isTaken(await sessions.refresh(opened.refreshToken, CLIENT))).toBe(true);
  });
});

describe('a device', () => {
  const knows = (client: Partial<typeof CLIENT>): Promise<boolean> =>
    stored.database.transaction((transaction) => sessions.knowsDevice(stored.ada, { ...CLIENT, ...client }, transaction));

  test('is known by its address or its browser, and the very first one is not news', async () => {
    expect(await knows({})).toBe(true);
    await open(stored.ada, { ...CLIENT, ip: '192.0.2.1', userAgent: 'one' });
    await open(stored.bob, { ...CLIENT, ip: '192.0.2.2', userAgent: 'two' });
    expect(await knows({ ip: '192.0.2.1', userAgent: 'other' })).toBe(true);
    expect(await knows({ ip: '192.0.2.9', userAgent: 'one' })).toBe(true);
    expect(await knows({ ip: '192.0.2.2', userAgent: 'two' })).toBe(false);
  });
});

describe('what was revoked', () => {
  test.each(['', 'x', '-1', '1.5', '1x', 'x1', '1'.repeat(16)])('is not told behind %j', async (cursor) => {
    await expect(sessions.revocations(cursor, 10)).rejects.toMatchObject({ code: 'validation_failed' });
  });

  test('is told once, to whoever goes on from where the last answer ended', async () => {
    const first = await sessions.revocations(undefined, 10);
    expect(first).toEqual({ revoked: [], nextCursor: '0' });
    const [one, two] = [await open(), await open()];
    await sessions.endById(one.id, WHY);
    const second = await sessions.revocations(first.nextCursor, 10);
    expect(second.revoked).toMatchObject([{ session_id: one.id, through: null }]);
    expect(await sessions.revocations(second.nextCursor, 10)).toEqual({ revoked: [], nextCursor: second.nextCursor });
    await sessions.endById(two.id, WHY);
    expect((await sessions.revocations(second.nextCursor, 10)).revoked).toMatchObject([{ session_id: two.id }]);
    expect((await sessions.revocations(undefined, 1)).revoked).toMatchObject([{ session_id: one.id }]);
    // Of another database, from before a backup was put back.
    expect((await sessions.revocations('999999', 10)).revoked).toHaveLength(2);
  });

  test('is told for as long as an access token lives, and a minute', async () => {
    const opened = await open();
    await sessions.endById(opened.id, WHY);
    stored.clock.advance(LIFETIME + 60 - 0.001);
    expect((await sessions.revocations(undefined, 10)).revoked).toHaveLength(1);
    stored.clock.advance(0.001);
    const { nextCursor } = await sessions.revocations(undefined, 10);
    expect(await sessions.revocations(undefined, 10)).toEqual({ revoked: [], nextCursor });
    expect(Number(nextCursor)).toBeGreaterThan(0);
  });

  test('counts in a process that starts afterwards', async () => {
    const opened = await open();
    await sessions.endById(opened.id, WHY);
    stored.clock.advance(HOUR / 4);
    const restarted = await startSessions();
    await expect(restarted.authenticate(opened.accessToken)).rejects.toMatchObject({ code: 'invalid_token' });
    await restarted.close();
  });
});

describe('what ended a week ago', () => {
  test('is removed a thousand at a time, for as long as there is more, and nothing else', async () => {
    const row = (await rowOf(await open())).get({ plain: true });
    const gone = { ...row, expires_at: new Date(stored.clock.now() + 1000), ended_at: new Date(stored.clock.now() + 1000) };
    await stored.models.Session.bulkCreate(Array.from({ length: 1100 }, () => ({ ...gone, id: randomUUID() })));
    const revoked_at = new Date(stored.clock.now() + 1000);
    await stored.models.Revocation.bulkCreate(
      Array.from({ length: 1100 }, () => ({ session_id: randomUUID(), through: null, revoked_at })),
    );
    stored.clock.advance(7 * DAY + 1);
    expect(await sessions.prune()).toBe(false);
    expect([await stored.models.Session.count(), await stored.models.Revocation.count()]).toEqual([1101, 1100]);
    stored.clock.advance(0.001);
    expect(await sessions.prune()).toBe(true);
    expect([await stored.models.Session.count(), await stored.models.Revocation.count()]).toEqual([101, 100]);
    expect(await sessions.prune()).toBe(false);
    expect([await stored.models.Session.count(), await stored.models.Revocation.count()]).toEqual([1, 0]);
  });
});
