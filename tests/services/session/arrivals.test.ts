import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Arrival, createArrivals } from '../../../src/services/session/arrivals.js';

const SECOND_MS = 1000;

/** Writes that end when the test says so. */
function heldWrites() {
  const batches: ReadonlyMap<string, Arrival>[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const write = (batch: ReadonlyMap<string, Arrival>): Promise<void> => {
    batches.push(new Map(batch));
    return new Promise((done, failed) => {
      ends.push((error) => {
        if (error) failed(error);
        else done();
      });
    });
  };
  return {
    write,
    batches,
    /** What was written so far, batch by batch. */
    written: () => batches.map((batch) => Object.fromEntries([...batch].map(([id, { counter }]) => [id, counter]))),
    /** Ends the oldest write under way, and lets what follows begin. */
    end: async (error?: Error): Promise<void> => {
      ends.shift()?.(error);
      await settle();
    },
  };
}

/** Lets promises that are settled go on; no time passes. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('an arrival', () => {
  test('is written once, however many requests show it', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    for (let request = 0; request < 100; request += 1) arrivals.note('a', 2, request);
    await settle();
    await end();
    for (let request = 0; request < 100; request += 1) arrivals.note('a', 2, 1000 + request);
    await settle();
    expect(written()).toEqual([{ a: 2 }]);
  });

  test('is written with the time at which it was seen first', async () => {
    const { write, batches } = heldWrites();
    const arrivals = createArrivals(write);
    arrivals.note('a', 2, 500);
    arrivals.note('a', 2, 900);
    await settle();
    expect(batches).toEqual([new Map([['a', { counter: 2, at: 500 }]])]);
  });

  test('is followed by that of a later token, and not by that of an earlier one', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    for (const counter of [3, 2, 3, 4]) {
      arrivals.note('a', counter, 0);
      await settle();
      await end();
    }
    expect(written()).toEqual([{ a: 3 }, { a: 4 }]);
  });

  test('is written with all others that came during the write before', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    arrivals.note('a', 2, 0);
    await settle();
    for (const id of ['b', 'c', 'd']) arrivals.note(id, 5, 0);
    arrivals.note('b', 6, 0);
    await settle();
    expect(written()).toEqual([{ a: 2 }]);
    await end();
    expect(written()).toEqual([{ a: 2 }, { b: 6, c: 5, d: 5 }]);
    await end();
    expect(written()).toHaveLength(2);
  });

  test('that comes at any moment around the end of a write is written', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const { write, written, end } = heldWrites();
      const arrivals = createArrivals(write);
      arrivals.note('a', 2, 0);
      await settle();
      const ended = end();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      arrivals.note('b', 2, 0);
      await ended;
      await settle();
      expect(written()).toEqual([{ a: 2 }, { b: 2 }]);
    }
  });
});

describe('very many arrivals', () => {
  test('are written some at a time, each once', async () => {
    const sizes: number[] = [];
    const written = new Set<string>();
    const arrivals = createArrivals((batch) => {
      sizes.push(batch.size);
      for (const id of batch.keys()) written.add(id);
      return Promise.resolve();
    });
    for (let session = 0; session < 2300; session += 1) arrivals.note(String(session), 2, 0);
    await arrivals.close();
    expect(sizes).toEqual([500, 500, 500, 500, 300]);
    expect(written.size).toBe(2300);
  });

  /** Notes so many sessions; then how many of the last ones it still knows, as those alone are not written again. */
  async function knownAfter(sessions: number): Promise<number> {
    let writes = 0;
    const arrivals = createArrivals((batch) => {
      writes += batch.size;
      return Promise.resolve();
    });
    for (let session = 0; session < sessions; session += 1) {
      arrivals.note(String(session), 2, 0);
      if (session % 1000 === 999) for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    }
    await settle();
    expect(writes).toBe(sessions);
    let known = 0;
    for (let session = sessions - 1; session >= 0; session -= 1) {
      arrivals.note(String(session), 2, 0);
      if (arrivals.pending(String(session))) return known;
      known += 1;
    }
    return known;
  }

  test('are remembered up to 100,000, however many came', async () => {
    expect(await knownAfter(40_000)).toBe(40_000);
    const known = await knownAfter(230_000);
    expect(known).toBeGreaterThanOrEqual(50_000);
    expect(known).toBeLessThanOrEqual(100_000);
  });

  test('wait up to 100,000 where they can’t be written, and one that was turned away is noted when it is seen again', async () => {
    let works = false;
    let written = 0;
    const arrivals = createArrivals((batch) => {
      if (!works) return Promise.reject(new Error('read-only'));
      written += batch.size;
      return Promise.resolve();
    });
    for (let session = 0; session < 120_000; session += 1) arrivals.note(String(session), 2, 0);
    await settle();
    expect(arrivals.pending('0')).toBeDefined();
    expect(arrivals.pending('99999')).toBeDefined();
    expect(arrivals.pending('100000')).toBeUndefined();
    works = true;
    jest.advanceTimersByTime(SECOND_MS);
    while (arrivals.pending('99999')) await settle();
    arrivals.note('100000', 2, 0);
    arrivals.note('99999', 2, 0);
    await arrivals.close();
    expect(written).toBe(100_001);
  });
});

describe('a write that fails', () => {
  test('fails nobody, and is tried again after a second, together with what came meanwhile', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    arrivals.note('a', 2, 0);
    await settle();
    await end(new Error('read-only'));
    arrivals.note('b', 2, 0);
    arrivals.note('a', 3, 0);
    jest.advanceTimersByTime(SECOND_MS - 1);
    await settle();
    expect(written()).toEqual([{ a: 2 }]);
    jest.advanceTimersByTime(1);
    await settle();
    expect(written()).toEqual([{ a: 2 }, { a: 3, b: 2 }]);
    await end();
    jest.advanceTimersByTime(10 * SECOND_MS);
    await settle();
    expect(written()).toHaveLength(2);
  });

  test('is tried again and again until it works', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    arrivals.note('a', 2, 0);
    await settle();
    for (let round = 0; round < 5; round += 1) {
      await end(new Error('read-only'));
      jest.advanceTimersByTime(SECOND_MS);
      await settle();
    }
    await end();
    expect(written()).toEqual(Array.from({ length: 6 }, () => ({ a: 2 })));
    expect(arrivals.pending('a')).toBeUndefined();
  });
});

describe('what is pending', () => {
  test('is what was noted and is not written yet: waiting, under way, or failed', async () => {
    const { write, end } = heldWrites();
    const arrivals = createArrivals(write);
    expect(arrivals.pending('a')).toBeUndefined();
    arrivals.note('a', 2, 7);
    expect(arrivals.pending('a')).toEqual({ counter: 2, at: 7 });
    await settle();
    expect(arrivals.pending('a')).toEqual({ counter: 2, at: 7 });
    arrivals.note('a', 3, 9);
    arrivals.note('b', 2, 9);
    expect(arrivals.pending('a')).toEqual({ counter: 3, at: 9 });
    expect(arrivals.pending('b')).toEqual({ counter: 2, at: 9 });
    await end(new Error('read-only'));
    expect(arrivals.pending('a')).toEqual({ counter: 3, at: 9 });
    jest.advanceTimersByTime(SECOND_MS);
    await settle();
    expect(arrivals.pending('b')).toEqual({ counter: 2, at: 9 });
    await end();
    expect([arrivals.pending('a'), arrivals.pending('b')]).toEqual([undefined, undefined]);
  });
});

describe('closing', () => {
  test('waits for the write under way, and for what came during it; nothing is written after it', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    arrivals.note('a', 2, 0);
    await settle();
    arrivals.note('b', 2, 0);
    let closed = false;
    const closing = arrivals.close().then(() => {
      closed = true;
    });
    await end();
    expect(closed).toBe(false);
    await end();
    await closing;
    arrivals.note('c', 2, 0);
    jest.advanceTimersByTime(10 * SECOND_MS);
    await settle();
    expect(written()).toEqual([{ a: 2 }, { b: 2 }]);
  });

  test('ends where the write fails, and does not try again', async () => {
    const { write, written, end } = heldWrites();
    const arrivals = createArrivals(write);
    arrivals.note('a', 2, 0);
    await settle();
    const closing = arrivals.close();
    await end(new Error('gone'));
    await closing;
    jest.advanceTimersByTime(10 * SECOND_MS);
    await settle();
    expect(written()).toHaveLength(1);
  });

  test('of one that has noted nothing ends at once', async () => {
    await expect(createArrivals(() => Promise.resolve()).close()).resolves.toBeUndefined();
  });
});
