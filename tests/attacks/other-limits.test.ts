import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { actorOf } from '../support/client.js';
import { expectProblem } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { retryAfter, times } from '../support/throttling.js';

const HOUR = 3600;
const NEW = 'a new and good password';

let auth: TestApp;
let user: TestUser;
let token: string;
beforeEach(async () => {
  auth = await createTestApp({
    RATE_LIMIT: 'on',
    TRUST_PROXY: '1',
    LIMIT_FAILURES_PER_ADDRESS: '8',
    LIMIT_REGISTRATIONS_PER_ADDRESS: '6',
    LIMIT_RESETS_PER_ADDRESS: '7',
    LIMIT_REFRESHES_PER_SESSION: '4',
    LIMIT_INTROSPECTIONS_PER_CALLER: '3',
  });
  user = await auth.createUser({ email: 'owner@example.com', emailVerified: true });
  token = await auth.token(user);
});
afterEach(async () => {
  await auth.close();
});

interface Sent {
  readonly method?: 'post' | 'put' | 'patch' | 'delete';
  readonly body?: object;
  readonly bearer?: string;
  readonly from?: string;
}
const send = async (path: string, { method = 'post', body = {}, bearer, from }: Sent): Promise<Response> => {
  const http = auth.http();
  return http[method](path)
    .set({
      ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
      ...(from === undefined ? {} : { 'X-Forwarded-For': from }),
    })
    .send(body);
};

/** The statuses of so many, each made anew. */
async function statusesOf(count: number, make: (index: number) => Promise<Response>): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await make(index)).status);
  return statuses;
}
const expectWait = (response: Response, seconds: number, oauth = false): void => {
  expectProblem(response, 429, 'rate_limited', oauth ? { oauth: 'invalid_request' } : {});
  expect(retryAfter(response)).toBe(seconds);
};

describe('registrations', () => {
  const register = (index: number, more: object = {}, from = '198.51.100.7') =>
    send('/register', { body: { username: `new-user-${index}`, password: NEW, ...more }, from });

  test('from one address are so many an hour, those of taken names among them, and none that breaks a rule', async () => {
    expect(await statusesOf(3, (index) => register(index, { password: 'short' }))).toEqual(times(3, 422));
    expect(await statusesOf(3, (index) => register(index))).toEqual(times(3, 201));
    expect(await statusesOf(3, (index) => register(index))).toEqual(times(3, 409));
    expectWait(await register(9), HOUR);
    expect((await register(9, {}, '198.51.100.8')).status).toBe(201);
    auth.clock.advance(HOUR);
    expect((await register(10)).status).toBe(201);
  });

  test('with tagged addresses of one mailbox are five an hour, so that `carol+0@` to `carol+11@` flood nobody', async () => {
    const claim = (index: number) => register(300 + index, { email: `carol+${index}@example.com` }, `203.0.113.${index}`);
    expect(await statusesOf(12, claim)).toEqual([...times(5, 201), ...times(7, 429)]);
    const dotted = [
      'c.a.rol@gmail.com',
      'carol+a@gmail.com',
      'ca.rol@googlemail.com',
      'CAROL@gmail.com',
      'carol@gmail.com',
      'c.arol@gmail.com',
    ];
    const gmail = (index: number) => register(400 + index, { email: dotted[index] }, `203.0.113.${index}`);
    expect(await statusesOf(6, gmail)).toEqual([...times(5, 201), 429]);
    expect((await register(500, { email: 'carola@example.com' })).status).toBe(201);
  });

  test('with one e-mail address are five an hour from wherever, whether or not it is anybody’s, so that nobody is flooded with mail', async () => {
    for (const [round, email] of ['owner@example.com', 'nobody@example.com'].entries()) {
      const claim = (index: number) =>
        register(round * 100 + index, { email: index % 2 === 0 ? email : email.toUpperCase() }, `203.0.113.${index}`);
      expect(await statusesOf(6, claim)).toEqual([...times(5, 201), 429]);
    }
    const { items } = await auth.services.audit.list({ type: 'limit.reached' }, { limit: 10 });
    expect(items.map(({ details }) => details)).toEqual(times(2, 0).map(() => ({ limit: 'mailbox', by: 'mailbox' })));
  });
});

describe('password resets', () => {
  test('for one account are five an hour, however it is named and from wherever, and as many for a name that nobody has', async () => {
    const names = [user.username, 'owner@example.com', user.username.toUpperCase()];
    const ask = (identifier: string, index: number) => send('/password/forgot', { body: { identifier }, from: `203.0.113.${index}` });
    expect(await statusesOf(6, (index) => ask(names[index % 3] ?? '', index))).toEqual([...times(5, 202), 429]);
    expect(await statusesOf(6, (index) => ask('nobody-at-all', index))).toEqual([...times(5, 202), 429]);
    expectWait(await ask(user.username, 7), HOUR);
    expect((await auth.mails('owner@example.com')).filter(({ purpose }) => purpose === 'password_reset')).toHaveLength(5);
  });

  test('from one address are so many an hour, for whomever', async () => {
    const ask = (index: number) => send('/password/forgot', { body: { identifier: `name-${index}` }, from: '198.51.100.7' });
    expect(await statusesOf(8, ask)).toEqual([...times(7, 202), 429]);
  });
});

describe('codes and tokens that work once', () => {
  test('are taken from their owner, whoever else guesses at them, and from the same address', async () => {
    const from = '198.51.100.7';
    const makeCode = async (password: string): Promise<string> => {
      const { id: sessionId } = await auth.session({ ...user, password });
      return (await auth.services.users.makeRecoveryCodes({ ...actorOf(user.id), sessionId }, password))[0] ?? '';
    };
    const first = await makeCode(user.password);
    await send('/password/forgot', { body: { identifier: user.username } });
    const mailed = await auth.mails('owner@example.com');
    const linked = mailed.find(({ purpose }) => purpose === 'password_reset')?.token ?? '';
    const guess = { code: { username: user.username, recovery_code: 'guess' }, token: { token: 'A'.repeat(43) } };
    const reset = (what: object, password = NEW) => send('/password/reset', { body: { ...what, new_password: password }, from });
    expect(await statusesOf(9, () => reset(guess.token))).toEqual([...times(8, 400), 429]);
    expect(await statusesOf(6, () => reset(guess.code))).toEqual([...times(5, 400), 429]);
    expect((await reset({ username: user.username, recovery_code: first }, 'short')).status).toBe(422);
    expect((await reset({ token: linked })).status).toBe(204);
    expect((await reset({ token: linked })).status).toBe(429);
    // The reset has revoked the codes.
    const recovery_code = await makeCode(NEW);
    expect((await statusesOf(6, () => reset(guess.code))).at(-1)).toBe(429);
    expect((await reset({ username: user.username, recovery_code }, 'yet another good password')).status).toBe(204);
    expect((await send('/email/verify', { body: guess.token, from })).status).toBe(429);
    const other = await auth.createUser({ email: 'other@example.com' });
    await send('/users/me/email/verification', { bearer: await auth.token(other) });
    const verification = (await auth.mails('other@example.com')).find(({ purpose }) => purpose === 'email_verification')?.token;
    expect((await send('/email/verify', { body: { token: verification }, from })).status).toBe(204);
  });

  test('a recovery code may be guessed five times for an account, and for a name that nobody has', async () => {
    for (const username of [user.username, 'nobody-at-all']) {
      const guess = (index: number) =>
        send('/password/reset', { body: { username, recovery_code: 'guess', new_password: NEW }, from: `203.0.113.${index}` });
      expect(await statusesOf(6, guess)).toEqual([...times(5, 400), 429]);
      expectWait(await guess(9), 60);
      const atOnce = await Promise.all(Array.from({ length: 10 }, (_, index) => guess(index)));
      expect(atOnce.map(({ status }) => status)).toEqual(times(10, 429));
    }
  });

  test.each([
    ['/password/reset', { token: 'A'.repeat(43), new_password: NEW }],
    ['/email/verify', { token: 'A'.repeat(43) }],
  ])('a wrong token at %s counts against its address alone', async (path, body) => {
    const guess = (_index: number) => send(path, { body, from: '198.51.100.7' });
    expect(await statusesOf(9, guess)).toEqual([...times(8, 400), 429]);
    expectWait(await guess(9), 60);
    expect((await send(path, { body, from: '198.51.100.8' })).status).toBe(400);
  });
});

describe('whoever has an access token', () => {
  test('guesses the password behind it ten times, by whatever asks for it, and keeps nobody from logging in', async () => {
    const wrong = { current_password: 'a wrong one' };
    const ways: Sent[] = [
      { method: 'put', body: { ...wrong, new_password: NEW } },
      { method: 'delete', body: wrong },
      { body: wrong },
      { method: 'patch', body: { ...wrong, email: 'another@example.com' } },
    ];
    const paths = ['/users/me/password', '/users/me', '/users/me/recovery-codes', '/users/me'];
    auth.clock.advance(6 * 60);
    const guess = (index: number) => send(paths[index % 4] ?? '', { ...ways[index % 4], bearer: token });
    expect(await statusesOf(10, guess)).toEqual(times(10, 403));
    for (let way = 0; way < 4; way += 1) expectWait(await guess(way), 60);
    expect((await auth.http().post('/token').send({ username: user.username, password: user.password })).status).toBe(200);
  });

  test('that ends with a reset of the password keeps its owner from nothing', async () => {
    const wrong = { current_password: 'a wrong one', new_password: NEW };
    const change = (body: object, bearer: string) => send('/users/me/password', { method: 'put', body, bearer });
    expect(await statusesOf(11, () => change(wrong, token))).toEqual([...times(10, 403), 429]);
    await send('/password/forgot', { body: { identifier: user.username } });
    const reset = (await auth.mails('owner@example.com')).find(({ purpose }) => purpose === 'password_reset')?.token;
    expect((await send('/password/reset', { body: { token: reset, new_password: NEW } })).status).toBe(204);
    const fresh = await auth.token({ ...user, password: NEW });
    expect((await change({ current_password: NEW, new_password: 'yet another good password' }, fresh)).status).toBe(204);
  });

  test('asks by changes of the own name for so many names an hour, from one address and by one account', async () => {
    const ask = (bearer: string, username: string, from: string) =>
      send('/users/me', { method: 'patch', body: { username }, bearer, from });
    const other = await auth.createUser();
    const fresh = async (one: TestUser) => auth.token(one);
    const bearer = await fresh(other);
    expect(await statusesOf(7, () => ask(bearer, user.username, '198.51.100.7'))).toEqual([...times(6, 409), 429]);
    expect((await ask(bearer, user.username, '198.51.100.8')).status).toBe(429);
    const third = await fresh(await auth.createUser());
    expect((await ask(third, user.username, '198.51.100.7')).status).toBe(429);
    expect((await ask(third, user.username, '198.51.100.9')).status).toBe(409);
    expect((await send('/users/me', { method: 'patch', body: { display_name: 'Ada' }, bearer })).status).toBe(200);
  });

  test('keeps nobody from a mailbox of their own by asking in vain', async () => {
    const email = 'own@example.com';
    for (let made = 0; made < 10; made += 1) {
      const from = `203.0.113.${made}`;
      expect((await send('/register', { body: { username: user.username, password: NEW, email }, from })).status).toBe(409);
    }
    const owner = await auth.createUser({ email });
    expect((await send('/users/me/email/verification', { bearer: await auth.token(owner) })).status).toBe(202);
    expect((await send('/register', { body: { username: 'another-name', password: NEW, email } })).status).toBe(201);
  });

  test('floods nobody’s mailbox, with however many accounts', async () => {
    const victim = 'victim@example.com';
    const bearers = await Promise.all(Array.from({ length: 5 }, async () => auth.token(await auth.createUser())));
    for (const [made, bearer] of bearers.entries())
      for (const email of [victim, `own-${made}@example.com`, victim.toUpperCase()])
        await send('/users/me', { method: 'patch', body: { email }, bearer, from: `203.0.113.${made}` });
    for (const bearer of bearers) for (let made = 0; made < 5; made += 1) await send('/users/me/email/verification', { bearer });
    // Five by whoever claims it, and five by those who have.
    expect(await auth.mails(victim)).toHaveLength(10);
  });

  test('has five mails an hour sent to an address, and changes it five times', async () => {
    const other = await auth.createUser({ email: 'other@example.com' });
    const bearer = await auth.token(other);
    const verify = () => send('/users/me/email/verification', { bearer });
    expect(await statusesOf(6, verify)).toEqual([...times(5, 202), 429]);
    const change = (index: number) => send('/users/me', { method: 'patch', body: { email: `new-${index}@example.com` }, bearer });
    expect(await statusesOf(6, change)).toEqual([...times(5, 200), 429]);
    expect((await send('/users/me', { method: 'patch', body: { display_name: 'Other' }, bearer })).status).toBe(200);
  });
});

describe('refreshes', () => {
  const refresh = (refresh_token: string) => send('/token', { body: { grant_type: 'refresh_token', refresh_token }, from: '198.51.100.7' });

  test('of one session are so many a window, and none is another session’s', async () => {
    const [one, other] = [await auth.session(user), await auth.session(user)];
    expect(await statusesOf(5, () => refresh(one.refreshToken))).toEqual([...times(4, 200), 429]);
    expectWait(await refresh(one.refreshToken), 900, true);
    expect((await refresh(other.refreshToken)).status).toBe(200);
    auth.clock.advance(900);
    expect((await refresh(other.refreshToken)).status).toBe(200);
  });

  test('with forged tokens count against their address, and keep nobody from it who has a good one', async () => {
    const { refreshToken } = await auth.session(user);
    const forged = refreshToken.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    expect(await statusesOf(9, (index) => refresh(index % 2 === 0 ? forged : 'garbage'))).toEqual([...times(8, 400), 429]);
    expect((await refresh(refreshToken)).status).toBe(200);
  });
});

describe('introspection', () => {
  const ask = (bearer: string, from = '198.51.100.7') => send('/introspect', { body: { token }, bearer, from });

  test('by one service is so many calls a minute', async () => {
    const [{ key }, other] = [
      await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] }),
      await auth.services.serviceKeys.create({ name: 'blog', scopes: ['introspect'] }),
    ];
    expect(await statusesOf(4, () => ask(key))).toEqual([...times(3, 200), 429]);
    expectWait(await ask(key), 60, true);
    expect((await ask(other.key)).status).toBe(200);
    auth.clock.advance(60);
    expect((await ask(key)).status).toBe(200);
  });

  test('with service keys that are none counts against their address', async () => {
    const { key } = await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] });
    const forged = key.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    expect(await statusesOf(9, () => ask(forged))).toEqual([...times(8, 401), 429]);
    // Who has a key need not wait for those who forge, also behind the same address; and so are several at once.
    expect(await Promise.all([ask(key), ask(key), ask(key)]).then((all) => all.map(({ status }) => status))).toEqual(times(3, 200));
    expect((await ask(forged)).status).toBe(429);
  });
});
