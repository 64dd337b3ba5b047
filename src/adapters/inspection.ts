import { types } from 'node:util';
import { describeTarget } from '../../config/database.js';
import { errorCode } from '../lib/error-code.js';
import { type Database, isFile } from './database.js';
import { pendingAfter, pendingIn } from './migrator.js';
import { READ_ONLY, readServer } from './postgres-server.js';
import { inspectFile, writeObstacle } from './sqlite-file.js';

/** What can be told of a database without changing it. */
export interface DatabaseState {
  /** False for a file that is absent or empty: the first start makes it. */
  readonly exists: boolean;
  /** The migrations that it lacks. */
  readonly pending: readonly string[];
  /** Why a start refuses it, where its contents can be read all the same; undefined where it does not. */
  readonly refusal: string | undefined;
  /** What keeps it from being written to; undefined where nothing does. */
  readonly obstacle: string | undefined;
  /** How far its server's clock is ahead of ours, in milliseconds; undefined where it has no server. */
  readonly clockLead: number | undefined;
}

/** Looks at a database. Throws StartError where a start would refuse it, and what the database says where it is away. */
export async function inspectDatabase(database: Database): Promise<DatabaseState> {
  const { target } = database;
  if (target.dialect === 'postgres') return inspectServer(database);
  if (!isFile(target)) return { exists: false, pending: [], refusal: undefined, obstacle: undefined, clockLead: undefined };
  const state = await inspectFile(target.file);
  return {
    exists: state.exists,
    pending: pendingIn(target.file, state),
    refusal: undefined,
    obstacle: state.exists ? await writeObstacle(target.file) : undefined,
    clockLead: undefined,
  };
}

async function inspectServer(database: Database): Promise<DatabaseState> {
  const before = Date.now();
  const { now, isReadOnly, migrations, refusal } = await readServer(database);
  const after = Date.now();
  return {
    exists: true,
    pending: pendingAfter(migrations, describeTarget(database.target)),
    refusal,
    obstacle: isReadOnly ? READ_ONLY : await serverObstacle(database),
    // The answer was made somewhere between.
    clockLead: now - (before + after) / 2,
  };
}

/** Creates a table on the server and rolls that back. Returns what PostgreSQL says where it cannot. */
async function serverObstacle({ sequelize }: Database): Promise<string | undefined> {
  const transaction = await sequelize.transaction();
  try {
    await sequelize.query('CREATE TABLE auth_write_check (filler TEXT)', { transaction });
    return undefined;
  } catch (error) {
    return types.isNativeError(error) ? error.message : errorCode(error);
  } finally {
    await transaction.rollback();
  }
}
