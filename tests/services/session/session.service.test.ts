import { describe, expect, jest, test } from '@jest/globals';
import { type Caller, OPERATOR } from '../../../src/lib/actor.js';
import { createRefreshTokens } from '../../../src/services/session/refresh-token.js';
import { CLIENT } from '../../support/client.js';
import { LIFETIME_SECONDS, ROOT_KEY, withStoredSessions } from '../../support/stored-sessions.js';
import { alone } from '../../support/root-keys.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const WHY = { reason: 'operator', by: OPERATOR } as const;
const REVOKED = { code: 'session_revoked' };
const on = withStoredSessions();

describe('a session', () => {
  test('begins with these facts, and keeps no more than 256 characters of a browser’s name', async () => {
    const opened = await on.open(on.stored.ada, { ...CLIENT, ip: '192.0.2.1', userAgent: 'B'.repeat(300) });
    const now = new Date(on.stored.clock.now());
    expect((await on.rowOf(opened)).get({ plain: true })).toEqual({
      id: opened.id,
      user_id: on.stored.ada,
      ip: '192.0.2.1',
      user_agent: 'B'.repeat(256),
      amr: ['pwd'],
      acr: 'aal1',
      authenticated_at: now,
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
      expiresInSeconds: LIFETIME_SECONDS,
      refreshExpiresInSeconds: 7 * DAY,
      scope: 'user',
      user: { username: 'ada' },
    });
    const { items } = await on.audit.list({ type: 'log_in.succeeded' }, { limit: 10 });
    expect(items).toMatchObject([
      {
        actor: { kind: 'user', id: String(on.stored.ada) },
        userId: on.stored.ada,
        sessionId: opened.id,
        ip: '192.0.2.1',
        details: { amr: ['pwd'] },
      },
    ]);
    expect((await on.rowOf(await on.open(on.stored.ada, { ...CLIENT, userAgent: null }))).user_agent).toBeNull();
  });

  test('goes on with each refresh, from where it comes', async () => {
    const opened = await on.open();
    on.stored.clock.advance(DAY);
    const next = await on.sessions.refresh(opened.refreshToken, { ...CLIENT, ip: '192.0.2.7', userAgent: 'another' });
    const now = on.stored.clock.now();
    expect(await on.rowOf(opened)).toMatchObject({ counter: 2, version: 2, ip: '192.0.2.7', user_agent: 'another' });
    expect((await on.rowOf(opened)).expires_at.getTime()).toBe(now + 7 * DAY * 1000);
    expect([(await on.rowOf(opened)).rotated_at, (await on.rowOf(opened)).last_used_at].map(Number)).toEqual([now, now]);
    expect(next.refreshExpiresInSeconds).toBe(7 * DAY);
    expect(await on.isTaken(next)).toBe(true);
    expect((await on.sessions.refresh(opened.refreshToken, CLIENT)).refreshToken).toBe(next.refreshToken);
  });

  test('goes on with an old refresh token until the newer one was seen in use, and ends with it once that is long ago', async () => {
    const opened = await on.open();
    const next = await on.sessions.refresh(opened.refreshToken, CLIENT);
    await on.sessions.authenticate(next.accessToken);
    on.stored.clock.advance(30);
    await on.sessions.refresh(opened.refreshToken, CLIENT);
    on.stored.clock.advance(0.001);
    await expect(on.sessions.refresh(opened.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'refresh_token_reused' });
    await expect(on.sessions.refresh(next.refreshToken, CLIENT)).rejects.toMatchObject(REVOKED);
    expect(await on.isTaken(next)).toBe(false);
    expect(await on.ended()).toMatchObject([
      { actor: { kind: 'nobody' }, ip: CLIENT.ip, details: { reason: 'refresh_token_reused', sessions: 1 } },
    ]);
    expect(on.logged()).toContainEqual(
      expect.objectContaining({ level: 'warn', session_id: opened.id, user_id: on.stored.ada, reason: 'refresh_token_reused' }),
    );
  });

  test('alone ends where its token is reused', async () => {
    const [opened, other, bobs] = [await on.open(), await on.open(), await on.open(on.stored.bob)];
    const next = await on.sessions.refresh(opened.refreshToken, CLIENT);
    await on.sessions.refresh(next.refreshToken, CLIENT);
    on.stored.clock.advance(31);
    await expect(on.sessions.refresh(opened.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'refresh_token_reused' });
    expect([await on.isTaken(other), await on.isTaken(bobs)]).toEqual([true, true]);
  });

  test('gives everybody who refreshes at once the same successor', async () => {
    const opened = await on.open();
    const grants = await Promise.all(Array.from({ length: 10 }, () => on.sessions.refresh(opened.refreshToken, CLIENT)));
    expect(new Set(grants.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect(await on.rowOf(opened)).toMatchObject({ counter: 2 });
  });

  test('has no token that was never given, though it were signed: none of a future that a restored backup has lost', async () => {
    const opened = await on.open();
    const future = createRefreshTokens(alone(ROOT_KEY)).write({ sessionId: opened.id, counter: 2 });
    await expect(on.sessions.refresh(future, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await on.isTaken(opened)).toBe(true);
  });

  test('whose access tokens are refused gives new ones for an old refresh token too, which is retried no longer for that', async () => {
    const opened = await on.open();
    await on.sessions.refresh(opened.refreshToken, CLIENT);
    on.stored.clock.advance(20 * HOUR);
    await on.stored.database.transaction((transaction) => on.sessions.renewAllOf(on.stored.ada, transaction));
    expect(await on.isTaken(await on.sessions.refresh(opened.refreshToken, CLIENT))).toBe(true);
    on.stored.clock.advance(4 * HOUR + 1);
    await expect(on.sessions.refresh(opened.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'refresh_token_reused' });
  });

  test('is over for a disabled or deleted user, and where it has idled', async () => {
    const [disabled, deleted, idle] = [await on.open(), await on.open(on.stored.bob), await on.open()];
    await on.stored.models.User.destroy({ where: { id: on.stored.bob } });
    on.stored.clock.advance(7 * DAY);
    await expect(on.sessions.refresh(idle.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    on.stored.clock.advance(-DAY);
    await on.stored.models.User.update({ disabled_at: new Date(0) }, { where: { id: on.stored.ada } });
    await expect(on.sessions.refresh(disabled.refreshToken, CLIENT)).rejects.toMatchObject(REVOKED);
    await expect(on.sessions.refresh(deleted.refreshToken, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await on.sessions.inspect(disabled.refreshToken)).toBeUndefined();
  });

  test.each(['', 'nonsense', `0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11.1.${'A'.repeat(43)}`])('has no token %j', async (token) => {
    await expect(on.sessions.refresh(token, CLIENT)).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(await on.sessions.inspect(token)).toBeUndefined();
  });
});

describe('what is told of a token', () => {
  test('of either kind is whose it is, what for and for how long', async () => {
    const opened = await on.open();
    on.stored.clock.advance(HOUR);
    const { accessToken, refreshToken } = await on.sessions.refresh(opened.refreshToken, CLIENT);
    const now = Math.floor(on.stored.clock.now() / 1000);
    const facts = { sub: String(on.stored.ada), username: 'ada', scope: 'user', sid: opened.id, iat: now };
    expect(await on.sessions.inspect(accessToken)).toMatchObject({ kind: 'access', ...facts, exp: now + LIFETIME_SECONDS });
    expect(await on.sessions.inspect(refreshToken)).toEqual({
      kind: 'refresh',
      ...facts,
      exp: now + 7 * DAY,
      auth_time: now - HOUR,
      amr: ['pwd'],
      acr: 'aal1',
    });
  });

  test('of an old refresh token is what a refresh would do with it, and asking for the newest shows that it arrived', async () => {
    const opened = await on.open();
    const next = await on.sessions.refresh(opened.refreshToken, CLIENT);
    expect(await on.sessions.inspect(opened.refreshToken)).toMatchObject({ kind: 'refresh', sid: opened.id });
    on.stored.clock.advance(HOUR);
    expect(await on.sessions.inspect(opened.refreshToken)).toMatchObject({ kind: 'refresh' });
    expect(await on.sessions.inspect(next.refreshToken)).toMatchObject({ kind: 'refresh' });
    on.stored.clock.advance(30.001);
    expect(await on.sessions.inspect(opened.refreshToken)).toBeUndefined();
    expect(await on.sessions.inspect(next.refreshToken)).toMatchObject({ kind: 'refresh' });
  });

  test('that was seen in use is kept with the session, so that every process knows', async () => {
    const opened = await on.open();
    const next = await on.sessions.refresh(opened.refreshToken, CLIENT);
    on.stored.clock.advance(60);
    await on.sessions.authenticate(opened.accessToken);
    await on.sessions.authenticate(next.accessToken);
    await on.sessions.close();
    expect(await on.rowOf(opened)).toMatchObject({
      replaced: [[1, on.stored.clock.now()]],
      last_used_at: new Date(on.stored.clock.now()),
      version: 3,
    });
  });
});

describe('what another process has revoked', () => {
  test('is refused here a second later', async () => {
    const opened = await on.open();
    const other = await on.start();
    await other.endById(opened.id, WHY);
    await other.close();
    on.stored.clock.advance(1.001);
    expect(await on.isTaken(opened)).toBe(false);
  });

  test('and can’t be known is a fault of ours, not of the token', async () => {
    const opened = await on.open();
    on.stored.clock.advance(1.001);
    jest.spyOn(on.stored.models.Revocation, 'pageAfter').mockRejectedValue(new Error('gone'));
    const { sessions } = on;
    for (const asked of [sessions.authenticate(opened.accessToken), sessions.inspect(opened.accessToken)])
      await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a revoked token', () => {
  test.each(['accessToken', 'refreshToken'] as const)('takes its session with it, whoever brings its %s and is nobody', async (which) => {
    const [opened, other] = [await on.open(), await on.open()];
    await on.sessions.revoke(opened[which], { kind: 'nobody' }, CLIENT);
    expect([await on.isTaken(opened), await on.isTaken(other)]).toEqual([false, true]);
    expect(await on.ended()).toMatchObject([
      { actor: { kind: 'nobody', id: null }, userId: on.stored.ada, sessionId: opened.id, details: { reason: 'revoked', sessions: 1 } },
    ]);
    expect((await on.rowOf(opened)).get({ plain: true })).toMatchObject({
      end_reason: 'revoked',
      ended_at: new Date(on.stored.clock.now()),
      expires_at: new Date(on.stored.clock.now()),
    });
    expect(on.logged()).toContainEqual(
      expect.objectContaining({ level: 'info', session_id: opened.id, reason: 'revoked', msg: 'session ended' }),
    );
  });

  test('is the caller’s own where the caller is known', async () => {
    const [own, others] = [await on.open(), await on.open(on.stored.bob)];
    for (const { refreshToken } of [own, others]) await on.sessions.revoke(refreshToken, on.callerOf(on.stored.ada, own.id), CLIENT);
    expect([await on.isTaken(own), await on.isTaken(others)]).toEqual([false, true]);
    expect(await on.ended()).toMatchObject([{ actor: { kind: 'user', id: String(on.stored.ada) } }]);
  });

  test('is none that a service brings, and none that is no token', async () => {
    const opened = await on.open();
    await on.sessions.revoke(opened.refreshToken, { kind: 'service', keyId: 'k', scopes: [] }, CLIENT);
    await on.sessions.revoke('nonsense', { kind: 'nobody' }, CLIENT);
    expect(await on.isTaken(opened)).toBe(true);
  });
});

describe('a log-out', () => {
  const logOut = (caller: Caller, refreshToken: string | undefined, scope: 'this' | 'others' | 'all'): Promise<void> =>
    on.sessions.logOut({ caller, refreshToken, client: CLIENT }, scope);

  test.each([
    ['this', [false, true, true]],
    ['others', [true, false, true]],
    ['all', [false, false, true]],
  ] as const)('of %s ends those alone, by the access token as by the refresh token', async (scope, left) => {
    for (const by of ['access', 'refresh']) {
      const all = [await on.open(), await on.open(), await on.open(on.stored.bob)] as const;
      await (by === 'access'
        ? logOut(on.callerOf(on.stored.ada, all[0].id), undefined, scope)
        : logOut({ kind: 'nobody' }, all[0].refreshToken, scope));
      expect(await Promise.all(all.map(on.isTaken))).toEqual(left);
      const [{ actor, details } = {}] = await on.ended();
      expect(actor?.kind).toBe(by === 'access' ? 'user' : 'nobody');
      expect(details).toMatchObject({ reason: 'log_out' });
      await on.sessions.endAllNow(on.stored.ada, WHY);
    }
  });

  test('of this session may be asked for again, and of more only while its token is good', async () => {
    const opened = await on.open();
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
