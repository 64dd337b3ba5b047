import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.js';

const COUNTER_BITS = 42n;
const MASK = (bits: bigint): bigint => (1n << bits) - 1n;

/**
 * UUIDs that sort by when they were made (version 7, RFC 9562 §5.7), and among those of one maker and one millisecond by
 * their order: behind the time is a counter (§6.2, method 1) that starts anew with each millisecond.
 */
export function orderedIds(clock: Pick<Clock, 'now'>): () => string {
  let madeAt = -1;
  let counter = 0n;
  return () => {
    const now = clock.now();
    counter = now === madeAt ? counter + 1n : 0n;
    madeAt = now;
    const random = BigInt(`0x${randomBytes(4).toString('hex')}`);
    const high = (counter >> 30n) & MASK(COUNTER_BITS - 30n);
    const low = ((counter & MASK(30n)) << 32n) | random;
    const bits = (BigInt(now) << 80n) | (7n << 76n) | (high << 64n) | (2n << 62n) | low;
    return bits
      .toString(16)
      .padStart(32, '0')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };
}
