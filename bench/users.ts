import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createDatabase, type Database } from '../src/adapters/database.js';
import { createModels } from '../src/models/index.js';
import { writePlace } from '../src/models/user-search.js';
import { get, logIn, register, timed } from './client.js';
import { inFolder, type Running, startService, using } from './processes.js';
import { list, medianRatio, type Row } from './report.js';
import { fill, firstNames, usernameOf } from './user-data.js';

const [FEW, MANY] = [1000, 1_000_000] as const;
const ROUNDS = 15;
const REQUESTS = 30;
const LOG_IN_ROUNDS = 9;
const LOG_INS = 8;
/** Both services have a core each where there are two, and no more. */
const AT_ONCE = 1;

/** A service with its file and how many users that holds. */
interface Populated {
  readonly server: Running;
  readonly file: string;
  readonly users: number;
}

/** Gives the work a service with so many users and sessions. The first start migrates and makes the one who measures. */
const withUsers = <T>(users: number, work: (populated: Populated) => Promise<T>): Promise<T> =>
  inFolder(async (folder) => {
    const file = join(folder, 'bench.db');
    await using(startService(folder), ({ url }) => register(url));
    await fill(file, users);
    return using(startService(folder), (server) => work({ server, file, users }));
  });

/** Milliseconds for each piece of work in the small and in the large service, which take turns. */
async function inTurns(
  both: readonly [Populated, Populated],
  rounds: number,
  work: (populated: Populated, round: number) => Promise<number>,
) {
  const [few, many]: [number[], number[]] = [[], []];
  for (let round = -1; round < rounds; round += 1) {
    const pair = [await work(both[0], round + 1), await work(both[1], round + 1)] as const;
    // The first pair warms up.
    if (round < 0) continue;
    few.push(pair[0]);
    many.push(pair[1]);
  }
  return { few, many };
}

function rowOf(what: string, limit: number | undefined, { few, many }: { few: number[]; many: number[] }): Row {
  return {
    what: `${what}, ${MANY.toLocaleString('en')} users / ${FEW.toLocaleString('en')}`,
    value: medianRatio(many, few),
    unit: '×',
    ...(limit !== undefined && { target: { than: 'below', limit } }),
    figures: `ms each: ${list(many)}, with few ${list(few)}`,
    raw: { few, many },
  };
}

/** What is asked of the list of users; each request of a round asks for another part of it. */
const QUERIES: Readonly<Record<string, (number: number, users: number) => Record<string, string>>> = {
  'first page of users': () => ({}),
  'a page in the middle': (number, users) => ({ cursor: writePlace({ key: '', id: Math.floor((users / 2) * (1 + number / 1000)) }) }),
  'search that finds a page and more': (number) => ({ q: firstNames[number % firstNames.length] ?? '' }),
  'search that finds one': (number) => ({ q: usernameOf(number + 1) }),
  'users with role admin': () => ({ role: 'admin' }),
  'users who are disabled': () => ({ status: 'disabled' }),
  'search among the disabled': (number) => ({ q: firstNames[number % firstNames.length]?.slice(0, 1) ?? '', status: 'disabled' }),
};

/** The list of users over HTTP, one request after the other. */
async function measureLists(both: readonly [Populated, Populated]): Promise<Row[]> {
  const tokens = new Map<Populated, string>();
  for (const one of both) tokens.set(one, await logIn(one.server.url));
  const rows: Row[] = [];
  for (const [what, query] of Object.entries(QUERIES)) {
    const times = await inTurns(both, ROUNDS, async (populated, round) => {
      const { server, users } = populated;
      let number = round * REQUESTS;
      const ask = (): Promise<string> =>
        get(`${server.url}/admin/users?${new URLSearchParams(query(number++, users)).toString()}`, tokens.get(populated));
      return (await timed(REQUESTS, AT_ONCE, ask)) / REQUESTS;
    });
    rows.push(rowOf(what, 1.5, times));
  }
  return rows;
}

/** Whole log-ins over HTTP, at the cost that hashes have if nobody sets another. */
const measureLogIns = async (both: readonly [Populated, Populated]): Promise<Row> =>
  rowOf(
    'log-in',
    1.2,
    await inTurns(both, LOG_IN_ROUNDS, async ({ server }) => (await timed(LOG_INS, AT_ONCE, () => logIn(server.url))) / LOG_INS),
  );

/** What the database does for a log-in, in this process: finds the user by name and writes a session. */
async function measureDatabase(both: readonly [Populated, Populated]): Promise<Row> {
  const opened = new Map<Populated, Database>(both.map((one) => [one, createDatabase({ dialect: 'sqlite', file: one.file })]));
  try {
    const times = await inTurns(both, ROUNDS, async (populated, round) => {
      const database = opened.get(populated);
      if (database === undefined) throw new Error('a database that was not opened');
      let number = round * REQUESTS;
      return (
        (await timed(REQUESTS, AT_ONCE, () => logInToDatabase(database, usernameOf(1 + ((number++ * FACTOR) % populated.users))))) /
        REQUESTS
      );
    });
    return rowOf('what the database does for a log-in', undefined, times);
  } finally {
    for (const database of opened.values()) await database.close();
  }
}
/** Spreads the users that log in over the whole table. */
const FACTOR = 104_729;

async function logInToDatabase(database: Database, username: string): Promise<void> {
  const { User, Session } = createModels(database.sequelize);
  const user = await User.findForLogin(username, username);
  if (user === undefined) throw new Error(`${username} is not there`);
  const now = new Date();
  const times = { rotated_at: now, created_at: now, last_used_at: now, expires_at: now, ends_at: now, ended_at: null, end_reason: null };
  const session = {
    id: randomUUID(),
    user_id: user.id,
    ip: null,
    user_agent: null,
    amr: ['pwd'],
    counter: 1,
    refused_through: 0,
    replaced: [],
    version: 1,
  };
  await database.transaction((transaction) => Session.create({ ...session, ...times }, { transaction }));
}

/** How the list of users and a log-in fare with a million users and sessions, against a thousand. */
export const measureUsers = (): Promise<Row[]> =>
  withUsers(FEW, (few) =>
    withUsers(MANY, async (many) => {
      const both = [few, many] as const;
      return [
        ...(await measureLists(both)),
        await measureLogIns(both),
        await measureDatabase(both),
        {
          what: `start with ${MANY.toLocaleString('en')} users`,
          value: many.server.startedInMs,
          unit: 'ms',
          figures: `ms: ${list([many.server.startedInMs])}, with ${FEW.toLocaleString('en')} ${list([few.server.startedInMs])}`,
          raw: { many: [many.server.startedInMs], few: [few.server.startedInMs] },
        },
      ];
    }),
  );
