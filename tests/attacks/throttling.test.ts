import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { AppError } from '../../src/errors/app-error.js';
import { createHasher, type Hasher } from '../../src/adapters/hasher.js';
import type { TestUser } from '../../src/testing.js';
import { actorOf } from '../support/client.js';
import { expectProblem } from '../support/answers.js';
import { createStoredApp } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { deviceCookieOf, logInsAt, retryAfter, times, WRONG } from '../support/throttling.js';

const [MINUTE, HOUR] = [60, 3600];
const STRANGER = '198.51.100.7';
const OWNER = '203.0.113.9';

let auth: TestApp;
let user: TestUser;
const begin = async (settings: Record<string, string> = {}): Promise<ReturnType<typeof logInsAt>> => {
  auth = await createTestApp({ RATE_LIMIT: 'on', TRUST_PROXY: '1', ...settings });
  user = await auth.createUser({ email: 'owner@example.com', emailVerified: true });
  return logInsAt(auth);
};
let calls: ReturnType<typeof logInsAt>;
beforeEach(async () => {
  calls = await begin();
});
afterEach(async () => {
  await auth.close();
});

const right = () => ({ username: user.username, password: user.password });
const expectLimited = (response: Response, seconds: number): void => {
  expectProblem(response, 429, 'rate_limited', { oauth: 'invalid_request' });
  expect(retryAfter(response)).toBe(seconds);
};
/** What an answer tells of the limits, and all else of it that could tell one account from another. */
const shown = ({ status, headers, text }: Response): unknown => [
  status,
  headers['retry-after'],
  headers['ratelimit'],
  headers['ratelimit-policy'],
  text.replace(/"request_id":"[^"]+"/, ''),
];

describe('guesses at one account', () => {
  test('are taken ten times; then each waits twice as long as the one before, up to an hour, and the right one counts as nothing meanwhile', async () => {
    expect(await calls.inARow(10, { username: user.username })).toEqual(times(10, 401));
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60].map((minutes) => minutes * MINUTE)) {
      expectLimited(await calls.logIn(right()), seconds);
      auth.clock.advance(seconds - 1);
      expectLimited(await calls.logIn(right()), 1);
      auth.clock.advance(1);
      expect((await calls.logIn({ username: user.username })).status).toBe(401);
    }
    auth.clock.advance(HOUR);
    expect((await calls.logIn(right())).status).toBe(200);
    expect(await calls.inARow(10, { username: user.username })).toEqual(times(10, 401));
  });

  test('are answered alike for a name that nobody has, to the letter, all the way', async () => {
    const [present, absent]: [unknown[], unknown[]] = [[], []];
    for (let made = 0; made < 13; made += 1) {
      present.push(shown(await calls.logIn({ username: user.username, from: OWNER })));
      absent.push(shown(await calls.logIn({ username: 'nobody-at-all', from: STRANGER })));
      if (made === 11) auth.clock.advance(MINUTE);
    }
    expect(absent).toEqual(present);
    expect(JSON.stringify(present)).toContain('429');
  });

  test('share one count, however the account is named', async () => {
    const names = [user.username, user.username.toUpperCase(), 'owner@example.com', 'Owner@Example.COM'];
    for (let made = 0; made < 10; made += 1) {
      expect((await calls.logIn({ username: names[made % names.length] ?? '' })).status).toBe(401);
    }
    for (const username of names) expectLimited(await calls.logIn({ username, password: user.password }), MINUTE);
  });

  test('at once count each: of 100 ten are looked at', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => calls.logIn({ username: user.username })));
    expect(answers.map(({ status }) => status).sort()).toEqual([...times(10, 401), ...times(90, 429)]);
    expectLimited(await calls.logIn(right()), MINUTE);
    auth.clock.advance(MINUTE);
    const later = await Promise.all(Array.from({ length: 20 }, () => calls.logIn({ username: user.username })));
    expect(later.map(({ status }) => status).sort()).toEqual([401, ...times(19, 429)]);
  });

  test('from many addresses count together, and those of other accounts apart', async () => {
    for (let made = 0; made < 10; made += 1) {
      expect((await calls.logIn({ username: user.username, from: `198.51.100.${made}` })).status).toBe(401);
    }
    expectLimited(await calls.logIn({ ...right(), from: OWNER }), MINUTE);
    const other = await auth.createUser();
    expect((await calls.logIn({ ...other, from: OWNER })).status).toBe(200);
  });

  test('are forgotten fifteen minutes after the first, and by a log-in', async () => {
    expect(await calls.inARow(9, { username: user.username })).toEqual(times(9, 401));
    auth.clock.advance(15 * MINUTE);
    expect(await calls.inARow(9, { username: user.username })).toEqual(times(9, 401));
    expect((await calls.logIn(right())).status).toBe(200);
    expect(await calls.inARow(10, { username: user.username })).toEqual(times(10, 401));
    expect((await calls.logIn(right())).status).toBe(429);
  });

  test('that wait are recorded once for each wait, and what was refused meanwhile as a count', async () => {
    const details = { limit: 'log_in', by: 'account' };
    // The tenth begins a wait, and five are refused; behind it the first begins another, and fourteen are refused.
    await calls.inARow(15, { username: user.username });
    auth.clock.advance(MINUTE);
    await calls.inARow(15, { username: user.username });
    auth.clock.advance(MINUTE);
    await auth.services.audit.recordSummaries();
    const { items } = await auth.services.audit.list({ type: 'limit.reached' }, { limit: 100 });
    expect([...items].reverse()).toMatchObject(
      [details, { ...details, count: 5 }, details, { ...details, count: 14 }].map((one) => ({ userId: user.id, details: one })),
    );
  });
});

describe('a hundred wrong guesses in a row', () => {
  /** All at once, where that many may be tried in one window. */
  const guessAll = async (): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => calls.logIn({ username: user.username, from: STRANGER })));
    expect(answers.map(({ status }) => status)).toEqual(times(100, 401));
  };
  beforeEach(async () => {
    await auth.close();
    // Where the database answers faster than hashes are made, all of them wait for a thread.
    calls = await begin({ LIMIT_FAILURES_PER_ADDRESS: '1000000', LIMIT_FAILURES_PER_ACCOUNT: '100', HASH_QUEUE_LIMIT: '100' });
  });

  test('are the last that strangers have, however long they wait', async () => {
    const known = deviceCookieOf(await calls.logIn(right()));
    await guessAll();
    expectLimited(await calls.logIn({ ...right(), from: OWNER }), MINUTE);
    for (const seconds of [MINUTE, HOUR, 30 * 24 * HOUR]) {
      auth.clock.advance(seconds);
      expectLimited(await calls.logIn({ ...right(), from: OWNER }), HOUR);
    }
    expect((await calls.logIn({ ...right(), cookie: known })).status).toBe(200);
    // The owner was there: it is a new row.
    expect((await calls.logIn({ ...right(), from: OWNER })).status).toBe(200);
  });

  test('end with a password reset, and where an administrator says so', async () => {
    const { id: sessionId } = await auth.session(user);
    const codes = await auth.services.users.makeRecoveryCodes({ ...actorOf(user.id), sessionId }, user.password);
    await guessAll();
    auth.clock.advance(MINUTE);
    expectLimited(await calls.logIn({ ...right(), from: OWNER }), HOUR);
    const reset = { username: user.username, recovery_code: codes[0], new_password: 'another good password' };
    expect((await auth.http().post('/password/reset').send(reset)).status).toBe(204);
    expect((await calls.logIn({ username: user.username, password: 'another good password', from: OWNER })).status).toBe(200);

    await guessAll();
    const agent = await auth.agent(await auth.createUser({ roles: ['user', 'admin'] }));
    expect((await agent.patch(`/admin/users/${user.id}`).send({ disabled: false })).status).toBe(200);
    expect((await calls.logIn({ username: user.username, password: 'another good password', from: OWNER })).status).toBe(200);
  });
});

describe('guesses from one address', () => {
  test('are taken a hundred times, at any accounts, and a log-in in between makes up for none', async () => {
    for (let made = 0; made < 100; made += 1) {
      expect((await calls.logIn({ username: `name-${made}`, from: STRANGER })).status).toBe(401);
      if (made % 40 === 0) expect((await calls.logIn({ ...right(), from: STRANGER })).status).toBe(200);
    }
    expectLimited(await calls.logIn({ ...right(), from: STRANGER }), MINUTE);
    expect((await calls.logIn({ ...right(), from: OWNER })).status).toBe(200);
    auth.clock.advance(MINUTE);
    expect(await calls.inARow(2, { username: 'name-again', from: STRANGER })).toEqual([401, 429]);
  });

  test('are those of its /64 in IPv6, and of its IPv4 address however that is written', async () => {
    await auth.close();
    calls = await begin({ LIMIT_FAILURES_PER_ADDRESS: '3' });
    for (const [written, other] of [
      [['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '[2001:DB8:1:2::5]:4711', '2001:db8:1:2::4'], '2001:db8:1:3::1'],
      [['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '192.0.2.1:999'], '192.0.2.2'],
    ] as const) {
      const statuses = [];
      for (const [index, from] of written.entries()) statuses.push((await calls.logIn({ username: `name-${index}`, from })).status);
      expect(statuses).toEqual([401, 401, 401, 429]);
      expect((await calls.logIn({ username: 'name', from: other })).status).toBe(401);
    }
  });

  test('are counted by the last entry that the one trusted proxy has written, whatever stands before it', async () => {
    await auth.close();
    calls = await begin({ LIMIT_FAILURES_PER_ADDRESS: '3' });
    const statuses = [];
    for (let made = 0; made < 4; made += 1) {
      statuses.push((await calls.logIn({ username: `name-${made}`, from: `10.0.0.${made}, ${STRANGER}` })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 429]);
  });

  test.each(['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'True-Client-IP', 'CF-Connecting-IP', 'X-Client-IP'])(
    'are counted by the socket where no proxy is trusted, with a %s of another address each time',
    async (header) => {
      await auth.close();
      await begin({ LIMIT_FAILURES_PER_ADDRESS: '3', TRUST_PROXY: '0' });
      const statuses = [];
      for (let made = 0; made < 4; made += 1) {
        const address = Array.from(randomBytes(4)).join('.');
        const sent = { [header]: header === 'Forwarded' ? `for=${address}` : address };
        statuses.push(
          (
            await auth
              .http()
              .post('/token')
              .set(sent)
              .send({ username: `name-${made}`, password: WRONG })
          ).status,
        );
      }
      expect(statuses).toEqual([401, 401, 401, 429]);
    },
  );

  test('can’t go by another spelling of the path or another method', async () => {
    await auth.close();
    calls = await begin({ LIMIT_FAILURES_PER_ADDRESS: '1' });
    await calls.inARow(1, { username: 'name' });
    for (const path of ['//token', '/Token', '/TOKEN', '/token/', '/./token', '/%74oken', '/token;a=b', '/token%2F', '/x/../token']) {
      const response = await auth.http().post(path).send(right());
      expect([path, response.status]).toEqual([path, 404]);
    }
    for (const path of ['/token?a=b', '/token?', '/token#']) expect((await auth.http().post(path).send(right())).status).toBe(429);
    const overridden = await auth.http().get('/token').set('X-HTTP-Method-Override', 'POST').send(right());
    expect(overridden.status).toBe(405);
  });
});

describe('a device on which the owner has logged in', () => {
  test('bears a cookie that no script, no other host and no other site can use, for a year, and keeps its name', async () => {
    const first = await calls.logIn(right());
    const cookies: unknown = first.headers['set-cookie'];
    expect(String(cookies)).toMatch(
      /^__Host-device=[\w-]{22}\.\d+\.[\w-]{43}; Max-Age=31536000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    auth.clock.advance(HOUR);
    const again = deviceCookieOf(await calls.logIn({ ...right(), cookie: deviceCookieOf(first) }));
    expect(again).not.toBe(deviceCookieOf(first));
    expect(again.split('.')[0]).toBe(deviceCookieOf(first).split('.')[0]);
    expect((await calls.logIn({ username: user.username })).headers['set-cookie']).toBeUndefined();
  });

  test('is let in with the right password while strangers have to wait, also from their address', async () => {
    const cookie = deviceCookieOf(await calls.logIn({ ...right(), from: STRANGER }));
    expect(await calls.inARow(11, { username: user.username, from: STRANGER })).toEqual([...times(10, 401), 429]);
    for (let made = 0; made < 90; made += 1) await calls.logIn({ username: `name-${made}`, from: STRANGER });
    expect((await calls.logIn({ ...right(), from: STRANGER })).status).toBe(429);
    for (const username of [user.username, 'owner@example.com']) {
      expect((await calls.logIn({ username, password: user.password, from: STRANGER, cookie })).status).toBe(200);
    }
    // That takes nothing off the strangers' wait.
    expect((await calls.logIn({ ...right(), from: OWNER })).status).toBe(429);
  });

  test('has ten guesses of its own, and is a stranger after them', async () => {
    const cookie = deviceCookieOf(await calls.logIn(right()));
    expect(await calls.inARow(20, { username: user.username, cookie })).toEqual(times(20, 401));
    expectLimited(await calls.logIn({ ...right(), cookie }), MINUTE);
    auth.clock.advance(MINUTE);
    expect((await calls.logIn({ ...right(), cookie })).status).toBe(200);
  });

  test('is a stranger once the password is another, however many of its cookies somebody has who knew the old one', async () => {
    const cookies: string[] = [];
    for (let made = 0; made < 3; made += 1) cookies.push(deviceCookieOf(await calls.logIn(right())));
    const changed = 'another good password';
    const agent = await auth.agent(user);
    const change = { current_password: user.password, new_password: changed };
    expect((await agent.put('/users/me/password').send(change)).status).toBe(204);
    const statuses: number[] = [];
    for (const cookie of cookies) statuses.push(...(await calls.inARow(10, { username: user.username, cookie })));
    expect(statuses).toEqual([...times(10, 401), ...times(20, 429)]);
    auth.clock.advance(MINUTE);
    const known = deviceCookieOf(await calls.logIn({ username: user.username, password: changed, cookie: cookies[0] ?? '' }));
    expect(await calls.inARow(11, { username: user.username })).toEqual([...times(10, 401), 429]);
    expect((await calls.logIn({ username: user.username, password: changed, cookie: known })).status).toBe(200);
  });

  test('is nobody’s by a cookie that is forged, another user’s, cut off, altered, or older than a year', async () => {
    const other = await auth.createUser();
    const own = deviceCookieOf(await calls.logIn(right()));
    const [name = '', seconds = '', mac = ''] = own.slice('__Host-device='.length).split('.');
    const later = String(Number(seconds) + 1);
    const forged = [
      deviceCookieOf(await calls.logIn(other)),
      `__Host-device=${name}.${later}.${mac}`,
      `__Host-device=${name.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}.${seconds}.${mac}`,
      `__Host-device=${name}.${seconds}.${mac.slice(0, -1)}`,
      `__Host-device=${name}.${seconds}.${'A'.repeat(43)}`,
      `__Host-device=${name}.${seconds}.`,
      `__Host-device=${name}`,
      '__Host-device=',
      own.replace('__Host-', ''),
    ];
    await calls.inARow(10, { username: user.username });
    for (const cookie of forged) expect([cookie, (await calls.logIn({ ...right(), cookie })).status]).toEqual([cookie, 429]);
    expect((await calls.logIn({ ...right(), cookie: own })).status).toBe(200);

    auth.clock.advance(365 * 24 * HOUR);
    await calls.inARow(10, { username: user.username });
    expect((await calls.logIn({ ...right(), cookie: own })).status).toBe(429);
  });
});

test('a log-in that fails by a fault of ours counts as no guess', async () => {
  await auth.close();
  let isBusy = false;
  const hasher = createHasher({ threads: 1, queueLimit: 100 });
  const matches: Hasher['matches'] = (comparison) => (isBusy ? Promise.reject(new AppError('overloaded')) : hasher.matches(comparison));
  auth = await createTestApp({ RATE_LIMIT: 'on' }, { hasher: { ...hasher, matches } });
  user = await auth.createUser();
  calls = logInsAt(auth);
  isBusy = true;
  expect(await calls.inARow(120, { username: user.username })).toEqual(times(120, 503));
  isBusy = false;
  expect((await calls.logIn(right())).status).toBe(200);
});

test('a wrong guess counts and is answered as always, though it can’t be recorded', async () => {
  await auth.close();
  const stored = await createStoredApp({ RATE_LIMIT: 'on' });
  auth = stored;
  user = await auth.createUser();
  calls = logInsAt(auth);
  const rename = async (from: string, to: string): Promise<void> => {
    await stored.users.sequelize?.query(`ALTER TABLE ${from} RENAME TO ${to}`);
  };
  await rename('auth_audit_head', 'out_of_the_way');
  expect(await calls.inARow(12, { username: user.username })).toEqual([...times(10, 401), ...times(2, 429)]);
  await rename('out_of_the_way', 'auth_audit_head');
  expectLimited(await calls.logIn(right()), MINUTE);
});

describe('the headers', () => {
  test('tell how each limit stands, with every answer under one, and what a failure took off it', async () => {
    const good = await calls.logIn(right());
    expect(good.headers['ratelimit-policy']).toBe('"log_ins.address";q=10000;w=900, "log_in.address";q=100;w=900');
    expect(good.headers['ratelimit']).toBe('"log_ins.address";r=9999;t=900, "log_in.address";r=100;t=900');
    auth.clock.advance(10);
    expect((await calls.logIn({ username: user.username })).headers['ratelimit']).toBe(
      '"log_ins.address";r=9998;t=890, "log_in.address";r=99;t=900',
    );
    auth.clock.advance(10);
    expect((await calls.logIn({ username: user.username })).headers['ratelimit']).toBe(
      '"log_ins.address";r=9997;t=880, "log_in.address";r=98;t=890',
    );
    await calls.inARow(8, { username: user.username });
    expect((await calls.logIn(right())).headers).toMatchObject({ ratelimit: '"log_in.account";r=0;t=60', 'retry-after': '60' });
    expect((await auth.http().get('/errors')).headers['ratelimit']).toBeUndefined();
  });

  test('do not tell whether two names are one account’s, or an address somebody’s who has just registered', async () => {
    const standings = async (ask: (name: string, from: string) => Promise<Response>, names: readonly string[], from: string) => {
      const told: unknown[] = [];
      for (const name of names) told.push((await ask(name, from)).headers['ratelimit']);
      return told;
    };
    const one = [user.username, 'owner@example.com'];
    const logIn = (username: string, from: string) => calls.logIn({ username, from });
    const forgot = (identifier: string, from: string) =>
      auth.http().post('/password/forgot').set('X-Forwarded-For', from).send({ identifier });
    for (const ask of [logIn, forgot])
      expect(await standings(ask, one, OWNER)).toEqual(await standings(ask, ['nobody', 'nobody@example.com'], STRANGER));
    const register = (username: string, from: string) => {
      const body = { username, password: 'another good password', email: from === OWNER ? 'owner@example.com' : `${username}@example.com` };
      return auth.http().post('/register').set('X-Forwarded-For', from).send(body);
    };
    expect(await standings(register, ['new-a', 'new-b'], OWNER)).toEqual(await standings(register, ['new-c', 'new-d'], STRANGER));
  });

  test('are not there where the limits are off, and neither are the limits', async () => {
    await auth.close();
    calls = await begin({ RATE_LIMIT: 'off' });
    expect(await calls.inARow(12, { username: user.username })).toEqual(times(12, 401));
    expect((await calls.logIn(right())).headers['ratelimit']).toBeUndefined();
  });
});
