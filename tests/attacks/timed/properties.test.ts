import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { createHasher, type Hasher } from '../../../src/adapters/hasher.js';
import { createKnownService } from '../../support/known-service.js';
import { holdAgainstRequests, type Tally } from '../../support/request-properties.js';

/** Other requests in each run; a failure names its seed and path, which repeat it alone. */
const { PROPERTY_SEED = String(randomInt(2 ** 31)), PROPERTY_PATH, PROPERTY_SECONDS = '75' } = process.env;

let hasher: Hasher;
beforeAll(() => {
  hasher = createHasher({ threads: 2, queueLimit: 1000 });
});
afterAll(() => hasher.close());

/** A slow machine sends fewer requests in the time, so it may take more rounds until every operation was refused once. */
const MOST_ROUNDS = 4;

const met = (tally: Tally, from: number, to: number): string[] =>
  [...tally].filter(([, statuses]) => [...statuses.keys()].some((status) => status >= from && status < to)).map(([name]) => name);

test(
  `of requests that nobody thought of none breaks a promise; each operation is met with refusal, and nine in ten with success too (PROPERTY_SEED=${PROPERTY_SEED})`,
  async () => {
    const tally: Tally = new Map();
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      await holdAgainstRequests({
        start: () => createKnownService(hasher),
        seed: Number(PROPERTY_SEED) + round,
        ...(PROPERTY_PATH === undefined ? {} : { path: PROPERTY_PATH }),
        sequences: 100_000,
        seconds: Number(PROPERTY_SECONDS),
        tally,
      });
      if (PROPERTY_PATH !== undefined) return;
      if (met(tally, 400, 500).length === tally.size) break;
    }
    expect(met(tally, 200, 400).length).toBeGreaterThanOrEqual(tally.size * 0.9);
    expect(met(tally, 400, 500)).toEqual([...tally.keys()]);
  },
  (MOST_ROUNDS * Number(PROPERTY_SECONDS) + 120) * 1000,
);
