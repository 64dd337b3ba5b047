import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Connection, Submittable } from 'pg';
import type { Transaction } from 'sequelize';

/** The side of pg's connection that its types leave out. */
interface CopyConnection {
  readonly stream: Duplex;
  sendCopyFromChunk(rows: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

interface CopyClient {
  query(query: Submittable): unknown;
}

/** Rows on their way into a table. */
export interface CopyIn {
  /** Resolves when there is room for more. Throws what PostgreSQL says. */
  write(rows: Buffer): Promise<void>;
  /** Resolves when all of them are in it. Throws what PostgreSQL says. */
  end(): Promise<void>;
  /** Takes back those that are underway; the transaction has failed with it. */
  fail(): Promise<void>;
}

/** Sends rows as `COPY … FROM STDIN` takes them, in that transaction: pg has the messages for it and no call. */
export async function copyIn(statement: string, transaction: Transaction): Promise<CopyIn> {
  let callback = (): void => undefined;
  let failure: Error | undefined;
  let finish = (): void => undefined;
  const finished = new Promise<void>((done) => (finish = done));
  const connection = await new Promise<CopyConnection | undefined>((ready) => {
    const over = (): void => {
      callback();
      finish();
      ready(undefined);
    };
    const query = {
      submit: (to: Connection) => {
        to.query(statement);
      },
      handleCopyInResponse: ready,
      handleCommandComplete: () => undefined,
      handleReadyForQuery: over,
      handleError: (error: Error) => {
        failure ??= error;
        over();
      },
      // pg's own time limit sets one, and waits for its call.
      set callback(called: () => void) {
        callback = called;
      },
    };
    clientOf(transaction).query(query);
  });
  const check = (): CopyConnection => {
    if (failure !== undefined) throw failure;
    if (connection === undefined) throw new TypeError('not a COPY FROM STDIN');
    return connection;
  };
  check();
  return {
    write: async (rows) => {
      const { stream } = check();
      check().sendCopyFromChunk(rows);
      if (stream.writableNeedDrain) await Promise.race([once(stream, 'drain'), finished]);
    },
    end: async () => {
      check().endCopyFrom();
      await finished;
      check();
    },
    fail: async () => {
      if (failure !== undefined) return;
      connection?.sendCopyFail('given up');
      await finished;
    },
  };
}

/** Sequelize keeps the client of a transaction to itself. */
function clientOf(transaction: Transaction): CopyClient {
  const client: unknown = 'connection' in transaction ? transaction.connection : undefined;
  if (!isClient(client)) throw new TypeError('not a transaction on PostgreSQL');
  return client;
}

const isClient = (value: unknown): value is CopyClient =>
  typeof value === 'object' && value !== null && 'query' in value && typeof value.query === 'function';
