import { get, logIn, register, timed } from './client.js';
import { inFolder, startService, using } from './processes.js';
import { list, median, medianRatio, percentile, type Row } from './report.js';

const ROUNDS = 3;
const LOG_INS = 32;
const IDLE_MS = 4000;
/** Between two probes: a load that the service hardly notices. */
const PAUSE_MS = 5;

const pause = (): Promise<void> => new Promise((over) => setTimeout(over, PAUSE_MS));

/** Asks one request after the other for as long as something else takes; milliseconds each. */
async function probe(url: string, meanwhile: Promise<unknown>): Promise<number[]> {
  const state = { over: false };
  const ask = async (): Promise<number[]> => {
    const times: number[] = [];
    while (!state.over) {
      const begun = performance.now();
      await get(url);
      times.push(performance.now() - begun);
      await pause();
    }
    return times;
  };
  const [times] = await Promise.all([ask(), meanwhile.finally(() => (state.over = true))]);
  return times;
}

/** How long verifying a token takes while passwords are being hashed. */
export const measureLatency = (): Promise<Row[]> =>
  inFolder((folder) =>
    using(startService(folder), async ({ url }) => {
      await register(url);
      const address = `${url}/verify-token/${await logIn(url)}`;
      await timed(500, 1, () => get(address));
      const [idle, busy]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        idle.push(percentile(await probe(address, new Promise((over) => setTimeout(over, IDLE_MS))), 99));
        busy.push(
          percentile(
            await probe(
              address,
              timed(LOG_INS, LOG_INS, () => logIn(url)),
            ),
            99,
          ),
        );
      }
      const figures = `ms: during ${LOG_INS} log-ins ${list(busy)}, idle ${list(idle)}`;
      return [
        {
          what: '/verify-token p99 during log-ins / idle',
          value: medianRatio(busy, idle),
          unit: '×',
          target: { than: 'below', limit: 3 },
          figures,
          raw: { busy, idle },
        },
        {
          what: '/verify-token p99 during log-ins',
          value: median(busy),
          unit: 'ms',
          target: { than: 'below', limit: 50 },
          figures,
          raw: { busy },
        },
      ];
    }),
  );
