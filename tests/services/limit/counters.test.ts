import { describe, expect, test } from '@jest/globals';
import { createMemoryCounters } from '../../../src/adapters/counters.js';
import { movableClock } from '../../../src/lib/clock.js';

const fresh = (mostKeys?: number) => {
  const clock = movableClock(Date.now());
  return { clock, counters: createMemoryCounters(clock, mostKeys) };
};

describe('counts', () => {
  test('go up by one, and are forgotten so many seconds after their first point', async () => {
    const { clock, counters } = fresh();
    expect(await counters.add('a', 60)).toEqual({ points: 1, secondsLeft: 60 });
    clock.advance(59);
    expect(await counters.add('a', 60)).toEqual({ points: 2, secondsLeft: 1 });
    expect(await counters.read('a')).toEqual({ points: 2, secondsLeft: 1 });
    clock.advance(1);
    expect(await counters.read('a')).toBeUndefined();
    expect(await counters.add('a', 60)).toEqual({ points: 1, secondsLeft: 60 });
    expect(await counters.read('b')).toBeUndefined();
  });

  test('that are begun at once all count', async () => {
    const { counters } = fresh();
    const counts = await Promise.all(Array.from({ length: 100 }, () => counters.add('a', 60)));
    expect(counts.map(({ points }) => points)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  test('go by the time that has passed, not by what the clock is set to', async () => {
    const { clock, counters } = fresh();
    await counters.add('a', 60);
    clock.set(new Date(clock.now() + 3_600_000));
    expect(await counters.read('a')).toEqual({ points: 1, secondsLeft: 60 });
  });

  test('can be taken back, never below nothing, and forgotten', async () => {
    const { counters } = fresh();
    await counters.takeBack('a', 60);
    expect(await counters.add('a', 60)).toMatchObject({ points: 1 });
    await counters.add('a', 60);
    await counters.takeBack('a', 60);
    expect(await counters.read('a')).toMatchObject({ points: 1 });
    await counters.takeBack('a', 60);
    expect(await counters.read('a')).toBeUndefined();
    await counters.add('a', 60);
    await counters.forget('a');
    expect(await counters.read('a')).toBeUndefined();
  });

  test('can be put, for so many seconds from then', async () => {
    const { clock, counters } = fresh();
    await counters.add('a', 10);
    clock.advance(5);
    await counters.put('a', 1000, 30);
    expect(await counters.add('a', 10)).toEqual({ points: 1001, secondsLeft: 30 });
  });
});

describe('when as many keys are kept as may be', () => {
  test('the oldest that was counted once goes, and what is under attack stays', async () => {
    const { counters } = fresh(10);
    for (const key of ['victim', 'victim', 'other victim', 'other victim']) await counters.add(key, 60);
    for (let made = 0; made < 1000; made += 1) await counters.add(`name ${made}`, 60);
    expect(await counters.read('victim')).toMatchObject({ points: 2 });
    expect(await counters.read('other victim')).toMatchObject({ points: 2 });
    expect(await counters.read('name 999')).toMatchObject({ points: 1 });
    expect(await counters.read('name 991')).toBeUndefined();
  });

  test('none goes for what is counted again', async () => {
    const { counters } = fresh(2);
    for (const key of ['one', 'other', 'one', 'other']) await counters.add(key, 60);
    expect([await counters.read('one'), await counters.read('other')]).toMatchObject([{ points: 2 }, { points: 2 }]);
  });

  test('one goes also where each was counted more than once', async () => {
    const { counters } = fresh(10);
    for (let made = 0; made < 100; made += 1) for (const _ of [1, 2]) await counters.add(`name ${made}`, 60);
    const kept = await Promise.all(Array.from({ length: 100 }, (_, made) => counters.read(`name ${made}`)));
    expect(kept.filter((count) => count !== undefined)).toHaveLength(10);
  });

  test('what is over goes before what still counts', async () => {
    const { clock, counters } = fresh(10);
    await counters.add('lasting', 3600);
    for (let made = 0; made < 9; made += 1) await counters.add(`brief ${made}`, 5);
    clock.advance(11);
    for (let made = 0; made < 9; made += 1) await counters.add(`new ${made}`, 60);
    expect(await counters.read('lasting')).toMatchObject({ points: 1 });
    expect(await counters.read('new 0')).toMatchObject({ points: 1 });
  });
});
