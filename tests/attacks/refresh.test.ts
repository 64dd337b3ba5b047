import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { text } from '../support/answers.js';
import { callsOf, EVERYWHERE, expectRefused, NOWHERE, type SessionCalls, type Tokens, tokensOf } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const GRACE_SECONDS = 30;
const MOMENT = 0.001;
const HOUR = 3600;
const DAY = 24 * HOUR;

let auth: TestApp;
let calls: SessionCalls;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
});
afterAll(() => auth.close());

const logIn = async (): Promise<Tokens> => auth.session(await auth.createUser());

/** A session after so many refreshes: the tokens of each, oldest first. */
async function generations(count: number): Promise<Tokens[]> {
  const all = [await logIn()];
  while (all.length < count) all.push(await calls.refreshed(all.at(-1)?.refreshToken ?? ''));
  return all;
}

/** The first two of a session, of which the second was not seen in use. */
async function twoGenerations(): Promise<[old: Tokens, successor: Tokens]> {
  const old = await logIn();
  return [old, await calls.refreshed(old.refreshToken)];
}

describe('a refresh token in the hands of its owner', () => {
  test('50 at once with one token get one and the same successor, and access tokens that work', async () => {
    const { refreshToken: token } = await logIn();
    const answers = await Promise.all(Array.from({ length: 50 }, () => calls.refresh(token)));
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(50).fill(200));
    const tokens = answers.map(tokensOf);
    const successors = new Set(tokens.map(({ refreshToken }) => refreshToken));
    expect(successors.size).toBe(1);
    expect(successors).not.toContain(token);
    // The clock stands: tokens of one generation with the same claims are the same.
    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1);
    for (const { accessToken } of tokens) expect(await calls.isTaken('/verify-token', accessToken)).toBe(true);
  });

  test('a lost answer is had again an hour later, as often as it is asked for', async () => {
    const [old, lost] = await twoGenerations();
    for (const _again of [1, 2, 3]) {
      auth.clock.advance(HOUR);
      const { accessToken, refreshToken } = await calls.refreshed(old.refreshToken);
      expect(refreshToken).toBe(lost.refreshToken);
      expect(accessToken).not.toBe(lost.accessToken);
    }
    await calls.expectAlive(await calls.refreshed(old.refreshToken));
  });

  test('a lost answer is had again for 24 hours and not a moment longer', async () => {
    const [old, lost] = await twoGenerations();
    auth.clock.advance(DAY);
    const late = await calls.refreshed(old.refreshToken);
    expect(late.refreshToken).toBe(lost.refreshToken);
    auth.clock.advance(MOMENT);
    expectRefused(await calls.refresh(old.refreshToken), 'refresh_token_reused');
    await calls.expectEnded(late);
  });

  test('asking again does not make the 24 hours longer', async () => {
    const [old] = await twoGenerations();
    for (const hours of [10, 10, 4]) {
      auth.clock.advance(hours * HOUR);
      await calls.refreshed(old.refreshToken);
    }
    auth.clock.advance(MOMENT);
    expectRefused(await calls.refresh(old.refreshToken), 'refresh_token_reused');
  });

  const NOT_SEEN: [string, (old: Tokens, successor: Tokens) => Promise<unknown>][] = [
    [
      'the access token of before',
      async (old) => {
        expect(await calls.whereTaken(old.accessToken)).toEqual(EVERYWHERE);
      },
    ],
    ['the old token itself at /introspect', (old) => calls.introspect(old.refreshToken)],
    ['the successor with a forged end', (_old, { refreshToken }) => calls.introspect(`${refreshToken.slice(0, -2)}AA`)],
    ['the successor’s access token with a forged end', (_old, { accessToken }) => calls.whereTaken(`${accessToken.slice(0, -2)}AA`)],
    [
      'the successor’s access token once it has expired',
      async (_old, { accessToken }) => {
        auth.clock.advance(HOUR);
        expect(await calls.whereTaken(accessToken)).toEqual(NOWHERE);
      },
    ],
  ];
  test.each(NOT_SEEN)('%s shows nothing: the old token is taken hours later', async (_what, use) => {
    const [old, successor] = await twoGenerations();
    await use(old, successor);
    auth.clock.advance(2 * HOUR);
    expect((await calls.refreshed(old.refreshToken)).refreshToken).toBe(successor.refreshToken);
  });
});

describe('a refresh token that was replaced', () => {
  const SEEN: [string, (successor: Tokens) => Promise<unknown>][] = [
    ['its access token on /users/me', ({ accessToken }) => calls.isTaken('/users/me', accessToken)],
    ['its access token on /verify-token', ({ accessToken }) => calls.isTaken('/verify-token', accessToken)],
    ['its access token on /verify-token/{token}', ({ accessToken }) => calls.isTaken('/verify-token/{token}', accessToken)],
    ['its access token at /introspect', ({ accessToken }) => calls.isTaken('/introspect', accessToken)],
    ['itself at /introspect', ({ refreshToken }) => calls.introspect(refreshToken)],
    ['a refresh', ({ refreshToken }) => calls.refreshed(refreshToken)],
  ];

  test.each(SEEN)(
    'is taken for 30 seconds after its successor was seen in use by %s, and ends the session after that',
    async (_what, use) => {
      const [old, successor] = await twoGenerations();
      auth.clock.advance(600);
      await use(successor);
      const { refreshToken: newest } = await calls.refreshed(old.refreshToken);
      auth.clock.advance(GRACE_SECONDS);
      const repeated = await calls.refreshed(old.refreshToken);
      expect(repeated.refreshToken).toBe(newest);
      auth.clock.advance(1);
      expectRefused(await calls.refresh(old.refreshToken), 'refresh_token_reused');
      for (const tokens of [old, successor, repeated]) await calls.expectEnded(tokens);
    },
  );

  test('is taken for 30 seconds from the first time its successor was seen, however often it is seen', async () => {
    const [old, successor] = await twoGenerations();
    for (const _again of [1, 2, 3]) {
      expect(await calls.whereTaken(successor.accessToken)).toEqual(EVERYWHERE);
      auth.clock.advance(GRACE_SECONDS / 3);
    }
    await calls.refreshed(old.refreshToken);
    auth.clock.advance(MOMENT);
    expectRefused(await calls.refresh(old.refreshToken), 'refresh_token_reused');
  });

  test('ends the session also when it comes with the newest at once', async () => {
    const [old, successor] = await twoGenerations();
    await calls.isTaken('/users/me', successor.accessToken);
    auth.clock.advance(GRACE_SECONDS + 1);
    const [reused, other] = await Promise.all([calls.refresh(old.refreshToken), calls.refresh(successor.refreshToken)]);
    expectRefused(reused, 'refresh_token_reused');
    await calls.expectEnded(other.status === 200 ? tokensOf(other) : successor);
  });

  test('its grandchildren are taken from it 31 seconds later, and every generation has ended', async () => {
    const all = await generations(4);
    expect((await calls.refreshed(all[0]?.refreshToken ?? '')).refreshToken).toBe(all[3]?.refreshToken);
    auth.clock.advance(GRACE_SECONDS + 1);
    expectRefused(await calls.refresh(all[0]?.refreshToken ?? ''), 'refresh_token_reused');
    for (const tokens of all) await calls.expectEnded(tokens);
  });

  const STEP = 4;
  const COUNT = 6;
  const OLD = Array.from({ length: COUNT - 1 }, (_, index) => index);

  /** Refreshed every four seconds: the successor of the one at `index` was seen in use `(index + 1) * STEP` seconds after the log-in. */
  async function rapid(): Promise<Tokens[]> {
    const all = [await logIn()];
    while (all.length < COUNT) {
      all.push(await calls.refreshed(all.at(-1)?.refreshToken ?? ''));
      auth.clock.advance(STEP);
    }
    await calls.isTaken('/users/me', all.at(-1)?.accessToken ?? '');
    return all;
  }
  /** Seconds from where `rapid` ends to the last moment at which that one is taken. */
  const graceOf = (index: number): number => (index + 1 - COUNT + 1) * STEP + GRACE_SECONDS;

  test.each(OLD)('of six within 30 seconds the one at %i is taken for its own 30 seconds and not a moment longer', async (index) => {
    const all = await rapid();
    const [old, newest] = [all[index]?.refreshToken ?? '', all.at(-1)?.refreshToken];
    auth.clock.advance(graceOf(index));
    expect((await calls.refreshed(old)).refreshToken).toBe(newest);
    auth.clock.advance(MOMENT);
    expectRefused(await calls.refresh(old), 'refresh_token_reused');
  });

  test('of six within 30 seconds each is active at /introspect for its own 30 seconds, which ends nothing', async () => {
    const all = await rapid();
    let passed = 0;
    for (const index of OLD) {
      const active = (): Promise<boolean[]> => Promise.all(all.map(({ refreshToken }) => calls.isTaken('/introspect', refreshToken)));
      auth.clock.advance(graceOf(index) - passed);
      expect(await active()).toEqual(all.map((_, one) => one >= index));
      auth.clock.advance(MOMENT);
      expect(await active()).toEqual(all.map((_, one) => one > index));
      passed = graceOf(index) + MOMENT;
    }
    await calls.refreshed(all.at(-1)?.refreshToken ?? '');
  });

  test('reused by many at once ends its session once', async () => {
    const [old, successor] = await twoGenerations();
    await calls.isTaken('/users/me', successor.accessToken);
    auth.clock.advance(GRACE_SECONDS + 1);
    const before = auth.log.length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => calls.refresh(old.refreshToken)));
    const codes = answers.map((answer) => text(answer.body, 'code'));
    for (const [index, answer] of answers.entries()) expectRefused(answer, codes[index] ?? '');
    expect(codes).toContain('refresh_token_reused');
    expect(codes.filter((code) => code !== 'refresh_token_reused' && code !== 'session_revoked')).toEqual([]);
    expect(auth.log.slice(before).filter((line) => line.includes('session ended'))).toHaveLength(1);
    const feed = await auth.http().get('/revocations?limit=100').set('Authorization', `Bearer ${calls.serviceKey}`);
    expect(JSON.stringify(feed.body).split(old.refreshToken.split('.')[0] ?? '')).toHaveLength(2);
    await calls.expectEnded(successor);
  });

  test('ends no other session of its user', async () => {
    const user = await auth.createUser();
    const [old, other] = [await auth.session(user), await auth.session(user)];
    const successor = await calls.refreshed(old.refreshToken);
    await calls.refreshed(successor.refreshToken);
    auth.clock.advance(GRACE_SECONDS + 1);
    expectRefused(await calls.refresh(old.refreshToken), 'refresh_token_reused');
    await calls.expectAlive(other);
  });
});
