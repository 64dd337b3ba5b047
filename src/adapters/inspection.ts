import { constants, accessSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { QueryTypes } from 'sequelize';
import { describeTarget } from '../../config/database.js';
import { errorCode } from '../lib/error-code.js';
import { type Database, isFile } from './database.js';
import { pendingAfter, pendingIn } from './migrator.js';
import { inspectFile, openRaw } from './sqlite-file.js';

/** What can be told of a database without changing it. */
export interface DatabaseState {
  /** False for a file that is absent or empty: the first start makes it. */
  readonly exists: boolean;
  /** The migrations that it lacks. */
  readonly pending: readonly string[];
  /** What keeps it from being written to; undefined where nothing does. */
  readonly obstacle: string | undefined;
  /** How far its server's clock is ahead of ours, in milliseconds; undefined where it has no server. */
  readonly clockLead: number | undefined;
}

/** Looks at a database. Throws StartError where a start would refuse it, and what the database says where it is away. */
export async function inspectDatabase(database: Database): Promise<DatabaseState> {
  const { target } = database;
  if (target.dialect === 'postgres') return inspectServer(database);
  if (!isFile(target)) return { exists: false, pending: [], obstacle: undefined, clockLead: undefined };
  const state = await inspectFile(target.file);
  return {
    exists: state.exists,
    pending: pendingIn(target.file, state),
    obstacle: state.exists ? await obstacleTo(target.file) : undefined,
    clockLead: undefined,
  };
}

/** Takes the writer's lock and gives it back, which writes nothing. `-wal` and `-shm` files need the folder. */
async function obstacleTo(file: string): Promise<string | undefined> {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK | constants.X_OK);
    const connection = await openRaw(file, { write: true });
    try {
      await connection.all('BEGIN IMMEDIATE');
      await connection.all('ROLLBACK');
    } finally {
      await connection.close();
    }
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}

async function inspectServer({ sequelize, target }: Database): Promise<DatabaseState> {
  const select = <Row extends object>(sql: string): Promise<Row[]> => sequelize.query<Row>(sql, { type: QueryTypes.SELECT });
  const before = Date.now();
  const [facts] = await select<{ now: number; read_only: string; migrated: boolean }>(
    `SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now, current_setting('transaction_read_only') AS read_only,
            to_regclass('schema_migrations') IS NOT NULL AS migrated`,
  );
  const after = Date.now();
  if (facts === undefined) throw new TypeError('a SELECT without FROM gives a row');
  const recorded = facts.migrated ? await select<{ name: string }>('SELECT name FROM schema_migrations') : [];
  return {
    exists: true,
    pending: pendingAfter(
      recorded.map(({ name }) => name),
      describeTarget(target),
    ),
    obstacle: facts.read_only === 'on' ? 'default_transaction_read_only is on, or it is a standby' : undefined,
    // The answer was made somewhere between.
    clockLead: facts.now - (before + after) / 2,
  };
}
