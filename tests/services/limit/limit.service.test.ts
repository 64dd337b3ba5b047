import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { limitsOf } from '../../../config/limits.js';
import { createMemoryCounters } from '../../../src/adapters/counters.js';
import { AppError } from '../../../src/errors/app-error.js';
import type { Code } from '../../../src/errors/codes.js';
import type { NewAuditEvent } from '../../../src/services/audit/audit-events.js';
import type { LimitUse } from '../../../src/services/limit/counted.js';
import { createDevices, type Devices } from '../../../src/services/limit/devices.js';
import { createLimitService, type LimitService } from '../../../src/services/limit/limit.service.js';
import { LIMIT_NAMES } from '../../../src/services/limit/policies.js';
import type { Standing } from '../../../src/services/limit/tally.js';
import { CLIENT } from '../../support/client.js';
import { openStoredUsers, type StoredUsers } from '../../support/stored-users.js';
import { times } from '../../support/throttling.js';

const MINUTE = 60;
const HOUR = 3600;
const ROOT_KEY = 'k'.repeat(64);
const SETTINGS = {
  RATE_LIMIT: 'on',
  LIMIT_FAILURES_PER_ACCOUNT: 3,
  LIMIT_FAILURES_PER_ADDRESS: 7,
  LIMIT_CODE_TRIES: 2,
  LIMIT_CONSECUTIVE_FAILURES: 6,
  LIMIT_WINDOW_MINUTES: 15,
  LIMIT_LONGEST_WAIT_MINUTES: 60,
  LIMIT_REGISTRATIONS_PER_ADDRESS: 4,
  LIMIT_RESETS_PER_ADDRESS: 5,
  LIMIT_MAILS_PER_ACCOUNT: 2,
  LIMIT_REFRESHES_PER_SESSION: 8,
  LIMIT_LOG_INS_PER_ACCOUNT: 20,
  LIMIT_LOG_INS_PER_CLIENT: 30,
  LIMIT_WRITES_PER_ACCOUNT: 6,
  LIMIT_WRITES_PER_CLIENT: 11,
  LIMIT_WRITES_PER_ADMINISTRATOR: 10,
  LIMIT_INTROSPECTIONS_PER_CALLER: 9,
} as const;

let stored: StoredUsers;
let devices: Devices;
let recorded: NewAuditEvent[];
let limits: LimitService;
const build = (settings: Parameters<typeof limitsOf>[0] = SETTINGS): LimitService =>
  createLimitService({
    counters: createMemoryCounters(stored.clock),
    settings: limitsOf(settings),
    rootKeys: { current: ROOT_KEY, previous: undefined },
    devices,
    User: stored.models.User,
    audit: {
      recordRefusal: (event) => {
        recorded.push(event);
        return Promise.resolve();
      },
    },
  });
beforeEach(async () => {
  stored = await openStoredUsers();
  devices = createDevices({ rootKeys: { current: ROOT_KEY, previous: undefined }, clock: stored.clock });
  recorded = [];
  limits = build();
});
afterEach(async () => {
  await stored.database.close();
});

/** The cookie of a device on which that user has logged in. */
const deviceOf = async (id: number, shown?: string): Promise<string> =>
  devices.issue((await stored.models.User.findByPk(id)) ?? { id, hashed_password: null }, shown);

const from = (ip: string) => ({ ...CLIENT, ip });
let told: readonly Standing[];
const tell = (standings: readonly Standing[]): void => {
  told = standings;
};
/** How an attempt went: `done`, the code that it was made to end with, or the seconds to wait. */
async function attempt(uses: LimitUse | LimitUse[], end: Code | 'done' | 'bug' = 'done', ip = '192.0.2.1'): Promise<unknown> {
  const work = (): Promise<string> => {
    if (end === 'bug') return Promise.reject(new TypeError('a bug'));
    return end === 'done' ? Promise.resolve('done') : Promise.reject(new AppError(end));
  };
  return limits.during([uses].flat(), from(ip), work, tell).catch((error: unknown) => {
    if (!(error instanceof AppError)) return 'bug';
    return error.code === 'rate_limited' ? error.details.retryAfterSeconds : error.code;
  });
}
async function inARow(count: number, ...args: Parameters<typeof attempt>): Promise<unknown[]> {
  const seen = [];
  for (let made = 0; made < count; made += 1) seen.push(await attempt(...args));
  return seen;
}
const same = (count: number, what: unknown): unknown[] => times(count, 0).map(() => what);
const logIn = (account: string, device?: string): LimitUse => ({ limit: 'log_in', account, device });

describe('each limit', () => {
  const all: [LimitUse, Code | 'done', number, number, string][] = [
    [{ limit: 'log_in', account: 'ada' }, 'invalid_credentials', 3, MINUTE, 'log_in.account'],
    [{ limit: 'log_in' }, 'invalid_credentials', 7, MINUTE, 'log_in.address'],
    [{ limit: 'log_ins', account: 'ada' }, 'done', 20, 15 * MINUTE, 'log_ins.account'],
    [{ limit: 'log_ins' }, 'invalid_credentials', 30, 15 * MINUTE, 'log_ins.address'],
    [{ limit: 'write', key: 'a session' }, 'done', 3, MINUTE, 'write.session'],
    [{ limit: 'write', account: 1 }, 'insufficient_scope', 6, MINUTE, 'write.account'],
    [{ limit: 'write' }, 'done', 11, MINUTE, 'write.address'],
    [{ limit: 'security_change', key: 'a session' }, 'done', 6, MINUTE, 'security_change.session'],
    [{ limit: 'administration', account: 1 }, 'done', 10, MINUTE, 'administration.account'],
    [{ limit: 'refresh', key: 'a session' }, 'done', 8, 15 * MINUTE, 'refresh.session'],
    [{ limit: 'forged_refresh' }, 'invalid_grant', 7, MINUTE, 'forged_refresh.address'],
    [{ limit: 'registration' }, 'done', 4, HOUR, 'registration.address'],
    [{ limit: 'mailbox', mailbox: 'Ada@Example.com' }, 'done', 2, HOUR, 'mailbox'],
    [{ limit: 'name_change' }, 'done', 4, HOUR, 'name_change.address'],
    [{ limit: 'name_change', account: 1 }, 'username_taken', 4, HOUR, 'name_change.address'],
    [{ limit: 'reset_request' }, 'done', 5, HOUR, 'reset_request.address'],
    [{ limit: 'reset_request', account: 'ada' }, 'done', 2, HOUR, 'reset_request.account'],
    [{ limit: 'recovery_code', account: 'ada' }, 'token_invalid_or_expired', 2, MINUTE, 'recovery_code.account'],
    [{ limit: 'recovery_code' }, 'token_invalid_or_expired', 7, MINUTE, 'recovery_code.address'],
    [{ limit: 'one_time_token' }, 'token_invalid_or_expired', 7, MINUTE, 'one_time_token.address'],
    [{ limit: 'current_password', account: 1 }, 'current_password_invalid', 3, MINUTE, 'current_password.account'],
    [{ limit: 'verification_mail', account: 1 }, 'done', 2, HOUR, 'verification_mail.account'],
    [{ limit: 'verification_mail', mailbox: 'ada@example.com' }, 'done', 2, HOUR, 'verification_mail.mailbox'],
    [{ limit: 'address_change', account: 1 }, 'done', 2, HOUR, 'address_change.account'],
    [{ limit: 'introspection', key: 'a service' }, 'done', 9, MINUTE, 'introspection.caller'],
    [{ limit: 'service_key' }, 'invalid_token', 7, MINUTE, 'service_key.address'],
  ];
  test.each(all)('%j that ends with %s is taken %i times, and has to wait %i s then', async (use, end, most, seconds, policy) => {
    expect(await inARow(most, use, end)).toEqual(same(most, end));
    expect(await attempt(use, end)).toBe(seconds);
    expect(told).toMatchObject([{ policy, quota: most, remaining: 0, resetSeconds: seconds }]);
    expect(new Set(recorded.map(({ type, details }) => `${type} ${String(details?.['limit'])}`))).toEqual(
      new Set([`limit.reached ${use.limit}`]),
    );
  });

  test('is one of those above', () => {
    expect(new Set(all.map(([{ limit }]) => limit))).toEqual(new Set(LIMIT_NAMES));
  });

  test('counts by itself: what one forbids, another allows', async () => {
    await inARow(9, { limit: 'one_time_token' }, 'token_invalid_or_expired');
    expect(await attempt({ limit: 'service_key' }, 'invalid_token')).toBe('invalid_token');
    expect(await attempt({ limit: 'one_time_token' }, 'token_invalid_or_expired', '192.0.2.2')).toBe('token_invalid_or_expired');
  });
});

describe('an attempt', () => {
  test.each<[Code | 'done' | 'bug', boolean]>([
    ['invalid_credentials', true],
    ['invalid_token', true],
    ['invalid_grant', true],
    ['refresh_token_reused', true],
    ['session_revoked', true],
    ['token_invalid_or_expired', true],
    ['current_password_invalid', true],
    ['account_disabled', false],
    ['validation_failed', false],
    ['password_too_common', false],
    ['unavailable', false],
    ['overloaded', false],
    ['internal_error', false],
    ['bug', false],
    ['done', false],
  ])('that ends with %s is a guess: %s', async (end, isGuess) => {
    const expected = isGuess ? [...same(7, end), MINUTE] : same(8, end);
    expect(await inARow(8, { limit: 'one_time_token' }, end)).toEqual(expected);
  });

  test.each<[Code | 'bug', boolean]>([
    ['username_taken', true],
    ['validation_failed', true],
    ['unavailable', false],
    ['overloaded', false],
    ['internal_error', false],
    ['bug', false],
  ])('at a registration that ends with %s counts: %s', async (end, counts) => {
    expect(await inARow(5, { limit: 'registration' }, end)).toEqual(counts ? [...same(4, end), HOUR] : same(5, end));
  });

  test('under two limits falls under both, and what refuses one takes nothing off the other', async () => {
    const both: LimitUse[] = [{ limit: 'registration' }, { limit: 'mailbox', mailbox: 'ada@example.com' }];
    expect(await inARow(4, both)).toEqual(['done', 'done', HOUR, HOUR]);
    expect(told.map(({ policy }) => policy)).toEqual(['mailbox']);
    // Two of four are left: the refused ones were taken back.
    expect(await inARow(3, { limit: 'registration' })).toEqual(['done', 'done', HOUR]);
    expect(recorded.map(({ details }) => details)).toEqual([
      ...times(2, 0).map(() => ({ limit: 'mailbox', by: 'mailbox' })),
      { limit: 'registration', by: 'address' },
    ]);
  });

  test('tells how each of its limits stands, and of what somebody typed nothing before it waits', async () => {
    const address = { quota: 7, windowSeconds: 900, remaining: 6, resetSeconds: 900 };
    await attempt(logIn('ada'), 'invalid_credentials');
    expect(told).toEqual([{ policy: 'log_in.address', ...address }]);
    await attempt([{ limit: 'registration' }, { limit: 'mailbox', mailbox: 'ada@example.com' }]);
    expect(told.map(({ policy }) => policy)).toEqual(['registration.address']);
    await attempt({ limit: 'current_password', account: stored.ada }, 'current_password_invalid');
    expect(told).toMatchObject([{ policy: 'current_password.account', quota: 3, remaining: 2 }]);
  });

  test('at a name counts by its account too, from wherever', async () => {
    const change = (ip: string) => attempt({ limit: 'name_change', account: stored.ada }, 'username_taken', ip);
    for (let made = 0; made < 4; made += 1) expect(await change(`192.0.2.${made}`)).toBe('username_taken');
    expect(await change('192.0.2.9')).toBe(HOUR);
    expect(told.map(({ policy }) => policy)).toEqual(['name_change.account']);
  });

  test('for a user’s own mailbox counts for the address that they have, where one has been sent there', async () => {
    const to = (mailbox: string | number, end: Code | 'done' = 'done') => attempt({ limit: 'verification_mail', mailbox }, end);
    expect(await inARow(5, { limit: 'verification_mail', mailbox: stored.ada })).toEqual(same(5, 'done'));
    await stored.models.User.update({ email: 'ada@example.com', email_fold: 'ada@example.com' }, { where: { id: stored.ada } });
    expect([await to(stored.ada, 'conflict'), await to('ADA@example.com'), await to(stored.ada), await to(stored.ada)]).toEqual([
      'conflict',
      'done',
      'done',
      HOUR,
    ]);
    expect(await to(987_654_321)).toBe('done');
  });

  test('by what nobody guesses does not wait for those who guess, and is not counted', async () => {
    const code = (isGood: boolean): LimitUse => ({ limit: 'recovery_code', account: 'ada', isGood: () => Promise.resolve(isGood) });
    expect(await inARow(3, code(true), 'token_invalid_or_expired')).toEqual([
      ...same(2, 'token_invalid_or_expired'),
      'token_invalid_or_expired',
    ]);
    expect(await attempt(code(false))).toBe(MINUTE);
    expect(await inARow(3, code(true))).toEqual(same(3, 'done'));
    expect(await attempt([code(true), logIn('ada')])).toBe(MINUTE);
    expect(await attempt(code(false))).toBe(MINUTE);
  });
});

describe('an account', () => {
  test('is one by name, by id and by look, and is told in the record; one that nobody has is a key of its own', async () => {
    const names = ['ada', 'ADA', 'ａｄａ'];
    for (const name of names) expect(await attempt(logIn(name), 'invalid_credentials', '192.0.2.9')).toBe('invalid_credentials');
    for (const name of names) expect(await attempt(logIn(name))).toBe(MINUTE);
    expect(await attempt(logIn('bob'))).toBe('done');
    expect(await inARow(4, logIn('nobody'), 'invalid_credentials', '192.0.2.8')).toEqual([...same(3, 'invalid_credentials'), MINUTE]);
    expect(await attempt(logIn('NOBODY'))).toBe(MINUTE);
    expect(await attempt(logIn('nobody else'))).toBe('done');
    expect(recorded.map(({ userId, by }) => [userId, by.ip])).toEqual([
      [stored.ada, '192.0.2.9'],
      ...names.map(() => [stored.ada, '192.0.2.1']),
      ...times(2, 0).map(() => [null, '192.0.2.8']),
      [null, '192.0.2.1'],
    ]);
  });

  test('is let in again where its owner has shown who they are, in password and recovery codes, and no other is', async () => {
    const code = (account: string): LimitUse => ({ limit: 'recovery_code', account });
    const password = (account: number): LimitUse => ({ limit: 'current_password', account });
    for (const name of ['ada', 'bob']) {
      await inARow(3, logIn(name), 'invalid_credentials', name === 'ada' ? '192.0.2.1' : '192.0.2.2');
      await inARow(2, code(name), 'token_invalid_or_expired');
      await inARow(3, password(name === 'ada' ? stored.ada : stored.bob), 'current_password_invalid');
    }
    await stored.database.transaction((transaction) => limits.forgive(stored.ada, transaction));
    expect([await attempt(logIn('ada')), await attempt(code('ada')), await attempt(password(stored.ada))]).toEqual(same(3, 'done'));
    expect([await attempt(logIn('bob')), await attempt(code('bob')), await attempt(password(stored.bob))]).toEqual(same(3, MINUTE));
  });

  test('is at its beginning again after a log-in, and its address is not', async () => {
    for (const end of ['invalid_credentials', 'invalid_credentials', 'done', 'invalid_credentials', 'invalid_credentials', 'done'] as const)
      expect(await attempt(logIn('ada'), end)).toBe(end);
    expect(await inARow(4, logIn('bob'), 'invalid_credentials')).toEqual([...same(3, 'invalid_credentials'), MINUTE]);
    expect(await attempt(logIn('ada'))).toBe(MINUTE);
    expect(told.map(({ policy }) => policy)).toEqual(['log_in.address']);
  });

  test('takes so many wrong guesses in a row from strangers, and then waits for its owner', async () => {
    for (let made = 0; made < 6; made += 1) {
      expect(await attempt(logIn('ada'), 'invalid_credentials', `192.0.2.${made}`)).toBe('invalid_credentials');
      stored.clock.advance(HOUR);
    }
    expect(await inARow(2, logIn('ada'), 'done', '192.0.2.77')).toEqual([HOUR, HOUR]);
    expect(await attempt(logIn('ada', await deviceOf(stored.ada)))).toBe('done');
    expect(await attempt(logIn('ada'), 'done', '192.0.2.77')).toBe('done');
  });
});

describe('log-ins as such', () => {
  const uses = (device?: string): LimitUse[] => [{ limit: 'log_ins', account: 'ada' }, logIn('ada', device)];

  test('count for the account also from known devices, and failures do not, so that no stranger uses them up', async () => {
    const known = await deviceOf(stored.ada);
    for (let made = 0; made < 20; made += 1) {
      if (made < 5) await attempt(uses(), 'invalid_credentials', '192.0.2.9');
      expect(await attempt(uses(known), 'done', `192.0.2.${made}`)).toBe('done');
    }
    expect(await attempt(uses(known), 'done', '192.0.2.50')).toBe(15 * MINUTE);
    expect(told.map(({ policy }) => policy)).toEqual(['log_ins.account']);
  });

  test('count for the client IP whatever their outcome, also from known devices', async () => {
    limits = build({ ...SETTINGS, LIMIT_LOG_INS_PER_CLIENT: 3 });
    const known = await deviceOf(stored.ada);
    expect(await attempt(uses(), 'invalid_credentials')).toBe('invalid_credentials');
    expect(await inARow(3, uses(known))).toEqual(['done', 'done', 15 * MINUTE]);
    expect(await attempt(uses(known), 'done', '192.0.2.50')).toBe('done');
  });
});

test('writes of one session use up half of the account’s, and none of its security changes', async () => {
  const write = (key: string): LimitUse => ({ limit: 'write', account: stored.ada, key });
  expect(await inARow(4, write('thief'))).toEqual([...same(3, 'done'), MINUTE]);
  expect(await attempt(write('owner'))).toBe('done');
  expect((await inARow(7, { limit: 'security_change', key: 'thief' })).at(-1)).toBe(MINUTE);
  expect(await attempt({ limit: 'security_change', key: 'owner' })).toBe('done');
});

describe('a device', () => {
  test('that is known counts by itself alone', async () => {
    const known = await deviceOf(stored.ada);
    await inARow(3, logIn('ada'), 'invalid_credentials');
    expect(await attempt(logIn('ada', known))).toBe('done');
    expect(told.map(({ policy }) => policy)).toEqual(['log_in.device']);
    expect(await inARow(3, logIn('ada', known), 'invalid_credentials')).toEqual(same(3, 'invalid_credentials'));
    expect(recorded.at(-1)).toMatchObject({ userId: stored.ada, details: { limit: 'log_in', by: 'device' } });
    // From here on it is a stranger, who has to wait.
    expect(await attempt(logIn('ada', known))).toBe(MINUTE);
    expect(told.map(({ policy }) => policy)).toEqual(['log_in.account']);
    stored.clock.advance(MINUTE - 1);
    expect(await attempt(logIn('ada', known))).toBe(1);
  });

  test('that has to wait itself waits no longer than for that', async () => {
    await inARow(3, logIn('ada'), 'invalid_credentials', '192.0.2.9');
    stored.clock.advance(MINUTE);
    await attempt(logIn('ada'), 'invalid_credentials', '192.0.2.9');
    expect(await attempt(logIn('ada'))).toBe(2 * MINUTE);
    const known = await deviceOf(stored.ada);
    await inARow(3, logIn('ada', known), 'invalid_credentials');
    expect(await attempt(logIn('ada', known))).toBe(MINUTE);
    expect(told.map(({ policy }) => policy)).toEqual(['log_in.device']);
  });

  test('lets no stranger off a wait by its log-in', async () => {
    await inARow(3, logIn('ada'), 'invalid_credentials');
    expect(await attempt(logIn('ada', await deviceOf(stored.ada)))).toBe('done');
    expect(await attempt(logIn('ada'))).toBe(MINUTE);
  });

  test.each([
    ['another’s', () => deviceOf(stored.bob)],
    ['of an earlier password', () => Promise.resolve(devices.issue({ id: stored.ada, hashed_password: 'an earlier one' }, undefined))],
    ['nobody’s', () => deviceOf(0)],
    ['forged', () => Promise.resolve('x')],
  ])('by a cookie that is %s is none', async (_, cookie) => {
    await inARow(3, logIn('ada'), 'invalid_credentials');
    expect(await attempt(logIn('ada', await cookie()))).toBe(MINUTE);
  });

  test('is known at a log-in alone, and for nobody who does not exist', async () => {
    const code: LimitUse = { limit: 'recovery_code', account: 'ada', device: await deviceOf(stored.ada) };
    await inARow(2, code, 'token_invalid_or_expired');
    expect(await attempt(code)).toBe(MINUTE);
    const nobodys = await deviceOf(0);
    await inARow(3, logIn('nobody'), 'invalid_credentials');
    expect(await attempt(logIn('nobody', nobodys))).toBe(MINUTE);
  });
});

test('where limits are off nothing is counted, told or forgiven', async () => {
  limits = build({ ...SETTINGS, RATE_LIMIT: 'off' });
  told = [];
  expect(await inARow(20, logIn('ada'), 'invalid_credentials')).toEqual(same(20, 'invalid_credentials'));
  expect(told).toEqual([]);
  await stored.database.transaction((transaction) => limits.forgive(stored.ada, transaction));
  expect(recorded).toEqual([]);
});
