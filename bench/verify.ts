import autocannon from 'autocannon';
import { logIn, register } from './client.js';
import { inFolder, startBare, startService, using } from './processes.js';
import { list, medianRatio, type Row } from './report.js';

const ROUNDS = 5;
const ROUND_SECONDS = 3;
const WARM_UP_SECONDS = 2;
const CONNECTIONS = 10;

/** Requests a second, over the whole round. */
export async function load(url: string, headers: Record<string, string> = {}, seconds = ROUND_SECONDS): Promise<number> {
  const begun = performance.now();
  const result = await autocannon({ url, headers, connections: CONNECTIONS, duration: seconds });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx + result.errors} requests to ${url} failed`);
  return (result['2xx'] / (performance.now() - begun)) * 1000;
}

/** How fast both forms of `/verify-token` are, against Express with nothing but that answer. */
export const measureVerify = (): Promise<Row[]> =>
  inFolder((folder) =>
    using(startBare(), (bare) =>
      using(startService(folder), async (ours) => {
        await register(ours.url);
        const token = await logIn(ours.url);
        const targets = {
          bare: () => load(`${bare.url}/verify-token`),
          path: () => load(`${ours.url}/verify-token/${token}`),
          header: () => load(`${ours.url}/verify-token`, { Authorization: `Bearer ${token}` }),
        };
        for (const { url } of [bare, ours]) await load(`${url}/verify-token`, { Authorization: `Bearer ${token}` }, WARM_UP_SECONDS);

        const rates = { bare: [0].slice(1), path: [0].slice(1), header: [0].slice(1) };
        for (let round = 0; round < ROUNDS; round += 1) {
          rates.path.push(await targets.path());
          rates.bare.push(await targets.bare());
          rates.header.push(await targets.header());
        }
        return [rowOf('GET /verify-token/{token}', rates.path, rates.bare), rowOf('GET /verify-token (Bearer)', rates.header, rates.bare)];
      }),
    ),
  );

const rowOf = (what: string, ours: readonly number[], bare: readonly number[]): Row => ({
  what: `${what} / bare Express`,
  value: medianRatio(ours, bare),
  unit: '×',
  target: { than: 'least', limit: 1 },
  figures: `requests/s: ours ${list(ours)}, bare ${list(bare)}`,
  raw: { ours, bare },
});
