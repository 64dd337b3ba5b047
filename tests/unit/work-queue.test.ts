import { describe, expect, jest, test } from '@jest/globals';
import { createWorkQueue, type Place, type WorkQueue } from '../../src/adapters/work-queue.js';
import { AppError } from '../../src/errors/app-error.js';

/** Work that lasts until it is told to end. */
function heldWork() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    in: (queue: WorkQueue, name: string, place?: Place): Promise<string> =>
      queue.run(async () => {
        begun.push(name);
        await new Promise<void>((done) => ends.set(name, done));
        return name;
      }, place),
    /** Ends it, and lets what follows from that happen. */
    end: async (name: string): Promise<void> => {
      ends.get(name)?.();
      await new Promise(setImmediate);
    },
  };
}

const faultOf = async (work: Promise<unknown>): Promise<AppError> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw new TypeError('it was not refused');
  return error;
};

describe('a work queue', () => {
  test('does so many pieces at once, the others in their order of arrival, and gives each its outcome', async () => {
    const queue = createWorkQueue({ atOnce: 2, queueLimit: 3 });
    const held = heldWork();
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => held.in(queue, name));
    expect([held.begun, queue.waiting()]).toEqual([['a', 'b'], 3]);
    await held.end('b');
    expect([held.begun, queue.waiting()]).toEqual([['a', 'b', 'c'], 2]);
    for (const name of ['a', 'c', 'd', 'e']) await held.end(name);
    expect(held.begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('refuses what comes when it is full, and never begins it; a place that is free again is taken', async () => {
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 1 });
    const held = heldWork();
    const first = held.in(queue, 'first');
    expect(queue.isFull()).toBe(false);
    const second = held.in(queue, 'second');
    expect(queue.isFull()).toBe(true);
    expect(await faultOf(held.in(queue, 'surplus'))).toMatchObject({ code: 'overloaded', details: { retryAfterSeconds: 1 } });
    await held.end('first');
    expect(queue.isFull()).toBe(false);
    const third = held.in(queue, 'third');
    await held.end('second');
    await held.end('third');
    expect(await Promise.all([first, second, third])).toEqual(held.begun);
    expect(held.begun).toEqual(['first', 'second', 'third']);
  });

  test('says how long what waits should take, by how long work took of late', async () => {
    const elapsed = jest.spyOn(performance, 'now').mockReturnValue(0);
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 3 });
    const held = heldWork();
    const first = held.in(queue, 'first');
    elapsed.mockReturnValue(2500);
    await held.end('first');
    await first;
    for (const name of ['a', 'b', 'c', 'd']) void held.in(queue, name);
    expect((await faultOf(held.in(queue, 'surplus'))).details.retryAfterSeconds).toBe(10);
    elapsed.mockRestore();
  });

  test('refuses work that has waited too long, and begins what waits behind it', async () => {
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 5, mostWaitMs: 20 });
    const held = heldWork();
    const first = held.in(queue, 'first');
    expect((await faultOf(held.in(queue, 'late'))).code).toBe('unavailable');
    expect(queue.waiting()).toBe(0);
    const next = held.in(queue, 'next');
    await held.end('first');
    await held.end('next');
    expect([await first, await next]).toEqual(held.begun);
  });

  test('lets what goes ahead before all that wait, and refuses it never', async () => {
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 1 });
    const held = heldWork();
    const all = [held.in(queue, 'first'), held.in(queue, 'waiting'), held.in(queue, 'ahead', { ahead: true })];
    for (const name of ['first', 'ahead', 'waiting']) await held.end(name);
    await Promise.all(all);
    expect(held.begun).toEqual(['first', 'ahead', 'waiting']);
  });

  const from = (client: string): Place => ({ flow: { client, account: '' } });

  test('runs the clients in turn', async () => {
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 10 });
    const held = heldWork();
    const all = ['a', 'b', 'c', 'd'].map((name) => held.in(queue, name, from('many')));
    all.push(held.in(queue, 'other', from('few')));
    for (const name of ['a', 'b', 'other', 'c', 'd']) await held.end(name);
    await Promise.all(all);
    expect(held.begun).toEqual(['a', 'b', 'other', 'c', 'd']);
  });

  test('refuses, when it is full, the newest work of the client that has the most, and lets a client without competitors fill it', async () => {
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 3, mostWaitMs: 60_000 });
    const held = heldWork();
    const kept = ['a', 'b', 'c'].map((name) => held.in(queue, name, from('many')));
    const dropped = held.in(queue, 'd', from('many'));
    expect(queue.waiting()).toBe(3);
    kept.push(held.in(queue, 'other', from('few')));
    expect(await faultOf(dropped)).toMatchObject({ code: 'overloaded' });
    expect((await faultOf(held.in(queue, 'e', from('many')))).code).toBe('overloaded');
    for (const name of ['a', 'b', 'other', 'c']) await held.end(name);
    expect(await Promise.all(kept)).toEqual(['a', 'b', 'c', 'other']);
    expect(held.begun).toEqual(['a', 'b', 'other', 'c']);
  });

  test('goes on behind work that fails, and has that fail for its caller alone', async () => {
    const queue = createWorkQueue({ atOnce: 1, queueLimit: 1 });
    const failing = queue.run(() => Promise.reject(new Error('a bug')));
    const next = queue.run(() => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('a bug');
    expect(await next).toBe('done');
  });
});
