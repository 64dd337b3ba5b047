import type { Transaction } from 'sequelize';
import { describeTarget } from '../../config/database.js';
import { selectIn } from './backup-marks.js';
import type { Database } from './database.js';

export const READ_ONLY = 'default_transaction_read_only is on, or it is a standby';

/** A PostgreSQL server as a connection of the service finds it. */
export interface ServerState {
  /** The server's clock, in milliseconds since 1970. */
  readonly now: number;
  readonly isReadOnly: boolean;
  /** The recorded migrations; none before the first start. */
  readonly migrations: readonly string[];
  /** Why a start refuses it: the encoding, the schema, foreign tables or missing privileges, and how to correct that. */
  readonly refusal: string | undefined;
}

/** `migrated` is the schema of the migrations' record that the search path finds. */
const FACTS = `
  SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now,
    current_setting('transaction_read_only') = 'on' AS read_only,
    current_setting('server_encoding') AS encoding,
    quote_ident(current_database()) AS database,
    quote_ident(current_user) AS role,
    current_setting('search_path') AS path,
    current_schema()::text AS schema,
    has_schema_privilege(current_schema(), 'CREATE') AS may_create,
    to_regclass('users') IS NOT NULL AS has_users,
    (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('schema_migrations')) AS migrated,
    (SELECT count(*) = 2 FROM pg_attribute
      WHERE attrelid = to_regclass('schema_migrations') AND attname IN ('name', 'applied_at') AND NOT attisdropped) AS is_ours`;

/** Reads what a start needs to know of a PostgreSQL database, and changes nothing. */
export async function readServer(database: Database, transaction?: Transaction): Promise<ServerState> {
  const select = selectIn(database, transaction);
  const [facts] = await select(FACTS);
  if (facts === undefined) throw new TypeError('a SELECT without FROM gives a row');
  const refusal = refusalFor(facts, searchPathOf(database));
  const recorded = facts['is_ours'] === true ? await select('SELECT name FROM schema_migrations') : [];
  return {
    now: Number(facts['now']),
    isReadOnly: facts['read_only'] === true,
    migrations: recorded.map(({ name }) => String(name)),
    refusal: refusal && `DATABASE_URL: ${describeTarget(database.target)} ${refusal}`,
  };
}

function refusalFor(facts: Readonly<Record<string, unknown>>, asked: string | undefined): string | undefined {
  const [encoding, database, role] = [String(facts['encoding']), String(facts['database']), String(facts['role'])];
  const [path, schema, migrated] = [String(facts['path']), facts['schema'], facts['migrated']];
  // SQL_ASCII stores the bytes of UTF-8 as they are.
  if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII')
    return `has the encoding ${encoding}, and UTF8 is needed. Create another: CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8'`;
  if (asked !== undefined && plainPath(asked) !== plainPath(path))
    return `has the search_path ${path}, and options asks for ${asked}: a pooler drops options. Set it on the server: ALTER ROLE ${role} IN DATABASE ${database} SET search_path = ${asked}`;
  if (typeof schema !== 'string') return `has no schema of the search_path ${path}. Create it (CREATE SCHEMA), or name another in options`;
  const isOurs = facts['is_ours'] === true;
  if (isOurs && migrated !== schema)
    return `has its tables in the schema ${String(migrated)}, and ${schema} is the current schema (search_path is ${path}). Add options=-c%20search_path%3D${encodeURIComponent(String(migrated))} to the query of DATABASE_URL`;
  if (!isOurs && migrated === schema)
    return 'has a schema_migrations table that is not ours; it was not touched. Name another database or schema';
  if (!isOurs && facts['has_users'] === true)
    return 'has a users table that is not ours; it was not touched. Name another database or schema';
  if (facts['may_create'] !== true)
    return `does not let ${role} create tables in ${schema}. Run GRANT CREATE ON SCHEMA ${schema} TO ${role}`;
  return undefined;
}

const plainPath = (path: string): string => path.replace(/["\s]/g, '');

/** The search_path that `options` of DATABASE_URL asks for, in the syntax of libpq: `-c name=value`, `--name=value`. */
function searchPathOf({ target }: Database): string | undefined {
  if (target.dialect !== 'postgres') throw new TypeError('only PostgreSQL has a search_path');
  const options = new URL(target.url).searchParams.get('options') ?? '';
  const found = [...options.matchAll(/(?:-c\s*|--)search[_-]path=((?:\\.|[^\s\\])*)/gi)].at(-1)?.[1];
  return found?.replace(/\\(.)/g, '$1');
}
