import { existsSync, renameSync, rmSync } from 'node:fs';
import { types } from 'node:util';
import { BaseError, QueryTypes, type Transaction } from 'sequelize';
import { MigrationError, Umzug, type UmzugStorage } from 'umzug';
import { describeTarget } from '../../config/database.js';
import { hasFastApiColumns } from '../../migrations/fastapi-adoption.js';
import { type Migration, type MigrationContext, migrations as ourMigrations } from '../../migrations/index.js';
import { StartError } from '../errors/start-error.js';
import { createDatabase, type Database, isFile, LOCKS } from './database.js';
import { READ_ONLY, readServer } from './postgres-server.js';
import { createPrivateFile, protectDatabaseFiles } from './private-file.js';
import { assertWritable, enableWriteAheadLog, type FileState, inspectFile, openRaw } from './sqlite-file.js';

/** How long a process waits while another one migrates. */
const MIGRATION_WAIT_MS = 60_000;

/** What a migration run did: the names it applied, and lines for the operator. */
export interface MigrationReport {
  readonly applied: readonly string[];
  readonly lines: readonly string[];
}

const NOTHING: MigrationReport = { applied: [], lines: [] };

/**
 * Brings the schema up to date, all pending migrations and their records in one transaction under the writer's lock:
 * of several processes one works and the others wait, and a killed run leaves nothing behind. Throws StartError,
 * with the file untouched, where it is no database of ours, corrupt, or from a newer version.
 */
export async function migrate(database: Database, history: readonly Migration[] = ourMigrations): Promise<MigrationReport> {
  try {
    return await bringUpToDate(database, history);
  } catch (error) {
    if (!(error instanceof BaseError)) throw error;
    const where = describeTarget(database.target);
    throw new StartError(`DATABASE_URL: ${where} can't be used (${error.message}). Start it, or name another`, { cause: error });
  }
}

async function bringUpToDate(database: Database, history: readonly Migration[]): Promise<MigrationReport> {
  const { target } = database;
  if (target.dialect === 'postgres') return applyApart(target, history);
  if (!isFile(target)) return applyAll(database, history);

  const state = await inspectFile(target.file);
  const isCurrent = pendingIn(target.file, state, history).length === 0;
  if (state.exists) await assertWritable(target.file);
  const lines = protectDatabaseFiles(target.file);
  const report = isCurrent ? NOTHING : await applyApart(target, history);
  if (!state.writeAheadLog) await enableWriteAheadLog(target.file);
  return { ...report, lines: [...report.lines, ...lines] };
}

/** The names of the migrations that a file still lacks. Throws StartError where it is not ours, or from a newer version. */
export function pendingIn(file: string, state: FileState, history: readonly Migration[] = ourMigrations): string[] {
  const pending = pendingAfter(state.migrations, file, history);
  const foreign = state.userColumns.length > 0 && state.migrations.length === 0 && !hasFastApiColumns(state.userColumns);
  if (foreign) throw new StartError(`DATABASE_URL: ${file} has a users table that is not ours; it was not touched. Name another file`);
  return pending;
}

/** The names of the migrations that are not among the recorded ones. Throws StartError where those are from a newer version. */
export function pendingAfter(found: readonly string[], where: string, history: readonly Migration[] = ourMigrations): string[] {
  assertNotNewer(found, history, where);
  return history.map(({ name }) => name).filter((name) => !found.includes(name));
}

/** On a connection of its own, whose wait for another process is long. */
async function applyApart(target: Database['target'], history: readonly Migration[]): Promise<MigrationReport> {
  const own = createDatabase(target, { waitMs: MIGRATION_WAIT_MS });
  try {
    return await applyAll(own, history);
  } finally {
    await own.close();
  }
}

const applyAll = (database: Database, history: readonly Migration[]): Promise<MigrationReport> =>
  database.transaction((transaction) => migrateIn(database, transaction, history));

/** Brings the schema up to date as a part of that transaction. Throws as `migrate` does. */
export async function migrateIn(
  database: Database,
  transaction: Transaction,
  history: readonly Migration[] = ourMigrations,
): Promise<MigrationReport> {
  const lines: string[] = [];
  const { sequelize } = database;
  let copy: string | undefined;
  const where = describeTarget(database.target);
  await database.lock(transaction, LOCKS.migrating);
  if (database.target.dialect === 'postgres') await assertUsable(database, transaction, where);
  await sequelize.query('CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)', {
    transaction,
  });
  const context: MigrationContext = {
    sequelize,
    queryInterface: sequelize.getQueryInterface(),
    transaction,
    report: (line) => lines.push(line),
    keepCopy: async () => (copy = await copyOf(database.target)),
  };
  const umzug = new Umzug<MigrationContext>({
    migrations: history.map(({ name, up, down }) => ({ name, up: () => up(context), down: () => down(context) })),
    context,
    storage: recordIn(transaction),
    logger: undefined,
  });
  assertNotNewer(await recorded(context), history, where);
  const applied = await umzug.up().catch((error: unknown) => {
    // The file stays as it is; a service that is started again and again must not fill the disk with its copies.
    if (copy !== undefined) rmSync(copy, { force: true });
    const { cause, name } =
      error instanceof MigrationError ? { cause: error.cause, name: error.migration.name } : { cause: error, name: 'unknown' };
    throw new StartError(
      `Migration ${name} of ${where} failed and was undone: ${types.isNativeError(cause) ? cause.message : 'see the cause'}`,
      { cause },
    );
  });
  return { applied: applied.map(({ name }) => name), lines };
}

async function assertUsable(database: Database, transaction: Transaction, where: string): Promise<void> {
  const { refusal, isReadOnly } = await readServer(database, transaction);
  if (refusal !== undefined) throw new StartError(refusal);
  if (isReadOnly) throw new StartError(`DATABASE_URL: ${where} takes no writes (${READ_ONLY}). Name the primary server`);
}

/** The record is written in the transaction of what it records. */
function recordIn(transaction: Transaction): UmzugStorage<MigrationContext> {
  return {
    executed: ({ context }) => recorded(context),
    logMigration: async ({ name, context }) => {
      await context.sequelize.query('INSERT INTO schema_migrations (name, applied_at) VALUES ($name, $time)', {
        bind: { name, time: new Date().toISOString() },
        transaction,
      });
    },
    unlogMigration: async ({ name, context }) => {
      await context.sequelize.query('DELETE FROM schema_migrations WHERE name = $name', { bind: { name }, transaction });
    },
  };
}

async function recorded({ sequelize, transaction }: MigrationContext): Promise<string[]> {
  const rows = await sequelize.query<{ name: string }>('SELECT name FROM schema_migrations', { type: QueryTypes.SELECT, transaction });
  return rows.map(({ name }) => name);
}

function assertNotNewer(found: readonly string[], history: readonly Migration[], where: string): void {
  const unknown = found.find((name) => !history.some((migration) => migration.name === name));
  if (unknown === undefined) return;
  throw new StartError(
    `DATABASE_URL: ${where} comes from a newer version of Lingomate Auth (it has ${unknown}); it was not touched. Install that version`,
  );
}

/** Makes a copy that is complete or absent, with mode 0600. Its own connection reads nothing uncommitted. */
async function copyOf(target: Database['target']): Promise<string> {
  if (!isFile(target)) throw new TypeError('only a SQLite file can be copied');
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const base = `${target.file}.before-adoption-${stamp}`;
  const copy = existsSync(base) ? `${base}-${process.pid}` : base;
  // SQLite would create it with mode 0644; it writes into an empty file that exists.
  createPrivateFile(`${copy}.part`);
  const source = await openRaw(target.file, { write: false });
  try {
    await source.all(`VACUUM INTO '${`${copy}.part`.replaceAll("'", "''")}'`);
  } finally {
    await source.close();
  }
  renameSync(`${copy}.part`, copy);
  return copy;
}
