import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { createHasher, type Hasher } from '../../../src/adapters/hasher.js';
import { createKnownService } from '../../support/known-service.js';
import { holdAgainstRequests } from '../../support/request-properties.js';

/** Other requests in each run; a failure names its seed and path, which repeat it alone. */
const { PROPERTY_SEED = String(randomInt(2 ** 31)), PROPERTY_PATH, PROPERTY_SECONDS = '75' } = process.env;

let hasher: Hasher;
beforeAll(() => {
  hasher = createHasher({ threads: 2, queueLimit: 1000 });
});
afterAll(() => hasher.close());

test(
  `of requests that nobody thought of none breaks a promise; each operation is met with refusal, and nine in ten with success too (PROPERTY_SEED=${PROPERTY_SEED})`,
  async () => {
    const tally = await holdAgainstRequests({
      start: () => createKnownService(hasher),
      seed: Number(PROPERTY_SEED),
      ...(PROPERTY_PATH === undefined ? {} : { path: PROPERTY_PATH }),
      sequences: 100_000,
      seconds: Number(PROPERTY_SECONDS),
    });
    if (PROPERTY_PATH !== undefined) return;
    const met = (from: number, to: number): string[] =>
      [...tally].filter(([, statuses]) => [...statuses.keys()].some((status) => status >= from && status < to)).map(([name]) => name);
    expect(met(200, 400).length).toBeGreaterThanOrEqual(tally.size * 0.9);
    expect(met(400, 500)).toEqual([...tally.keys()]);
  },
  (Number(PROPERTY_SECONDS) + 120) * 1000,
);
