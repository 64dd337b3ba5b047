import { describe, expect, it } from '@jest/globals';
import { createFairQueue, type FairQueue } from '../../src/lib/fair-queue.js';

/** Puts an item for each word in its flow: `a1.x` is of client `a`, account `x`. */
function queueOf(...names: readonly string[]): FairQueue<string> {
  const queue = createFairQueue<string>();
  for (const name of names) put(queue, name);
  return queue;
}
function put(queue: FairQueue<string>, name: string): () => void {
  const [client = '', account = ''] = name.split('.');
  return queue.push(name, { client: client.replace(/\d+$/, ''), account });
}
function drain(take: () => string | undefined): string[] {
  const taken: string[] = [];
  for (let item = take(); item !== undefined; item = take()) taken.push(item);
  return taken;
}

describe('a fair queue', () => {
  it('returns the items of one flow in their order of arrival', () => {
    const queue = queueOf('a1', 'a2', 'a3');
    expect(queue.size()).toBe(3);
    expect(drain(queue.shift)).toEqual(['a1', 'a2', 'a3']);
    expect(queue.size()).toBe(0);
  });

  it('takes the clients in turn, however many items each has', () => {
    const queue = queueOf('a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1');
    expect(drain(queue.shift)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('takes the accounts of one client in turn', () => {
    const queue = queueOf('a1.x', 'a2.x', 'a3.x', 'a4.y', 'b1.z', 'b2.z');
    expect(drain(queue.shift)).toEqual(['a1.x', 'b1.z', 'a4.y', 'b2.z', 'a2.x', 'a3.x']);
  });

  it('gives a client that comes back its turn behind those that wait', () => {
    const queue = queueOf('a1', 'b1', 'b2');
    expect(queue.shift()).toBe('a1');
    put(queue, 'a2');
    expect(drain(queue.shift)).toEqual(['b1', 'a2', 'b2']);
  });

  it('drops the newest item of the client with the most, and of its account with the most', () => {
    const queue = queueOf('a1.x', 'a2.x', 'a3.x', 'a4.y', 'b1.z');
    expect([queue.dropNewest(), queue.dropNewest()]).toEqual(['a3.x', 'a2.x']);
    expect(drain(queue.shift)).toEqual(['a1.x', 'b1.z', 'a4.y']);
  });

  it('drops the item that came last where all clients have as many', () => {
    const queue = queueOf('a1', 'b1', 'c1');
    expect(drain(queue.dropNewest)).toEqual(['c1', 'b1', 'a1']);
  });

  it('removes an item from the middle, and a flow with its last item', () => {
    const queue = queueOf('a1');
    const remove = [put(queue, 'a2'), put(queue, 'b1'), put(queue, 'a3')];
    for (const one of remove.slice(0, 2)) one();
    expect(queue.size()).toBe(2);
    put(queue, 'b2');
    expect(drain(queue.shift)).toEqual(['a1', 'b2', 'a3']);
    expect(queue.dropNewest()).toBeUndefined();
  });

  it('keeps every item through any mixture of arrivals, turns, drops and removals', () => {
    const queue = createFairQueue<number>();
    const waiting = new Map<number, () => void>();
    const left: number[] = [];
    const leave = (item: number | undefined): void => {
      if (item !== undefined && waiting.delete(item)) left.push(item);
    };
    const total = 20_000;
    for (let item = 0; item < total; item += 1) {
      waiting.set(item, queue.push(item, { client: String(item % 97), account: String(item % 13) }));
      if (item % 3 === 0) leave(queue.shift());
      if (item % 5 === 0) leave(queue.dropNewest());
      if (item % 7 === 0) {
        const earlier = item - 50;
        waiting.get(earlier)?.();
        leave(earlier);
      }
    }
    expect(queue.size()).toBe(waiting.size);
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) leave(item);
    expect(waiting.size).toBe(0);
    expect(new Set(left).size).toBe(total);
  });
});
