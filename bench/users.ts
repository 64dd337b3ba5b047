import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createDatabase, type Database } from '../src/adapters/database.js';
import { loginIdentifier } from '../src/lib/login-identifier.js';
import { createModels } from '../src/models/index.js';
import { writePlace } from '../src/models/user-search.js';
import { get, logIn, register } from './client.js';
import { inFolder, type Running, startService, using } from './processes.js';
import { list, median, medianRatio, type Row } from './report.js';
import { fill, firstNames, usernameOf } from './user-data.js';

const [FEW, MANY] = [1000, 1_000_000] as const;
const REQUESTS = { rounds: 15, times: 30 } as const;
const LOG_INS = { rounds: 5, times: 8 } as const;
/** Spreads the users who log in over the whole table. */
const FACTOR = 104_729;
/** First letters that some of a hundred disabled users have. */
const LETTERS = ['a', 'm'] as const;

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

/** So many rounds, in each of which both services do the work so many times. */
interface Turns {
  readonly rounds: number;
  readonly times: number;
}

/** How long the work takes in the small and in the large service: the median of each round, in which they take turns from one piece of work to the next. */
async function inTurns(
  both: readonly [Populated, Populated],
  turns: Turns,
  work: (populated: Populated, number: number) => Promise<unknown>,
) {
  const took = async (populated: Populated, number: number): Promise<number> => {
    const begun = performance.now();
    await work(populated, number);
    return performance.now() - begun;
  };
  const [few, many]: [number[], number[]] = [[], []];
  for (let round = -1; round < turns.rounds; round += 1) {
    const times: { few: number[]; many: number[] } = { few: [], many: [] };
    for (let time = 0; time < turns.times; time += 1) {
      const number = (round + 1) * turns.times + time;
      times.few.push(await took(both[0], number));
      times.many.push(await took(both[1], number));
    }
    // The first round warms up.
    if (round < 0) continue;
    few.push(median(times.few));
    many.push(median(times.many));
  }
  return { few, many };
}

function rowOf(what: string, limit: number | undefined, { few, many }: { few: number[]; many: number[] }): Row {
  return {
    what: `${what}, ${MANY.toLocaleString('en')} users / ${FEW.toLocaleString('en')}`,
    value: medianRatio(many, few),
    unit: '×',
    ...(limit !== undefined && { target: { than: 'below', limit } }),
    figures: `ms: ${list(many)}, with few ${list(few)}`,
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
  'search among the disabled': (number) => ({ q: LETTERS[number % LETTERS.length] ?? '', status: 'disabled', limit: '10' }),
};

/** The list of users over HTTP, one request after the other. */
async function measureLists(both: readonly [Populated, Populated]): Promise<Row[]> {
  const tokens = new Map<Populated, string>();
  for (const one of both) tokens.set(one, await logIn(one.server.url));
  const rows: Row[] = [];
  for (const [what, query] of Object.entries(QUERIES)) {
    const times = await inTurns(both, REQUESTS, (populated, number) => {
      const { server, users } = populated;
      return get(`${server.url}/admin/users?${new URLSearchParams(query(number, users)).toString()}`, tokens.get(populated));
    });
    rows.push(rowOf(what, 1.5, times));
  }
  return rows;
}

/** Whole log-ins over HTTP, at the cost that hashes have if nobody sets another. */
const measureLogIns = async (both: readonly [Populated, Populated]): Promise<Row> =>
  rowOf('log-in', 1.2, await inTurns(both, LOG_INS, ({ server }) => logIn(server.url)));

/** What the database does for a log-in, in this process: finds the user by name and writes a session. */
async function measureDatabase(both: readonly [Populated, Populated]): Promise<Row> {
  const opened = new Map<Populated, Database>(both.map((one) => [one, createDatabase({ dialect: 'sqlite', file: one.file })]));
  try {
    const times = await inTurns(both, REQUESTS, async (populated, number) => {
      const database = opened.get(populated);
      if (database === undefined) throw new Error('a database that was not opened');
      await logInToDatabase(database, usernameOf(1 + ((number * FACTOR) % populated.users)));
    });
    return rowOf('what the database does for a log-in', undefined, times);
  } finally {
    for (const database of opened.values()) await database.close();
  }
}

async function logInToDatabase(database: Database, username: string): Promise<void> {
  const { User, Session } = createModels(database.sequelize);
  const [user] = await User.findCandidates(loginIdentifier(username));
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
