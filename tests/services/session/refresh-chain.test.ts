import { describe, expect, test } from '@jest/globals';
import type { Replaced } from '../../../src/models/session.model.js';
import { type Chain, GRACE_MS, judge, RETRY_MS, type Verdict, withArrival } from '../../../src/services/session/refresh-chain.js';

const NOW = Date.UTC(2026, 5, 1, 12);
const HOUR_MS = 60 * 60 * 1000;

/** A chain whose newest token was made now, and of which nothing arrived. */
const chain = (changed: Partial<Chain> = {}): Chain => ({ counter: 5, replaced: [], rotatedAt: NOW, refusedThrough: 0, ...changed });
/** Verdicts on the tokens from 1 on. */
const verdicts = (of: Chain, now = NOW): Verdict[] => Array.from({ length: of.counter + 1 }, (_, index) => judge(of, index + 1, now));

test('the grace is 30 seconds, and a lost answer may be asked for during 24 hours', () => {
  expect([GRACE_MS, RETRY_MS]).toEqual([30_000, 86_400_000]);
});

describe('a refresh token', () => {
  const histories: readonly [string, Chain, number, Verdict[]][] = [
    ['of a new session', chain({ counter: 1 }), NOW, ['rotate', 'unknown']],
    ['of which no successor arrived', chain({ counter: 3 }), NOW, ['repeat', 'repeat', 'rotate', 'unknown']],
    ['an hour later', chain({ counter: 3 }), NOW + HOUR_MS, ['repeat', 'repeat', 'rotate', 'unknown']],
    ['24 hours later', chain({ counter: 2 }), NOW + RETRY_MS, ['repeat', 'rotate', 'unknown']],
    ['a moment after that', chain({ counter: 2 }), NOW + RETRY_MS + 1, ['reused', 'rotate', 'unknown']],
    ['whose successor arrived just now', chain({ counter: 2, replaced: [[1, NOW]] }), NOW, ['repeat', 'rotate', 'unknown']],
    ['whose successor arrived 30 s ago', chain({ counter: 2, replaced: [[1, NOW]] }), NOW + 30_000, ['repeat', 'rotate', 'unknown']],
    ['a moment after that', chain({ counter: 2, replaced: [[1, NOW]] }), NOW + 30_001, ['reused', 'rotate', 'unknown']],
    [
      'from before one whose grace is over',
      chain({ counter: 4, replaced: [[2, NOW]] }),
      NOW + 30_001,
      ['reused', 'reused', 'repeat', 'rotate', 'unknown'],
    ],
    [
      'of many tabs, each with a grace of its own',
      chain({
        counter: 4,
        replaced: [
          [1, NOW - 40_000],
          [2, NOW - 30_000],
          [3, NOW - 1],
        ],
      }),
      NOW,
      ['reused', 'repeat', 'repeat', 'rotate', 'unknown'],
    ],
    [
      'of which an older one arrived after a newer one',
      chain({ counter: 4, replaced: [[3, NOW - 30_001]] }),
      NOW,
      ['reused', 'reused', 'reused', 'rotate', 'unknown'],
    ],
    [
      'whose newest access token is refused since a change of roles',
      chain({ counter: 3, refusedThrough: 3 }),
      NOW,
      ['rotate', 'rotate', 'rotate', 'unknown'],
    ],
    [
      'that is reused since then',
      chain({ counter: 3, refusedThrough: 3, replaced: [[1, NOW - 30_001]] }),
      NOW,
      ['reused', 'rotate', 'rotate', 'unknown'],
    ],
    ['refreshed since a change of roles', chain({ counter: 3, refusedThrough: 2 }), NOW, ['repeat', 'repeat', 'rotate', 'unknown']],
    ['by a clock that is five minutes behind', chain({ counter: 2, replaced: [[1, NOW]] }), NOW - 300_000, ['repeat', 'rotate', 'unknown']],
    ['as the clock was put back', chain({ counter: 2, replaced: [[1, NOW]] }), NOW - 300_001, ['reused', 'rotate', 'unknown']],
    [
      'whose grace was over before the clock was put back, and is again',
      chain({ counter: 2, replaced: [[1, NOW - HOUR_MS]] }),
      NOW - HOUR_MS + 30_001,
      ['reused', 'rotate', 'unknown'],
    ],
  ];
  test.each(histories)('%s', (_, of, now, expected) => {
    expect(verdicts(of, now)).toEqual(expected);
  });

  test('is taken for as long as it is the newest, whatever the clock says', () => {
    for (const now of [0, NOW - 400 * RETRY_MS, NOW + 400 * RETRY_MS])
      expect(judge(chain({ replaced: [[4, NOW]] }), 5, now)).toBe('rotate');
  });
});

describe('an arrival', () => {
  test('shows those before it to be replaced', () => {
    expect(withArrival([], 4, NOW)).toEqual([[3, NOW]]);
    expect(withArrival([[1, NOW - 5]], 4, NOW)).toEqual([
      [1, NOW - 5],
      [3, NOW],
    ]);
  });

  test.each([
    ['the first token, before which nothing came', [], 1],
    ['what is known', [[3, NOW - 5]], 4],
    ['less than is known', [[3, NOW - 5]], 2],
  ] satisfies [string, Replaced[], number][])('of %s changes nothing: the list is the same one', (_, replaced, counter) => {
    expect(withArrival(replaced, counter, NOW)).toBe(replaced);
  });

  test('keeps of those whose grace is over the last one alone', () => {
    const replaced: Replaced[] = [
      [1, NOW - 60_000],
      [2, NOW - 50_000],
      [3, NOW - 30_001],
      [4, NOW - 30_000],
    ];
    expect(withArrival(replaced, 6, NOW)).toEqual([
      [3, NOW - 30_001],
      [4, NOW - 30_000],
      [5, NOW],
    ]);
  });
});

/** A session that is refreshed each so many milliseconds, each time with the token of the time before. */
function refreshing(times: number, everyMs: number): { chain: Chain; now: number } {
  let replaced: readonly Replaced[] = [];
  for (let counter = 1; counter <= times; counter += 1) replaced = withArrival(replaced, counter, NOW + counter * everyMs);
  const now = NOW + times * everyMs;
  return { chain: chain({ counter: times + 1, replaced, rotatedAt: now }), now };
}

describe('a crowd of refreshes', () => {
  test('of 32 within one grace leaves each token its own', () => {
    const { chain: of, now } = refreshing(33, 100);
    expect(verdicts(of, now)).toEqual([...Array.from({ length: 33 }, () => 'repeat'), 'rotate', 'unknown']);
    // The first of them was replaced with the arrival of the second.
    expect(judge(of, 1, NOW + 200 + 30_000)).toBe('repeat');
    expect(judge(of, 1, NOW + 200 + 30_001)).toBe('reused');
    expect(judge(of, 2, NOW + 200 + 30_001)).toBe('repeat');
  });

  test.each([34, 50, 500, 5000])('of %i within one grace takes it from the oldest, and keeps a short list', (times) => {
    const { chain: of, now } = refreshing(times, 1);
    expect(of.replaced.length).toBeLessThanOrEqual(34);
    const all = verdicts(of, now);
    const lost = times - 33;
    expect(all.slice(0, lost)).toEqual(Array.from({ length: lost }, () => 'reused'));
    expect(all.slice(lost)).toEqual([...Array.from({ length: 33 }, () => 'repeat'), 'rotate', 'unknown']);
  });

  test('that an earlier version kept whole is cut to the same short list', () => {
    const kept = Array.from({ length: 50 }, (_, index): Replaced => [index + 1, NOW]);
    const list = withArrival(kept, 52, NOW);
    expect(list.filter(([, at]) => at === 0)).toEqual([[19, 0]]);
    expect(list).toHaveLength(33);
  });

  test('that is long ago has left nothing but what is dead', () => {
    const { chain: of, now } = refreshing(500, 1);
    const later = now + 30_001;
    expect(withArrival(of.replaced, 502, later)).toEqual([
      [499, now],
      [501, later],
    ]);
  });

  test('never makes good again what was reused, as time goes on', () => {
    const { chain: of, now } = refreshing(100, 500);
    let before = verdicts(of, now);
    for (let later = now; later < now + 60_000; later += 250) {
      const after = verdicts(of, later);
      before.forEach((verdict, index) => {
        if (verdict === 'reused') expect(after[index]).toBe('reused');
      });
      before = after;
    }
    expect(before.filter((verdict) => verdict === 'reused')).toHaveLength(99);
  });
});
