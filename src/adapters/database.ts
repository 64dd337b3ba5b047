import { statSync } from 'node:fs';
import { types } from 'node:util';
import type { Client, ClientConfig } from 'pg';
import { BaseError, ConnectionError, type Options as SequelizeOptions, Sequelize, Transaction } from 'sequelize';
import { type DatabaseTarget, isSslMode, type SslMode } from '../../config/database.js';
import { AppError } from '../errors/app-error.js';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';
import { flowOf, type Requester } from '../lib/flow.js';
import { sqliteDriver } from './sqlite-driver.js';
import { pingFile, WRITE_NOTHING } from './sqlite-file.js';
import { createWorkQueue, type Place } from './work-queue.js';

/** How long a write waits for another process's lock on a SQLite file before it is answered 503. */
const LOCK_WAIT_MS = 4000;
/** How long a request waits for a PostgreSQL connection, and for each answer of it, before it is answered 503. */
const CONNECT_WAIT_MS = 1800;
const ANSWER_WAIT_MS = 1500;
const POSTGRES_CONNECTIONS = 10;
/** The rest is for reads: transactions may wait for each other's locks. */
const POSTGRES_WRITERS = 8;
/** Sequelize would try a locked database five times over, each for the whole wait. */
const NO_RETRIES = { retry: { max: 1 } };

/** What one process at a time may do, by the number that stands for it in PostgreSQL: any, the same in every process. */
export const LOCKS = {
  migrating: 7_160_115,
  revoking: 7_160_116,
  makingKeys: 7_160_117,
  verifying: 7_160_118,
  administering: 7_160_119,
  auditing: 7_160_120,
} as const;

/** The database, whichever it is. */
export interface Database {
  readonly sequelize: Sequelize;
  readonly target: DatabaseTarget;
  /**
   * Runs the work in one write transaction: committed when it resolves, rolled back when it throws. Throws `overloaded`
   * where too many wait, and `unavailable` after some two seconds; the work is not begun then.
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>, place?: Place): Promise<T>;
  /** Transactions that a request asks for: they wait in the flow of its client, so that no other client's delay them (`work-queue.ts`). */
  forClient(client: Requester): Pick<Database, 'transaction'>;
  /** Whether the next transaction of a request would be refused. */
  isFull(): boolean;
  /** Runs the work as the last of that transaction, in the order in which it was handed in; the transaction fails where it does. */
  beforeCommit(transaction: Transaction, work: () => Promise<void>): void;
  /** Runs `then` when that transaction is known to be committed, before its caller goes on; never where it failed. */
  afterCommit(transaction: Transaction, then: () => void): void;
  /** Holds, until that transaction ends, what only one process may do at a time. SQLite's only writer holds it already. */
  lock(transaction: Transaction, what: (typeof LOCKS)[keyof typeof LOCKS]): Promise<void>;
  /** Resolves when the database is there, migrated, and takes writes; throws what it says otherwise, and StartError for a file that another took the place of. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What is left to do at the end of a transaction. */
interface Ends {
  readonly before: (() => Promise<void>)[];
  readonly after: (() => void)[];
}

interface Options {
  /** Where it migrates: it may make the file, and waits so long for another process that migrates. */
  readonly waitMs?: number;
  /** How many transactions may wait for their turn; as many as come unless told. */
  readonly queueLimit?: number;
}

/** Opens nothing yet: the first query connects. */
export function createDatabase(target: DatabaseTarget, { waitMs, queueLimit = Infinity }: Options = {}): Database {
  const sequelize = new Sequelize(sequelizeOptions(target, waitMs));
  if (target.dialect === 'sqlite') closeWhatFails(sequelize);
  else listenFromTheStart(sequelize);
  const writers = createWorkQueue({ ...WRITERS[target.dialect](waitMs), queueLimit });
  const type = target.dialect === 'sqlite' ? { type: Transaction.TYPES.IMMEDIATE } : {};
  // Sequelize's own hooks of this name also run where the commit failed.
  const begun = new WeakMap<Transaction, Ends>();
  const run = async <T>(work: (transaction: Transaction) => Promise<T>): Promise<T> => {
    const ends: Ends = { before: [], after: [] };
    const result = await sequelize.transaction(type, async (transaction) => {
      begun.set(transaction, ends);
      const worked = await work(transaction);
      for (const step of ends.before) await step();
      return worked;
    });
    for (const step of ends.after) step();
    return result;
  };
  const assertInPlace = isFile(target) ? watchPlace(target.file) : () => undefined;
  const endsOf = (transaction: Transaction): Ends => {
    const ends = begun.get(transaction);
    if (ends === undefined) throw new TypeError('a transaction that was not begun here');
    return ends;
  };
  return {
    sequelize,
    target,
    transaction: (work, place) => writers.run(() => run(work), place),
    forClient: (client) => ({
      transaction: (work, place) => writers.run(() => run(work), { flow: flowOf(client), ...place }),
    }),
    isFull: () => writers.isFull(),
    beforeCommit: (transaction, work) => {
      endsOf(transaction).before.push(work);
    },
    afterCommit: (transaction, then) => {
      endsOf(transaction).after.push(then);
    },
    lock: async (transaction, what) => {
      if (target.dialect === 'postgres') await sequelize.query(`SELECT pg_advisory_xact_lock(${what})`, { transaction });
    },
    ping: async () => {
      // First: a write to a file that took the place of another would apply the log of the other, and damage it.
      assertInPlace();
      // An open connection keeps a deleted file, and the right to write to one that became read-only.
      if (isFile(target)) await pingFile(target.file);
      await sequelize.query(isFile(target) ? 'SELECT 1 FROM schema_migrations LIMIT 1' : WRITE_NOTHING);
      assertInPlace();
    },
    close: () => sequelize.close(),
  };
}

/**
 * How many write at once, and how long the others wait. SQLite has one writer: who waits here holds no thread and no lock,
 * where SQLite's own busy handler would hold both and starve some for seconds.
 */
const WRITERS = {
  sqlite: (waitMs = LOCK_WAIT_MS) => ({ atOnce: 1, mostWaitMs: waitMs / 2 }),
  postgres: (waitMs = CONNECT_WAIT_MS) => ({ atOnce: POSTGRES_WRITERS, mostWaitMs: waitMs }),
} as const;

/**
 * Tells, from its first call on, when another file has taken the place of a database: as a restore does, and as an operator
 * may. Who has the old one open would read from it for ever, and write to the new one.
 */
function watchPlace(file: string): () => void {
  let first: string | undefined;
  return () => {
    const { dev, ino } = statSync(file, { bigint: true });
    const found = `${dev} ${ino}`;
    first ??= found;
    if (found !== first) throw new StartError(`DATABASE_URL: ${file} was replaced while it was in use. Start again`);
  };
}

/** As libpq has them: `require` encrypts, and only `verify-full` also asks who is at the other end. */
const TLS: Readonly<Record<SslMode, false | { rejectUnauthorized: boolean }>> = {
  disable: false,
  require: { rejectUnauthorized: false },
  'verify-full': { rejectUnauthorized: true },
};

/** Whether the data lies in a file of this machine. */
export const isFile = (target: DatabaseTarget): target is Extract<DatabaseTarget, { dialect: 'sqlite' }> =>
  target.dialect === 'sqlite' && target.file !== ':memory:';

function sequelizeOptions(target: DatabaseTarget, waitMs: number | undefined): SequelizeOptions {
  if (target.dialect === 'postgres') {
    const { hostname, port, username, password, pathname, searchParams } = new URL(target.url);
    const asked = searchParams.get('sslmode') ?? 'disable';
    if (!isSslMode(asked)) throw new TypeError('the settings let an unknown sslmode through');
    return {
      dialect: 'postgres',
      ...NO_RETRIES,
      logging: false,
      host: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || 5432),
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)),
      pool: { max: POSTGRES_CONNECTIONS, acquire: CONNECT_WAIT_MS, idle: 10_000 },
      dialectOptions: {
        connectionTimeoutMillis: CONNECT_WAIT_MS,
        query_timeout: waitMs ?? ANSWER_WAIT_MS,
        ...Object.fromEntries(searchParams),
        ssl: TLS[asked],
      },
    };
  }
  const sqlite = {
    dialectModule: sqliteModule(waitMs ?? LOCK_WAIT_MS),
    // A migration builds tables anew, and dropping the old one would cascade.
    foreignKeys: waitMs === undefined,
    // Once it is migrated, a file that is gone is a fault; SQLite would make an empty one.
    ...(isFile(target) && waitMs === undefined ? { dialectOptions: { mode: sqliteDriver().OPEN_READWRITE } } : {}),
  };
  return { dialect: 'sqlite', ...NO_RETRIES, storage: target.file, logging: false, ...sqlite };
}

/**
 * sqlite3 with our settings on every connection: Sequelize opens one for each transaction and offers no hook for them.
 * `synchronous=FULL` in WAL keeps what was acknowledged through a power cut, not only through a crash.
 */
function sqliteModule(lockWaitMs: number): object {
  const sqlite3 = sqliteDriver();
  class Configured extends sqlite3.Database {
    #failed = false;

    constructor(file: string, mode: number, opened: (error: Error | null) => void) {
      super(file, mode, (error) => {
        this.#failed = error !== null;
        opened(error);
      });
      this.configure('busyTimeout', lockWaitMs);
      // Without a callback a failure here would be thrown into the process; the caller's own statement meets it too.
      this.exec('PRAGMA synchronous=FULL', () => undefined);
    }

    /** sqlite3 itself never answers the closing of a file that it could not open. */
    override close(closed?: (error: Error | null) => void): void {
      if (this.#failed) closed?.(null);
      else super.close(closed);
    }
  }
  return { ...sqlite3, Database: Configured };
}

/** Sequelize ends the connection of a transaction that could not begin through its pool, and SQLite has none: each would stay open. */
function closeWhatFails({ connectionManager }: Sequelize): void {
  Object.assign(connectionManager, {
    destroyConnection: (connection: object) => {
      connectionManager.releaseConnection(connection);
    },
  });
}

/** Sequelize listens for the errors of a connection only once it is made: one that PostgreSQL ends at that moment would end this process. */
function listenFromTheStart({ connectionManager }: Sequelize): void {
  const lib: unknown = Reflect.get(connectionManager, 'lib');
  if (!isPg(lib)) throw new TypeError('Sequelize keeps pg elsewhere');
  class Listening extends lib.Client {
    constructor(config?: ClientConfig) {
      super(config);
      // Whoever asks next is told.
      this.on('error', () => undefined);
    }
  }
  Object.assign(connectionManager, { lib: { ...lib, Client: Listening } });
}

const isPg = (lib: unknown): lib is { Client: typeof Client } => typeof lib === 'object' && lib !== null && 'Client' in lib;

/** SQLite: locked, full, read-only, unreadable or corrupt. */
const SQLITE_OUTAGE = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|PERM|NOMEM|CORRUPT|NOTADB|PROTOCOL)$/;

/**
 * PostgreSQL's error classes (appendix A of its manual) for conditions outside the statement: connection (08), transaction
 * rollback (40), resources (53), operator intervention and timeouts (57), system (58), snapshot (72); and single codes of
 * other classes: read-only and timed-out transactions (25), a lock not available (55P03), corrupt data (XX001, XX002). An
 * unknown code of a whole class counts. 40002 is a violated constraint.
 */
const POSTGRES_OUTAGE = /^(08...|40(?!002)...|53...|57...|58...|72...|25006|25P03|25P04|55P03|XX00[12])$/;

const NETWORK_OUTAGE = /^(ECONN.*|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST.*|ENET.*)$/;

const isOutage = (code: string): boolean => [SQLITE_OUTAGE, POSTGRES_OUTAGE, NETWORK_OUTAGE].some((codes) => codes.test(code));

/** What pg says, without a code, of a PostgreSQL that is connected and silent, or that went away with its connection. */
const NO_ANSWER =
  /^(Query read timeout|Connection terminated( unexpectedly)?|Client (was closed|has encountered a connection error) and is not queryable)$/;

/** The fault to answer for a database that is away: `unavailable`; undefined for any other error. */
export function databaseFault(error: unknown): AppError | undefined {
  // What a new connection meets before its first query, Sequelize hands on as it is.
  const original: unknown = error instanceof BaseError && 'original' in error ? error.original : error;
  const silent = types.isNativeError(original) && NO_ANSWER.test(original.message);
  const away = error instanceof ConnectionError || isOutage(errorCode(original)) || silent;
  return away ? new AppError('unavailable', { cause: error }) : undefined;
}
