import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { logIn, register, timed } from './client.js';
import { inFolder, startService, using } from './processes.js';
import { list, medianRatio, type Row } from './report.js';

const ROUNDS = 3;
const LOG_INS = 24;
const AT_ONCE = 8;
const BCRYPT_ROUNDS = 12;

/** Compares until the count that all threads share is used up. Plain JavaScript, as threads don't take TypeScript. */
const COMPARER = `
const { parentPort } = require('node:worker_threads');
const bcrypt = require('bcryptjs');
const secret = 'correct horse battery staple';
const hash = bcrypt.hashSync(secret, ${BCRYPT_ROUNDS});
parentPort.on('message', (shared) => {
  const left = new Int32Array(shared);
  while (Atomics.sub(left, 0, 1) > 0) bcrypt.compareSync(secret, hash);
  parentPort.postMessage('done');
});
parentPort.postMessage('ready');
`;

/** Every core doing nothing but comparing: no service that hashes with bcryptjs can log in more often. */
async function withCeiling<T>(work: (compare: (count: number) => Promise<number>) => Promise<T>): Promise<T> {
  const workers = Array.from({ length: availableParallelism() }, () => new Worker(COMPARER, { eval: true, execArgv: [] }));
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    return await work(async (count) => {
      const left = new Int32Array(new SharedArrayBuffer(4));
      left[0] = count;
      const begun = performance.now();
      const ended = workers.map((worker) => once(worker, 'message'));
      for (const worker of workers) worker.postMessage(left.buffer);
      await Promise.all(ended);
      return performance.now() - begun;
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** How many log-ins a second, against what the cores could compare in that time. A fixed number of each is timed. */
export const measureLogIn = (): Promise<Row[]> =>
  inFolder((folder) =>
    using(startService(folder), ({ url }) =>
      withCeiling(async (compare) => {
        await register(url);
        await timed(AT_ONCE, AT_ONCE, () => logIn(url));
        const [logIns, compares]: [number[], number[]] = [[], []];
        const perSecond = (ms: number): number => (LOG_INS / ms) * 1000;
        for (let round = 0; round < ROUNDS; round += 1) {
          logIns.push(perSecond(await timed(LOG_INS, AT_ONCE, () => logIn(url))));
          compares.push(perSecond(await compare(LOG_INS)));
        }
        return [
          {
            what: 'log-ins / compares on every core',
            value: medianRatio(logIns, compares),
            unit: '×',
            target: { than: 'least', limit: 0.9 },
            figures: `a second: log-ins ${list(logIns)}, compares ${list(compares)}`,
            raw: { logIns, compares },
          },
        ];
      }),
    ),
  );
