import { get, logIn, register } from './client.js';
import { inFolder, residentMegabytes, startService, using } from './processes.js';
import { list, median, type Row } from './report.js';

const STARTS = 5;
const SETTLE_MS = 1000;

const settle = (): Promise<void> => new Promise((settled) => setTimeout(settled, SETTLE_MS));

/** How soon the service answers on a database that is up to date, and what it holds in memory then. */
export const measureStart = (): Promise<Row[]> =>
  inFolder(async (folder) => {
    // The first start migrates.
    await using(startService(folder), ({ url }) => register(url));
    const starts: number[] = [];
    for (let count = 0; count < STARTS; count += 1)
      await using(startService(folder), ({ startedInMs }) => Promise.resolve(starts.push(startedInMs)));

    const [served, hashed] = await using(startService(folder), async ({ url, pid }) => {
      for (const path of ['/', '/health/ready', '/openapi.json']) await get(url + path);
      await settle();
      const before = residentMegabytes(pid);
      await get(`${url}/verify-token/${await logIn(url)}`);
      await settle();
      return [before, residentMegabytes(pid)];
    });
    return [
      {
        what: 'start to the first answer',
        value: median(starts),
        unit: 'ms',
        target: { than: 'below', limit: 1000 },
        figures: `ms: ${list(starts)}`,
        raw: { starts },
      },
      {
        what: 'memory at rest',
        value: hashed,
        unit: 'MB',
        figures: `MB: ${list([served])} after a few requests, ${list([hashed])} after a log-in`,
        raw: { served: [served], hashed: [hashed] },
      },
    ];
  });
