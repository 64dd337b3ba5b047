import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { createTestAuth, type TestAuth } from '../../src/testing.js';
import { CLIENT } from '../support/client.js';
import { createTestMailer, openOutbox, resetMail } from '../support/outbox.js';
import { sharedSettings } from '../support/service-process.js';
import { openTarget, type TestTarget } from '../support/test-database.js';

const START = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const ADA = 'ada@example.com';
const jumps: readonly [string, number][] = [
  ['forth', HOUR],
  ['back', -HOUR],
];

describe('a clock that is set an hour forth or back', () => {
  let target: TestTarget;
  let settings: Readonly<Record<string, string>>;
  let clock: MovableClock;
  let auth: TestAuth;
  beforeEach(async () => {
    target = await openTarget('a SQLite file');
    settings = sharedSettings(target.url);
    clock = movableClock(START);
    auth = await createTestAuth(settings, { clock });
  });
  afterEach(async () => {
    await auth.close();
    await target.drop();
  });
  const jump = (seconds: number): void => {
    clock.set(new Date(clock.now() + seconds * 1000));
  };
  const restart = async (): Promise<void> => {
    await auth.close();
    auth = await createTestAuth(settings, { clock });
  };
  const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
    asking.then(
      () => 'done',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );
  const resetToken = async (): Promise<string> => {
    const before = new Set((await auth.mails(ADA)).map(({ id }) => id));
    await auth.services.passwordResets.request(ADA, CLIENT);
    // By the clock it need not be the newest.
    const token = (await auth.mails(ADA)).find(({ id, purpose }) => purpose === 'password_reset' && !before.has(id))?.token;
    if (typeof token !== 'string') throw new TypeError('a reset has a mail');
    return token;
  };
  const reset = (token: string, times = 0) =>
    codeOf(auth.services.passwordResets.byToken({ token, new_password: `another password of mine ${times}` }, CLIENT));

  test.each(jumps)('%s brings back no one-time token that was used, replaced or removed', async (_, seconds) => {
    await auth.createUser({ email: ADA, emailVerified: true });
    const replaced = await resetToken();
    const used = await resetToken();
    expect(await reset(used)).toBe('done');
    for (const before of [seconds, -seconds, -seconds, seconds]) {
      jump(before);
      expect([await reset(used), await reset(replaced)]).toEqual(Array(2).fill('token_invalid_or_expired'));
      await restart();
      await auth.services.oneTimeTokens.prune();
      expect([await reset(used), await reset(replaced)]).toEqual(Array(2).fill('token_invalid_or_expired'));
    }
    // And one that is made by a wrong clock does its work once.
    jump(seconds);
    const next = await resetToken();
    expect([await reset(next, 1), await reset(next, 2)]).toEqual(['done', 'token_invalid_or_expired']);
  });

  test.each(jumps)('%s logs nobody out who refreshes, and takes no refresh token that was dead before', async (_, seconds) => {
    const user = await auth.createUser();
    const { refreshToken: first } = await auth.session(user);
    const refresh = async (token: string): Promise<string> => (await auth.services.sessions.refresh(token, CLIENT)).refreshToken;
    const second = await refresh(first);
    const third = await refresh(second);
    // Longer than an old token's grace.
    clock.advance(MINUTE);
    jump(seconds);
    const fourth = await refresh(third);
    expect(fourth).not.toBe(third);
    expect(await codeOf(refresh(first))).toBe('refresh_token_reused');
    expect(await codeOf(refresh(fourth))).toBe('session_revoked');
  });

  test('changes nothing about the order of audit events, and breaks no chain', async () => {
    const users: number[] = [];
    for (const seconds of [0, HOUR, -HOUR, -HOUR, HOUR]) {
      jump(seconds);
      users.push((await auth.createUser()).id);
    }
    await restart();
    expect(await auth.services.audit.verify()).toMatchObject({ intact: true, faults: [] });
    const told: unknown[] = [];
    for await (const { type, userId } of auth.services.audit.everything({})) if (type === 'account.registered') told.push(userId);
    expect(told).toEqual(users);
  });

  test.each(jumps)('%s has a mail sent once', async (_, seconds) => {
    const mailer = createTestMailer();
    const outbox = await openOutbox(target, { mailer, clock, rootKey: settings['ROOT_KEY'] ?? '' });
    await outbox.postNow([resetMail(), ADA]);
    jump(seconds);
    await outbox.deliver();
    clock.advance(2 * HOUR);
    await outbox.deliver();
    await outbox.deliver();
    expect(mailer.sent.map(({ to }) => to)).toEqual([ADA]);
    await outbox.close();
  });
});
