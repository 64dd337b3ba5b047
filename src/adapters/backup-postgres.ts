import { resolve } from 'node:path';
import { types } from 'node:util';
import { BaseError, type Transaction } from 'sequelize';
import { childEnvironment } from '../../config/child-environment.js';
import { withTrustedRoots } from '../../config/trusted-roots.js';
import { describeTarget } from '../../config/database.js';
import { AppError } from '../errors/app-error.js';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';
import { unusable } from './backup-file.js';
import { type OurTables, placeOf, selectIn, tablesIn } from './backup-marks.js';
import { assertHistory, type BackupContents } from './backup-sqlite.js';
import { outputOf, textOf } from './child-program.js';
import { type CopyIn, copyIn } from './copy-in.js';
import type { Database } from './database.js';
import { foreignStatementsIn } from './dump-schema.js';
import { referenceOf } from './schema-reference.js';
import { createScriptReader, type Piece } from './sql-script.js';

/** How long a restore waits for each answer of PostgreSQL: making the indexes of a large table takes its time. */
export const RESTORE_WAIT_MS = 10 * 60 * 1000;
const CONNECT_SECONDS = '10';
/** What PostgreSQL says where something else hangs on what is to be dropped. */
const STILL_NEEDED = '2BP01';

/** The schema that our tables are in, or are to be in. */
export async function schemaInUse(database: Database, transaction?: Transaction): Promise<string> {
  const [row] = await selectIn(
    database,
    transaction,
  )(
    `SELECT coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('schema_migrations')),
            current_schema()) AS name`,
  );
  return String(row?.['name']);
}

/** Has `pg_dump` write our tables, as they are at one moment, into a file that is there. Throws StartError. */
export async function dumpTables(database: Database, draft: string, ours: OurTables): Promise<void> {
  // Under `require` no certificate is verified; naming roots would make libpq verify it.
  if (sslModeOf(database) !== 'verify-full') return dumpWith(environmentFor(database), database, draft, ours);
  return withTrustedRoots((roots) => dumpWith({ ...environmentFor(database), ...roots }, database, draft, ours));
}

async function dumpWith(environment: Record<string, string>, database: Database, draft: string, ours: OurTables): Promise<void> {
  await assertNewEnough(database, environment);
  const tables = await tablesIn(selectIn(database), ours);
  const args = [
    '--format=custom',
    '--encoding=UTF8',
    '--no-owner',
    '--no-privileges',
    '--no-password',
    '--strict-names',
    ...[...tables].map((name) => `--table=${placeOf(ours, name)}`),
    `--file=${resolve(draft)}`,
  ];
  const fault = (said: string): Error =>
    new StartError(`${said || 'pg_dump failed'}. No backup was made${/certificate|SSL/.test(said) ? TRUST_HINT : ''}`);
  await textOf({ name: 'pg_dump', args, environment, fault });
}

const TRUST_HINT =
  '. pg_dump trusts the certificates that Node.js trusts: name a certificate authority of your own in NODE_EXTRA_CA_CERTS or PGSSLROOTCERT';

const urlOf = ({ target }: Database): URL => {
  if (target.dialect !== 'postgres') throw new TypeError('only PostgreSQL has programs of its own');
  return new URL(target.url);
};

const sslModeOf = (database: Database): string => urlOf(database).searchParams.get('sslmode') ?? 'disable';

/** By the environment, as others can read a command line. */
function environmentFor(database: Database): Record<string, string> {
  const { hostname, port, username, password, pathname, searchParams } = urlOf(database);
  const facts = {
    PGHOST: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1'),
    PGPORT: port || '5432',
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGSSLMODE: sslModeOf(database),
    PGOPTIONS: searchParams.get('options') ?? '',
    PGCONNECT_TIMEOUT: CONNECT_SECONDS,
  };
  return { ...childEnvironment(), ...Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== '')) };
}

async function assertNewEnough(database: Database, environment: Record<string, string>): Promise<void> {
  const fault = (): Error => new StartError('pg_dump can’t be run');
  const said = await textOf({ name: 'pg_dump', args: ['--version'], environment, fault });
  const own = Number(/\(PostgreSQL\) (\d+)/.exec(said)?.[1]);
  const [row] = await selectIn(database)('SHOW server_version_num');
  const server = Math.floor(Number(row?.['server_version_num']) / 10_000);
  if (own >= server) return;
  throw new StartError(`pg_dump is of PostgreSQL ${own}, and the server of ${server}. Install PostgreSQL's client programs of ${server}`);
}

/** A dump as a script, read through and through. Throws `validation_failed` where it can't be, and StartError. */
async function* piecesOf(file: string, shown: string): AsyncGenerator<Piece> {
  const fault = (said: string): Error => unusable(shown, `can't be read (${said})`);
  const args = ['--file=-', '--no-owner', '--no-privileges', resolve(file)];
  const reader = createScriptReader();
  for await (const chunk of outputOf({ name: 'pg_restore', args, environment: childEnvironment(), fault })) yield* reader.read(chunk);
  yield* reader.finish();
}

/** Reads a dump, and says what it holds. Throws `validation_failed` where it is no sound one of these tables. */
export async function examineDump(file: string, shown: string, ours: OurTables): Promise<BackupContents> {
  const counts = new Map<string, number>();
  let schema = '';
  let table = '';
  let recorded = '';
  let script = '';
  for await (const piece of piecesOf(file, shown)) {
    if (piece.kind === 'copy') {
      ({ schema, table } = piece);
      counts.set(table, 0);
    } else if (piece.kind === 'sql') {
      script += `${piece.text}\n`;
    } else if (piece.kind === 'rows') {
      counts.set(table, (counts.get(table) ?? 0) + piece.count);
      if (table === 'schema_migrations') recorded += piece.data.toString();
    }
  }
  // The name is the first column of each row.
  const history = recorded
    .split('\n')
    .map((row) => row.split('\t')[0] ?? '')
    .filter((name) => name !== '');
  assertHistory(history, shown);
  const stranger = [...counts.keys()].find((name) => !ours.names.includes(name));
  if (stranger !== undefined)
    throw unusable(shown, `has a table ${stranger}, which is none of ours. Restore what lingomate-auth backup has made`);
  if (schema !== ours.schema)
    throw unusable(shown, `is of the schema ${schema}, and ${String(ours.schema)} is in use. Name that in DATABASE_URL`);
  const count = (name: string): number => counts.get(name) ?? 0;
  const foreignObjects = foreignStatementsIn(script, ours, await referenceOf(history));
  return { users: count('users'), sessions: count('auth_sessions'), auditEvents: count('auth_audit_events'), foreignObjects };
}

/** Takes our tables for this transaction alone. Throws StartError where the schema has a users table that is not ours. */
export async function lockTables(database: Database, ours: OurTables, transaction: Transaction): Promise<void> {
  const tables = await tablesIn(selectIn(database, transaction), ours);
  if (tables.has('users') && !tables.has('schema_migrations')) {
    throw new StartError(
      `${describeTarget(database.target)} has a users table that is not ours; it was not touched. Name another database or schema`,
    );
  }
  if (tables.size === 0) return;
  const names = [...tables].map((name) => placeOf(ours, name)).join(', ');
  await database.sequelize.query(`LOCK TABLE ${names} IN ACCESS EXCLUSIVE MODE`, { transaction });
}

/**
 * Puts the tables of a dump in the place of ours, in that transaction. Throws `conflict` where something else hangs on
 * them, and StartError where PostgreSQL does not take the dump.
 */
export async function replaceTables(database: Database, file: string, ours: OurTables, transaction: Transaction): Promise<void> {
  const { sequelize } = database;
  const [path] = await selectIn(database, transaction)('SHOW search_path');
  try {
    await sequelize.query(`DROP TABLE IF EXISTS ${ours.names.map((name) => placeOf(ours, name)).join(', ')}`, { transaction });
    await replay(database, file, transaction);
  } catch (error) {
    throw faultOf(error, describeTarget(database.target));
  }
  // The script leaves none.
  await sequelize.query("SELECT set_config('search_path', $path, false)", { bind: { path: path?.['search_path'] }, transaction });
}

async function replay({ sequelize }: Database, file: string, transaction: Transaction): Promise<void> {
  let rows: CopyIn | undefined;
  try {
    for await (const piece of piecesOf(file, file)) {
      if (piece.kind === 'sql') await sequelize.query(piece.text, { transaction });
      else if (piece.kind === 'copy') rows = await copyIn(piece.statement, transaction);
      else if (piece.kind === 'rows') await rows?.write(piece.data);
      else {
        await rows?.end();
        rows = undefined;
      }
    }
  } catch (error) {
    await rows?.fail();
    throw error;
  }
}

function faultOf(error: unknown, where: string): unknown {
  if (error instanceof AppError || error instanceof StartError) return error;
  const original: unknown = error instanceof BaseError && 'original' in error ? error.original : error;
  const said = types.isNativeError(original) ? original.message : String(original);
  if (errorCode(original) !== STILL_NEEDED)
    return new StartError(`${where} does not take the backup (${said}); nothing was changed`, { cause: error });
  const detail = `${said}; nothing was changed. Drop what is not ours and speaks of our tables, and make it again afterwards`;
  return new AppError('conflict', { cause: error, details: { detail } });
}
