import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { text } from '../support/answers.js';
import { type RunningServer, useProcesses } from '../support/process.js';
import { seen } from '../support/seen.js';
import { percentile, pulseDuring, type Sent, storm, type Weathered } from '../support/storm.js';
import { useTempFolder } from '../support/temp-folder.js';
import { openTarget, targets, type TestTarget } from '../support/test-database.js';

const PASSWORD = 'a password of my own';
/** How long 99 of 100 signs of life may take. */
const HEALTH_MS = 100;
/** The same in a burst that is over in a second: requests are read in their order, and each costs some tenths of a millisecond. */
const HEALTH_IN_BURST_MS = 1000;
/** Two thousand requests that come in one moment are before whoever asks after them: it is told how long that was, and is no fault. */
const BEHIND_ALL = 5_000;
/** Longer than everything that may wait takes, on a machine that is busy with other things too. */
const PATIENCE_MS = 120_000;
const CALM_MS = 2000;
/** The least that a transaction waits for its turn before it is given up. */
const QUEUE_MS = 1800;

const folder = useTempFolder();
const processes = useProcesses();

const many = (count: number, sentOf: (index: number) => Sent): Sent[] => Array.from({ length: count }, (_, index) => sentOf(index));
const post = (path: string, body: object): Sent => ({ method: 'POST', path, body });
/** At once, as too many wait; or after the time that a transaction may wait for its turn, as the disk is slow. */
const isRefusal = ({ code, retryAfter, milliseconds }: Weathered): boolean =>
  (code === 'overloaded' || (code === 'unavailable' && milliseconds >= QUEUE_MS)) && Number(retryAfter) >= 1 && Number(retryAfter) <= 60;
const logIn = post('/token', { username: 'ada', password: PASSWORD });
const registration = (username: string): Sent => post('/register', { username, password: PASSWORD, email: `${username}@example.com` });

describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('a service as it is by default, on %s,', (kind) => {
  let target: TestTarget;
  let server: RunningServer;
  beforeEach(async () => {
    target = await openTarget(kind);
    const key = (): string => randomBytes(64).toString('base64url');
    const settings = { NODE_ENV: 'test', DATABASE_URL: target.url, SECRET_KEY: key(), ROOT_KEY: key() };
    // Without the limits, which would answer most of it 429 and leave the queues nothing to bear.
    server = await processes.startServer({ cwd: folder.path, settings: { ...settings, RATE_LIMIT: 'off' } });
    expect((await one(registration('ada'))).status).toBe(201);
  }, PATIENCE_MS);
  afterEach(async () => {
    await server.end('SIGKILL');
    await target.drop();
  });
  const one = async (sent: Sent): Promise<Weathered> =>
    (await storm(server.url, [sent], PATIENCE_MS))[0] ?? Promise.reject(new TypeError());

  /** Sends all at once: everybody is answered, by that or by a refusal, and health all along; and then the service works as before. */
  async function weather(what: string, requests: readonly Sent[], good: number, healthMs = HEALTH_MS): Promise<Weathered[]> {
    const health = `${server.url}/health/live`;
    const calm = await pulseDuring(health, () => sleep(CALM_MS));
    let answers: Weathered[] = [];
    const stormy = await pulseDuring(health, async () => {
      answers = await storm(server.url, requests, PATIENCE_MS);
    });
    const served = answers.filter(({ status }) => status === good);
    const refused = answers.filter(({ status }) => status === 503);
    const times = (some: readonly Weathered[]): number[] => some.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
    const told = (sorted: readonly number[]): string =>
      `p50 ${percentile(sorted, 0.5).toFixed(0)} ms, p99 ${percentile(sorted, 0.99).toFixed(0)} ms`;
    seen(
      `${requests.length} ${what} on ${kind}: ${served.length} done (${told(times(served))}), ${refused.length} refused (${told(times(refused))}); ` +
        `health ${told(stormy)} of ${stormy.length}, in calm weather ${told(calm)}`,
    );
    expect(
      new Set(answers.filter(({ status }) => ![good, 429, 503].includes(status)).map(({ status, code }) => `${status} ${String(code)}`)),
    ).toEqual(new Set());
    expect(refused.filter((answer) => !isRefusal(answer))).toEqual([]);
    expect(served.length).toBeGreaterThan(0);
    expect(percentile(stormy, 0.99)).toBeLessThan(healthMs);
    expect((await one(logIn)).status).toBe(200);
    return answers;
  }

  test(
    '200 log-ins at once: each is let in or refused',
    () =>
      weather(
        'log-ins',
        many(200, () => logIn),
        200,
      ),
    PATIENCE_MS,
  );

  test(
    '500 registrations at once: each is done or refused, and who was refused is not registered',
    async () => {
      const answers = await weather(
        'registrations',
        many(500, (index) => registration(`user-${index}`)),
        201,
        HEALTH_IN_BURST_MS,
      );
      const done = answers.findIndex(({ status }) => status === 201);
      const refused = answers.findIndex(({ status }) => status === 503);
      expect((await one(registration(`user-${done}`))).code).toBe('username_taken');
      expect((await one(registration(`user-${refused}`))).status).toBe(201);
    },
    PATIENCE_MS,
  );

  test(
    '2000 reads at once: each is answered or refused',
    async () => {
      const response = await fetch(`${server.url}/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(logIn.body),
      });
      const bearer = text(await response.json(), 'access_token');
      await weather(
        'reads',
        many(2000, () => ({ method: 'GET', path: '/users/me', bearer })),
        200,
        BEHIND_ALL,
      );
    },
    PATIENCE_MS,
  );

  test(
    '200 forgotten passwords at once, of somebody and of nobody: each is taken or refused',
    () =>
      weather(
        'forgotten passwords',
        many(200, (index) => post('/password/forgot', { identifier: index % 2 === 0 ? 'ada' : `nobody-${index}` })),
        202,
        HEALTH_IN_BURST_MS,
      ),
    PATIENCE_MS,
  );
});
