import autocannon from 'autocannon';
import { logIn, register } from './client.js';
import { inFolder, processorSeconds, type Running, startBare, startService, using } from './processes.js';
import { list, medianRatio, type Row } from './report.js';

const ROUNDS = 5;
const ROUND_SECONDS = 3;
const WARM_UP_SECONDS = 2;
const CONNECTIONS = 10;

/** What is asked, of which server. */
interface Load {
  readonly server: Pick<Running, 'url' | 'pid'>;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly seconds?: number;
}

/**
 * Requests for each second of processor time that the server spends on them, or a second of the clock where the system
 * doesn't tell: on a machine that others use too, a server is slow for reasons that are not its own.
 */
export async function load({ server, path, headers = {}, seconds = ROUND_SECONDS }: Load): Promise<number> {
  const url = server.url + path;
  const [begun, used] = [performance.now(), processorSeconds(server.pid)];
  const result = await autocannon({ url, headers, connections: CONNECTIONS, duration: seconds });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx + result.errors} requests to ${url} failed`);
  const spent = processorSeconds(server.pid) - used;
  return result['2xx'] / (Number.isNaN(spent) ? (performance.now() - begun) / 1000 : spent);
}

/** How fast both forms of `/verify-token` are, against Express with nothing but that answer. */
export const measureVerify = (): Promise<Row[]> =>
  inFolder((folder) =>
    using(startBare(), (bare) =>
      using(startService(folder), async (ours) => {
        await register(ours.url);
        const token = await logIn(ours.url);
        const targets = {
          bare: () => load({ server: bare, path: '/verify-token' }),
          path: () => load({ server: ours, path: `/verify-token/${token}` }),
          header: () => load({ server: ours, path: '/verify-token', headers: { Authorization: `Bearer ${token}` } }),
        };
        for (const server of [bare, ours])
          await load({ server, path: '/verify-token', headers: { Authorization: `Bearer ${token}` }, seconds: WARM_UP_SECONDS });

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
  figures: `requests for a second of processor time: ours ${list(ours)}, bare ${list(bare)}`,
  raw: { ours, bare },
});
