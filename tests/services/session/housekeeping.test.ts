import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { OPERATOR } from '../../../src/lib/actor.js';
import { CLIENT } from '../../support/client.js';
import { LIFETIME_SECONDS, type Opened, withStoredSessions } from '../../support/stored-sessions.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const WHY = { reason: 'operator', by: OPERATOR } as const;
const REVOKED = { code: 'session_revoked' };
/** In titles, which have to be the same in every run. */
const NO_SESSION = '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11';
const on = withStoredSessions();

describe('sessions are listed', () => {
  test('newest first, a page at a time, a user’s live ones alone', async () => {
    const opened: Opened[] = [];
    for (let made = 0; made < 5; made += 1) {
      opened.unshift(await on.open());
      if (made > 2) on.stored.clock.advance(1);
    }
    await on.open(on.stored.bob);
    await on.sessions.endById((await on.open()).id, WHY);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await on.sessions.list(on.stored.ada, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(5);
    expect(seen.slice(0, 1)).toEqual([opened[0]?.id]);
    expect(new Set(seen)).toEqual(new Set(opened.map(({ id }) => id)));
  });

  test.each(['nonsense', '1 2', `x ${NO_SESSION}`, `1${'0'.repeat(15)} ${NO_SESSION}`, `12x ${NO_SESSION}`, `x12 ${NO_SESSION}`, '12'])(
    'from no place that is not ours: %j',
    async (place) => {
      const cursor = Buffer.from(place).toString('base64url');
      await expect(on.sessions.list(on.stored.ada, { limit: 2, cursor })).rejects.toMatchObject({
        code: 'validation_failed',
      });
    },
  );

  test('with whose they are, everybody’s or one user’s, but for those whose user is gone', async () => {
    await on.open();
    on.stored.clock.advance(1);
    const [bobs, last] = [await on.open(on.stored.bob), await on.open()];
    expect((await on.sessions.newest(10)).map(({ username }) => username).sort()).toEqual(['ada', 'ada', 'bob']);
    expect(await on.sessions.newest(10, on.stored.bob)).toMatchObject([{ session: { id: bobs.id }, username: 'bob' }]);
    expect(await on.sessions.newest(1, on.stored.ada)).toMatchObject([{ session: { id: last.id }, username: 'ada' }]);
  });
});

describe('sessions are ended', () => {
  test('one by one: one’s own, or anybody’s by an operator, and none that is none', async () => {
    const [own, bobs] = [await on.open(), await on.open(on.stored.bob)];
    for (const id of ['nonsense', randomUUID(), bobs.id])
      await expect(on.sessions.end(on.stored.ada, id, WHY)).rejects.toMatchObject({ code: 'not_found' });
    await on.sessions.end(on.stored.ada, own.id, WHY);
    await expect(on.sessions.end(on.stored.ada, own.id, WHY)).rejects.toMatchObject({ code: 'not_found' });
    expect([await on.isTaken(own), await on.isTaken(bobs)]).toEqual([false, true]);
    await on.sessions.endById(bobs.id, WHY);
    await expect(on.sessions.endById(bobs.id, WHY)).rejects.toMatchObject({
      code: 'not_found',
      details: { detail: 'There is no such session, or it has ended' },
    });
    expect(await on.isTaken(bobs)).toBe(false);
  });

  test('all of a user’s, but for one where it is named, and one event tells of them', async () => {
    const [kept, other, bobs] = [await on.open(), await on.open(), await on.open(on.stored.bob)];
    await on.open();
    const but = await on.stored.database.transaction((transaction) => on.sessions.endAllOf(on.stored.ada, WHY, transaction, kept.id));
    expect(but).toBe(2);
    expect([await on.isTaken(kept), await on.isTaken(other), await on.isTaken(bobs)]).toEqual([true, false, true]);
    expect(await on.ended()).toMatchObject([
      { userId: on.stored.ada, sessionId: null, actor: { kind: 'operator' }, details: { reason: 'operator', sessions: 2 } },
    ]);
    await on.open();
    const all = on.stored.database.transaction((transaction) => on.sessions.endAllOf(on.stored.ada, WHY, transaction));
    expect(await all).toBe(2);
    await on.open();
    expect(await on.sessions.endAllNow(on.stored.ada, WHY)).toBe(1);
    expect(await on.sessions.endAllNow(on.stored.ada, WHY)).toBe(0);
    expect(await on.ended()).toHaveLength(3);
  });

  test('with what is the reason, or not at all', async () => {
    const opened = await on.open();
    const failing = on.stored.database.transaction(async (transaction) => {
      await on.sessions.endAllOf(on.stored.ada, WHY, transaction);
      await on.sessions.renewAllOf(on.stored.ada, transaction);
      await on.sessions.endEverything([], transaction);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect([await on.isTaken(opened), on.log.length, await on.ended()]).toEqual([true, 0, []]);
    expect(await on.stored.models.Revocation.count()).toBe(0);
    await on.sessions.refresh(opened.refreshToken, CLIENT);
  });

  test('everybody’s, with every token issued up to now and those that are dated later', async () => {
    const ahead = await on.open();
    on.stored.clock.advance(-HOUR);
    const [opened, bobs] = [await on.open(), await on.open(on.stored.bob)];
    const unknown = randomUUID();
    expect(await on.stored.database.transaction((transaction) => on.sessions.endEverything([unknown, ahead.id], transaction))).toBe(3);
    expect(await Promise.all([ahead, opened, bobs].map(on.isTaken))).toEqual([false, false, false]);
    await expect(on.sessions.refresh(bobs.refreshToken, CLIENT)).rejects.toMatchObject(REVOKED);
    expect((await on.rowOf(bobs)).get({ plain: true })).toMatchObject({
      end_reason: 'restored',
      ended_at: new Date(on.stored.clock.now()),
      expires_at: new Date(on.stored.clock.now()),
    });
    const revoked = await on.stored.models.Revocation.findAll({ raw: true });
    expect(revoked.map(({ session_id, through }) => [session_id, through]).sort()).toEqual(
      [
        ['*', null],
        [unknown, null],
        [ahead.id, null],
      ].sort(),
    );
    on.stored.clock.advance(1);
    expect(await on.isTaken(await on.open())).toBe(true);
  });

  test('and those that go on with new tokens are not', async () => {
    const [opened, bobs] = [await on.open(), await on.open(on.stored.bob)];
    await on.stored.database.transaction((transaction) => on.sessions.renewAllOf(on.stored.ada, transaction));
    expect([await on.isTaken(opened), await on.isTaken(bobs)]).toEqual([false, true]);
    expect(await on.rowOf(opened)).toMatchObject({ refused_through: 1, version: 2, ended_at: null });
    expect(await on.rowOf(bobs)).toMatchObject({ refused_through: 0, version: 1 });
    expect(await on.isTaken(await on.sessions.refresh(opened.refreshToken, CLIENT))).toBe(true);
  });
});

describe('a device', () => {
  const knows = (client: Partial<typeof CLIENT>): Promise<boolean> =>
    on.stored.database.transaction((transaction) => on.sessions.knowsDevice(on.stored.ada, { ...CLIENT, ...client }, transaction));

  test('is known by its address or its browser, and the very first one is not news', async () => {
    expect(await knows({})).toBe(true);
    await on.open(on.stored.ada, { ...CLIENT, ip: '192.0.2.1', userAgent: 'one' });
    await on.open(on.stored.ada, { ...CLIENT, ip: '192.0.2.3', userAgent: 'three' });
    await on.open(on.stored.bob, { ...CLIENT, ip: '192.0.2.2', userAgent: 'two' });
    expect(await knows({ ip: '192.0.2.1', userAgent: 'other' })).toBe(true);
    expect(await knows({ ip: '192.0.2.9', userAgent: 'one' })).toBe(true);
    expect(await knows({ ip: '192.0.2.2', userAgent: 'two' })).toBe(false);
  });
});

describe('what was revoked', () => {
  test.each(['', 'x', '-1', '1.5', '1x', 'x1', '1'.repeat(16)])('is not told behind %j', async (cursor) => {
    await expect(on.sessions.revocations(cursor, 10)).rejects.toMatchObject({
      code: 'validation_failed',
      details: { fields: [{ path: 'since' }] },
    });
  });

  test('is told once, to whoever goes on from where the last answer ended', async () => {
    const first = await on.sessions.revocations(undefined, 10);
    expect(first).toEqual({ revoked: [], nextCursor: '0' });
    const [one, two] = [await on.open(), await on.open()];
    await on.sessions.endById(one.id, WHY);
    const second = await on.sessions.revocations(first.nextCursor, 10);
    expect(second.revoked).toMatchObject([{ session_id: one.id, through: null }]);
    expect(await on.sessions.revocations(second.nextCursor, 10)).toEqual({ revoked: [], nextCursor: second.nextCursor });
    await on.sessions.endById(two.id, WHY);
    expect((await on.sessions.revocations(second.nextCursor, 10)).revoked).toMatchObject([{ session_id: two.id }]);
    expect((await on.sessions.revocations(undefined, 1)).revoked).toMatchObject([{ session_id: one.id }]);
    // Of another database, from before a backup was put back.
    expect((await on.sessions.revocations('999999', 10)).revoked).toHaveLength(2);
  });

  test('is told for as long as an access token lives, and a minute', async () => {
    const opened = await on.open();
    await on.sessions.endById(opened.id, WHY);
    on.stored.clock.advance(LIFETIME_SECONDS + 60 - 0.001);
    expect((await on.sessions.revocations(undefined, 10)).revoked).toHaveLength(1);
    on.stored.clock.advance(0.001);
    const { nextCursor } = await on.sessions.revocations(undefined, 10);
    expect(await on.sessions.revocations(undefined, 10)).toEqual({ revoked: [], nextCursor });
    expect(Number(nextCursor)).toBeGreaterThan(0);
  });

  test('counts in a process that starts afterwards', async () => {
    const opened = await on.open();
    await on.sessions.endById(opened.id, WHY);
    on.stored.clock.advance(HOUR / 4);
    const restarted = await on.start();
    await expect(restarted.authenticate(opened.accessToken)).rejects.toMatchObject({ code: 'invalid_token' });
    await restarted.close();
  });
});

describe('what ended a week ago', () => {
  test('is removed a thousand at a time, for as long as there is more, and nothing else', async () => {
    const row = (await on.rowOf(await on.open())).get({ plain: true });
    const gone = { ...row, expires_at: new Date(on.stored.clock.now() + 1000), ended_at: new Date(on.stored.clock.now() + 1000) };
    await on.stored.models.Session.bulkCreate(Array.from({ length: 1100 }, () => ({ ...gone, id: randomUUID() })));
    const revoked_at = new Date(on.stored.clock.now() + 1000);
    await on.stored.models.Revocation.bulkCreate(
      Array.from({ length: 1100 }, () => ({ session_id: randomUUID(), through: null, revoked_at })),
    );
    on.stored.clock.advance(7 * DAY + 1);
    expect(await on.sessions.prune()).toBe(false);
    expect([await on.stored.models.Session.count(), await on.stored.models.Revocation.count()]).toEqual([1101, 1100]);
    on.stored.clock.advance(0.001);
    expect(await on.sessions.prune()).toBe(true);
    expect([await on.stored.models.Session.count(), await on.stored.models.Revocation.count()]).toEqual([101, 100]);
    expect(await on.sessions.prune()).toBe(false);
    expect([await on.stored.models.Session.count(), await on.stored.models.Revocation.count()]).toEqual([1, 0]);
  });
});
