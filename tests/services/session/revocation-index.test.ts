import { beforeEach, describe, expect, test } from '@jest/globals';
import { movableClock, type MovableClock } from '../../../src/lib/clock.js';
import {
  CLOCK_DOUBT_MS,
  createRevocationIndex,
  EVERY_SESSION,
  type RevocationIndex,
} from '../../../src/services/session/revocation-index.js';

const START = Date.UTC(2026, 5, 1, 12);
const HOLD_SECONDS = 60;
const HOUR = 3600;
/** NumericDate of a token. */
const ISSUED = START / 1000;

let clock: MovableClock;
let index: RevocationIndex;
beforeEach(() => {
  clock = movableClock(START);
  index = createRevocationIndex(clock);
});

const revoke = (sessionId: string, through: number | null = null, revokedAt = clock.now()): void => {
  index.add({ sessionId, through, revokedAt, holdMs: HOLD_SECONDS * 1000 });
};
/** Has the index drop what is over, which it does as it learns something else; whether it still refuses that session. */
const stillRefuses = (sessionId: string, counter = 1): boolean => {
  revoke('another');
  return index.refuses(sessionId, counter, ISSUED);
};
const setClock = (seconds: number): void => {
  clock.set(new Date(START + seconds * 1000));
};

test('one of a clock that is a year ahead keeps none of those behind it', () => {
  revoke('ahead', null, START + 365 * 24 * HOUR * 1000);
  for (let day = 0; day < 20; day += 1) {
    revoke(`day ${day}`);
    clock.advance(24 * HOUR);
  }
  revoke('last');
  expect(index.size).toBeLessThan(4);
});

describe('what is refused', () => {
  test('is nothing of a session that it was not told of', () => {
    revoke('other');
    expect(index.refuses('one', 1, ISSUED)).toBe(false);
  });

  test('is every token of a session that has ended', () => {
    revoke('one');
    expect([1, 2, 1_000_000].map((counter) => index.refuses('one', counter, ISSUED))).toEqual([true, true, true]);
  });

  test('are tokens up to a counter where the session goes on', () => {
    revoke('one', 3);
    expect([1, 3, 4].map((counter) => index.refuses('one', counter, ISSUED))).toEqual([true, true, false]);
  });

  test.each([
    ['a counter, then a higher one', [3, 5], [true, false]],
    ['a counter, then a lower one', [5, 3], [true, false]],
    ['a counter, then the end', [3, null], [true, true]],
    ['the end, then a counter', [null, 3], [true, true]],
  ] satisfies [string, (number | null)[], boolean[]][])('is the most of what it was told: %s', (_, told, expected) => {
    for (const through of told) revoke('one', through);
    expect([5, 6].map((counter) => index.refuses('one', counter, ISSUED))).toEqual(expected);
    expect(index.size).toBe(1);
  });
});

describe('of every session', () => {
  const revokeAll = (revokedAt = clock.now()): void => {
    revoke(EVERY_SESSION, null, revokedAt);
  };

  test('are refused the tokens issued up to that second, and none issued later', () => {
    revokeAll(START + 999);
    expect([-HOUR, 0, 1].map((seconds) => index.refuses('one', 1, ISSUED + seconds))).toEqual([true, true, false]);
    revokeAll(START - 10_000);
    expect(index.refuses('one', 1, ISSUED)).toBe(true);
    expect(index.size).toBe(0);
  });

  test('are refused none of those issued since, where it was revoked a while ago', () => {
    revokeAll(START - 10_000);
    expect([-10, -9, 0].map((seconds) => index.refuses('one', 1, ISSUED + seconds))).toEqual([true, false, false]);
  });

  test('are refused those of a clock that may be as far ahead as it says, and up to now where it can’t be', () => {
    expect(CLOCK_DOUBT_MS).toBe(2 * HOUR * 1000);
    revokeAll(START + 2 * HOUR * 1000 + 1);
    expect([0, 1].map((seconds) => index.refuses('one', 1, ISSUED + seconds))).toEqual([true, false]);
    revokeAll(START + 2 * HOUR * 1000);
    expect([0, 1].map((seconds) => index.refuses('one', 1, ISSUED + 2 * HOUR + seconds))).toEqual([true, false]);
  });

  test('are refused none for ever as a clock was a year ahead', () => {
    revokeAll(START + 365 * 24 * HOUR * 1000);
    expect([0, 1].map((seconds) => index.refuses('one', 1, ISSUED + seconds))).toEqual([true, false]);
  });
});

describe('it forgets', () => {
  test('what is over by both clocks, and not a moment sooner', () => {
    revoke('one');
    clock.advance(HOLD_SECONDS);
    expect(stillRefuses('one')).toBe(true);
    clock.advance(0.001);
    expect(stillRefuses('one')).toBe(false);
    expect(index.size).toBe(1);
  });

  test('nothing where the clock was set forth and no time has passed', () => {
    revoke('one');
    setClock(HOUR);
    expect(stillRefuses('one')).toBe(true);
    setClock(1);
    expect(stillRefuses('one')).toBe(true);
  });

  test('nothing where the clock was set back, until it has come so far again', () => {
    revoke('one');
    setClock(-HOUR);
    clock.advance(HOUR + HOLD_SECONDS);
    expect(stillRefuses('one')).toBe(true);
    clock.advance(1);
    expect(stillRefuses('one')).toBe(false);
  });

  test('nothing that it has learned a moment ago, however long ago it was revoked and the process was started', () => {
    clock.advance(HOUR);
    revoke('one', null, START);
    clock.advance(HOLD_SECONDS);
    expect(stillRefuses('one')).toBe(true);
    clock.advance(1);
    expect(stillRefuses('one')).toBe(false);
  });

  test('what is told again only after that', () => {
    revoke('one');
    clock.advance(HOLD_SECONDS - 1);
    revoke('one', 1);
    clock.advance(HOLD_SECONDS);
    expect(stillRefuses('one', 9)).toBe(true);
    clock.advance(1);
    expect(stillRefuses('one')).toBe(false);
  });

  test('so that it holds no more than what was revoked within that time', () => {
    for (let second = 0; second < 10_000; second += 1) {
      clock.advance(1);
      revoke(`session ${second}`);
      expect(index.size).toBeLessThanOrEqual(HOLD_SECONDS + 1);
    }
  });
});
