import { join } from 'node:path';
import { openRaw, type RawConnection } from '../src/adapters/sqlite-file.js';
import { logIn, logInWhole, refresh, register, timed } from './client.js';
import { inFolder, residentMegabytes, type Running, startService, using } from './processes.js';
import { list, median, medianRatio, type Row } from './report.js';
import { load } from './verify.js';

const REVOKED = 100_000;
const VERIFY_ROUNDS = 11;
const VERIFY_SECONDS = 2;
const MEMORY_ROUNDS = 3;
const SETTLE_MS = 1500;
const REFRESH_ROUNDS = 5;
const REFRESHES = 400;
const AT_ONCE = 8;

const settle = (): Promise<void> => new Promise((settled) => setTimeout(settled, SETTLE_MS));

async function withDatabase<T>(folder: string, work: (connection: RawConnection) => Promise<T>): Promise<T> {
  const connection = await openRaw(join(folder, 'bench.db'), { write: true });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** Sessions that were revoked a moment ago, as a service would have written them. */
const REVOKE = `
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${REVOKED})
INSERT INTO auth_revocations (session_id, through, revoked_at)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6))),
       NULL, strftime('%Y-%m-%d %H:%M:%f +00:00', 'now')
FROM numbers`;

/** A database in a folder, migrated by a first start and with a user; full of revoked sessions if asked. */
async function prepare(folder: string, { full }: { full: boolean }): Promise<void> {
  await using(startService(folder), ({ url }) => register(url));
  if (full) await withDatabase(folder, (connection) => connection.all(REVOKE));
}

/** Gives the work two services: one whose index of revoked sessions is empty, and one that knows 100,000. */
const withBoth = <T>(work: (empty: string, full: string) => Promise<T>): Promise<T> =>
  inFolder((emptyFolder) =>
    inFolder(async (fullFolder) => {
      await prepare(emptyFolder, { full: false });
      await prepare(fullFolder, { full: true });
      return work(emptyFolder, fullFolder);
    }),
  );

const measureIndex = (): Promise<Row[]> =>
  withBoth((emptyFolder, fullFolder) =>
    using(startService(emptyFolder), (empty) =>
      using(startService(fullFolder), async (full) => {
        const rate = (server: Running, token: string): Promise<number> =>
          load({ server, path: `/verify-token/${token}`, seconds: VERIFY_SECONDS });
        const [emptyToken, fullToken] = [await logIn(empty.url), await logIn(full.url)];
        const rates = { empty: [0].slice(1), full: [0].slice(1) };
        for (let round = -1; round < VERIFY_ROUNDS; round += 1) {
          const pair = { full: await rate(full, fullToken), empty: await rate(empty, emptyToken) };
          // The first pair warms up.
          if (round < 0) continue;
          rates.full.push(pair.full);
          rates.empty.push(pair.empty);
        }
        return [
          {
            what: `verify with ${REVOKED.toLocaleString('en')} revoked sessions / with none`,
            value: medianRatio(rates.full, rates.empty),
            unit: '×',
            target: { than: 'least', limit: 0.97 },
            figures: `requests for a second of processor time: with ${list(rates.full)}, without ${list(rates.empty)}`,
            raw: rates,
          },
        ];
      }),
    ),
  );

/** What a service holds in memory once it has started and answered. */
const heldBy = (folder: string): Promise<number> =>
  using(startService(folder), async ({ url, pid }) => {
    await logIn(url);
    await settle();
    return residentMegabytes(pid);
  });

const measureMemory = (): Promise<Row[]> =>
  withBoth(async (emptyFolder, fullFolder) => {
    const [empty, full]: [number[], number[]] = [[], []];
    for (let round = 0; round < MEMORY_ROUNDS; round += 1) {
      empty.push(await heldBy(emptyFolder));
      full.push(await heldBy(fullFolder));
    }
    return [
      {
        what: `memory for ${REVOKED.toLocaleString('en')} revoked sessions`,
        value: median(full) - median(empty),
        unit: 'MB',
        figures: `MB: with ${list(full)}, without ${list(empty)}`,
        raw: { empty, full },
      },
    ];
  });

/** One row changed in a transaction of its own, again and again, by the same driver with the same settings: what every refresh must do at least. */
async function bareUpdates(connection: RawConnection, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    await connection.all('BEGIN IMMEDIATE');
    await connection.all(`UPDATE auth_sessions SET version = version + 1 WHERE id = (SELECT min(id) FROM auth_sessions)`);
    await connection.all('COMMIT');
  }
}

const measureRefresh = (): Promise<Row[]> =>
  inFolder((folder) =>
    using(startService(folder), async ({ url }) => {
      await register(url);
      const waiting: string[] = [];
      for (let made = 0; made < AT_ONCE; made += 1) waiting.push((await logInWhole(url)).refresh_token);
      /** Each client refreshes a session of its own, with the token that it got last. */
      const next = async (): Promise<void> => {
        const token = waiting.shift();
        if (token === undefined) throw new Error('more clients than sessions');
        waiting.push((await refresh(url, token)).refresh_token);
      };
      const perSecond = (ms: number): number => (REFRESHES / ms) * 1000;
      const rates = { refreshes: [0].slice(1), updates: [0].slice(1) };
      await timed(REFRESHES, AT_ONCE, next);
      await withDatabase(folder, async (connection) => {
        await connection.all('PRAGMA synchronous=FULL');
        for (let round = 0; round < REFRESH_ROUNDS; round += 1) {
          rates.refreshes.push(perSecond(await timed(REFRESHES, AT_ONCE, next)));
          rates.updates.push(perSecond(await timed(1, 1, () => bareUpdates(connection, REFRESHES))));
        }
      });
      return [
        {
          what: 'refreshes over HTTP / bare UPDATEs, a transaction each',
          value: medianRatio(rates.refreshes, rates.updates),
          unit: '×',
          figures: `a second: refreshes ${list(rates.refreshes)}, updates ${list(rates.updates)}`,
          raw: rates,
        },
      ];
    }),
  );

/** What sessions cost: the index that each verification asks, the memory it takes, and a refresh. */
export const measureSessions = async (): Promise<Row[]> => [
  ...(await measureIndex()),
  ...(await measureMemory()),
  ...(await measureRefresh()),
];
