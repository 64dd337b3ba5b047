import { beforeEach, describe, expect, test } from '@jest/globals';
import { createMemoryCounters, type Counters } from '../../../src/adapters/counters.js';
import { movableClock, type MovableClock } from '../../../src/lib/clock.js';
import { createAtOnce, createGuesses, createQuota, type Outcome, type Standing, type Tally } from '../../../src/services/limit/tally.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let clock: MovableClock;
let counters: Counters;
beforeEach(() => {
  clock = movableClock(Date.UTC(2026, 5, 1, 12));
  counters = createMemoryCounters(clock);
});

/** An attempt that ends so, where it may be made; how many are left then, or for how long to wait. */
async function attempt(tally: Tally, outcome: Outcome, key = 'one'): Promise<{ left: number } | { wait: number }> {
  const begun = await tally.begin(key);
  return begun.waitSeconds === undefined ? { left: (await begun.end(outcome)).standing.remaining } : { wait: begun.waitSeconds };
}

async function attempts(tally: Tally, outcomes: readonly Outcome[]): Promise<({ left: number } | { wait: number })[]> {
  const seen = [];
  for (const outcome of outcomes) seen.push(await attempt(tally, outcome));
  return seen;
}

describe('a quota', () => {
  const standing = (remaining: number, resetSeconds: number): Standing => ({
    policy: 'mails',
    quota: 2,
    windowSeconds: HOUR,
    remaining,
    resetSeconds,
  });
  const quota = (): Tally => createQuota(counters, { policy: 'mails', most: 2, seconds: HOUR });

  test('is so many in so long from the first on, and tells how many are left until when', async () => {
    const tally = quota();
    expect(await tally.begin('one')).toMatchObject({ standing: standing(1, HOUR), reached: false });
    clock.advance(10 * MINUTE);
    const last = await tally.begin('one');
    expect(last).toMatchObject({ standing: standing(0, 50 * MINUTE), reached: false });
    expect(last).not.toHaveProperty('waitSeconds');
    expect(await last.end('succeeded')).toEqual({ standing: standing(0, 50 * MINUTE), reached: false });
    // Only the first that has to wait is worth recording.
    for (const reached of [true, false])
      expect(await tally.begin('one')).toMatchObject({ standing: standing(0, 50 * MINUTE), waitSeconds: 50 * MINUTE, reached });
    expect(await attempt(tally, 'succeeded', 'another')).toEqual({ left: 1 });
    clock.advance(50 * MINUTE);
    expect(await attempt(tally, 'succeeded')).toEqual({ left: 1 });
  });

  test('may count only what was done', async () => {
    const tally = createQuota(counters, { policy: 'mails', most: 2, seconds: HOUR, counts: ['succeeded'] });
    const outcomes = ['refused', 'failed', 'broken', 'succeeded', 'refused', 'succeeded', 'succeeded'] as const;
    expect(await attempts(tally, outcomes)).toEqual([...[2, 2, 2, 1, 1, 0].map((left) => ({ left })), { wait: HOUR }]);
  });

  test('counts whatever was done and said, but no fault of ours', async () => {
    expect(await (await quota().begin('another')).end('broken')).toEqual({ standing: standing(2, HOUR), reached: false });
    expect(await attempts(quota(), ['broken', 'broken', 'broken', 'failed', 'refused', 'succeeded'])).toEqual([
      { left: 2 },
      { left: 2 },
      { left: 2 },
      { left: 1 },
      { left: 0 },
      { wait: HOUR },
    ]);
  });
});

describe('guesses', () => {
  const MOST = 3;
  const CONSECUTIVE = 12;
  const numbers = { policy: 'guesses', most: MOST, windowSeconds: 15 * MINUTE, longestWaitSeconds: HOUR };
  const atAccount = () => createGuesses(counters, { ...numbers, consecutive: CONSECUTIVE, clearedBySuccess: true });
  const fromAddress = () => createGuesses(counters, { ...numbers, clearedBySuccess: false });
  const standing = (remaining: number, resetSeconds: number): Standing => ({
    policy: 'guesses',
    quota: MOST,
    windowSeconds: 15 * MINUTE,
    remaining,
    resetSeconds,
  });
  const fail = async (tally: Tally, times: number): Promise<unknown> => {
    const seen = await attempts(
      tally,
      Array.from({ length: times }, () => 'failed'),
    );
    return seen.at(-1);
  };

  test('are so many within a window; the last begins a wait, and says so', async () => {
    const tally = atAccount();
    for (const [left, minutes] of [
      [2, 0],
      [1, 5],
    ] as const) {
      clock.advance(minutes * MINUTE);
      const guess = await tally.begin('one');
      expect(guess).toMatchObject({ standing: standing(left, (15 - minutes) * MINUTE), reached: false });
      expect(await guess.end('failed')).toEqual({ standing: standing(left, (15 - minutes) * MINUTE), reached: false });
    }
    const last = await tally.begin('one');
    expect(last).not.toHaveProperty('waitSeconds');
    expect(await last.end('failed')).toEqual({ standing: standing(0, MINUTE), reached: true });
    const refused = await tally.begin('one');
    expect(refused).toMatchObject({ standing: standing(0, MINUTE), waitSeconds: MINUTE, reached: false });
    await expect(refused.end('failed')).rejects.toThrow('not begun');
    expect(await attempt(tally, 'failed', 'another')).toEqual({ left: 2 });
  });

  test('are as many again once the window is over', async () => {
    const tally = atAccount();
    await fail(tally, 2);
    clock.advance(15 * MINUTE);
    expect(await attempts(tally, ['failed', 'failed'])).toEqual([{ left: 2 }, { left: 1 }]);
  });

  test('are one after each wait, and each wait is twice as long, up to the longest, within a day', async () => {
    const tally = fromAddress();
    await fail(tally, MOST);
    for (const wait of [1, 2, 4, 8, 16, 32, 60, 60].map((minutes) => minutes * MINUTE)) {
      expect(await attempt(tally, 'failed')).toEqual({ wait });
      clock.advance(wait - 1);
      expect(await attempt(tally, 'failed')).toEqual({ wait: 1 });
      clock.advance(1);
      expect(await attempt(tally, 'failed')).toEqual({ left: 0 });
    }
    clock.advance(DAY);
    expect(await attempts(tally, ['failed', 'failed', 'failed', 'failed'])).toEqual([
      { left: 2 },
      { left: 1 },
      { left: 0 },
      { wait: MINUTE },
    ]);
  });

  test('that are made at once wait a second for those that are under way', async () => {
    const tally = atAccount();
    const begun = await Promise.all(Array.from({ length: 5 }, () => tally.begin('one')));
    expect(begun.map(({ waitSeconds }) => waitSeconds)).toEqual([undefined, undefined, undefined, 1, 1]);
    expect(begun[4]?.standing).toEqual(standing(0, 1));
    await begun[0]?.end('refused');
    expect(await attempt(tally, 'failed')).toEqual({ left: 0 });
  });

  test('begin a wait when as many have failed, and not for those that were begun beside them', async () => {
    const tally = atAccount();
    const begun = await Promise.all(Array.from({ length: MOST }, () => tally.begin('one')));
    for (const [index, guess] of begun.entries()) expect((await guess.end(index < MOST - 1 ? 'broken' : 'failed')).reached).toBe(false);
    expect(await attempts(tally, ['failed', 'failed', 'failed'])).toEqual([{ left: 1 }, { left: 0 }, { wait: MINUTE }]);
  });

  test('that were slow keep none of a later window from beginning a wait', async () => {
    const tally = atAccount();
    const slow = await tally.begin('one');
    clock.advance(2);
    await slow.end('failed');
    clock.advance(15 * MINUTE - 1);
    await fail(tally, 1);
    clock.advance(2);
    expect(await attempts(tally, ['failed', 'failed', 'failed'])).toEqual([{ left: 1 }, { left: 0 }, { wait: MINUTE }]);
  });

  test('begin one back-off when the last of the window and the last of the consecutive failures end at once', async () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const tally = createGuesses(counters, { ...numbers, consecutive: MOST, clearedBySuccess: true });
      const key = `order ${order.join(' ')}`;
      const begun = await Promise.all(Array.from({ length: MOST }, () => tally.begin(key)));
      const inOrder = order.flatMap((index) => begun[index] ?? []);
      await Promise.all(inOrder.map((guess) => guess.end('failed')));
      expect(await attempt(tally, 'failed', key)).toEqual({ wait: MINUTE });
      clock.advance(MINUTE);
      expect(await attempt(tally, 'failed', key)).toEqual({ wait: HOUR });
    }
  });

  test('that were begun before a wait, and taken back in it, leave it as long as it is', async () => {
    const tally = createGuesses(counters, { ...numbers, consecutive: MOST, clearedBySuccess: true });
    const begun = await Promise.all(Array.from({ length: MOST }, () => tally.begin('one')));
    await begun[MOST - 1]?.end('failed');
    for (const guess of begun.slice(0, -1)) await guess.end('broken');
    expect(await attempt(tally, 'failed')).toEqual({ wait: MINUTE });
  });

  test('that wait are known though many others were counted once since, and those of an address leave no row behind', async () => {
    counters = createMemoryCounters(clock, 10);
    const tally = fromAddress();
    await fail(tally, MOST);
    clock.advance(MINUTE);
    for (let made = 0; made < 100; made += 1) await attempt(tally, 'failed', `another ${made}`);
    expect(await attempts(tally, ['failed', 'failed'])).toEqual([{ left: 0 }, { wait: 2 * MINUTE }]);
    clock.advance(2 * DAY);
    await fail(tally, 1);
    expect(await counters.read('one row')).toBeUndefined();
  });

  test('that were none, by a fault of ours or by what was wrong beside them, are taken back', async () => {
    const tally = atAccount();
    clock.advance(MINUTE);
    await fail(tally, 1);
    clock.advance(MINUTE);
    for (const outcome of ['refused', 'broken'] as const)
      expect(await (await tally.begin('one')).end(outcome)).toEqual({ standing: standing(2, 14 * MINUTE), reached: false });
    expect(await attempts(tally, ['failed', 'failed'])).toEqual([{ left: 1 }, { left: 0 }]);
  });

  test('are made up for by a right one at an account, waits and all, and not from an address', async () => {
    const account = atAccount();
    await fail(account, MOST);
    clock.advance(MINUTE);
    expect(await (await account.begin('one')).end('succeeded')).toEqual({ standing: standing(3, 15 * MINUTE), reached: false });
    expect(await fail(account, MOST)).toEqual({ left: 0 });
    expect(await attempt(account, 'failed')).toEqual({ wait: MINUTE });

    counters = createMemoryCounters(clock);
    const address = fromAddress();
    expect(await attempts(address, ['failed', 'failed', 'succeeded', 'failed', 'succeeded'])).toEqual([
      { left: 2 },
      { left: 1 },
      { left: 1 },
      { left: 0 },
      { wait: MINUTE },
    ]);
  });

  describe('in a row', () => {
    /** The last guess of the row is made after so long a wait. */
    const wholeRow = async () => {
      const tally = atAccount();
      for (let guessed = 0; guessed < CONSECUTIVE - 1; guessed += 1) {
        expect(await attempt(tally, 'failed')).toHaveProperty('left');
        clock.advance(DAY);
      }
      return tally;
    };

    test('are so many and no more, however long ago each was', async () => {
      const tally = await wholeRow();
      expect(await (await tally.begin('one')).end('failed')).toEqual({ standing: standing(0, HOUR), reached: true });
      expect(await attempt(tally, 'succeeded')).toEqual({ wait: MINUTE });
      expect(await attempt(tally, 'failed', 'another')).toEqual({ left: 2 });
      for (const days of [1, 100, 200]) {
        clock.advance(days * DAY);
        expect(await tally.begin('one')).toMatchObject({ standing: standing(0, HOUR), waitSeconds: HOUR, reached: false });
      }
    });

    test('are taken back with the others', async () => {
      const tally = await wholeRow();
      for (let time = 0; time < 5; time += 1) expect(await attempt(tally, 'refused')).toEqual({ left: 3 });
      expect(await attempt(tally, 'failed')).toEqual({ left: 0 });
    });

    test('begin anew where somebody says so, which ends no wait', async () => {
      const tally = await wholeRow();
      await fail(tally, 1);
      await tally.endRow('one');
      expect(await attempt(tally, 'failed')).toEqual({ wait: MINUTE });
      clock.advance(MINUTE);
      expect(await attempts(tally, ['failed', 'failed'])).toEqual([{ left: 0 }, { wait: 2 * MINUTE }]);
    });
  });
});

describe('attempts at the same time', () => {
  test('are bounded, and those that end make room, however they end', async () => {
    const tally = createAtOnce(counters, { policy: 'at once', most: 2 });
    const [first, second] = [await tally.begin('one'), await tally.begin('one')];
    expect(await tally.begin('one')).toMatchObject({ waitSeconds: 1, reached: false });
    expect(await tally.begin('another')).not.toHaveProperty('waitSeconds');
    await first.end('failed');
    await second.end('succeeded');
    for (const _ of ['first', 'second']) expect(await tally.begin('one')).not.toHaveProperty('waitSeconds');
    expect(await tally.begin('one')).toMatchObject({ waitSeconds: 1 });
  });
});
