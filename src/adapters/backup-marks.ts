import { QueryTypes, type Transaction } from 'sequelize';
import { migrations } from '../../migrations/index.js';
import type { Database } from './database.js';

/** Runs a SELECT, on whatever connection. */
export type Select = (sql: string) => Promise<Record<string, unknown>[]>;

export const selectIn =
  ({ sequelize }: Pick<Database, 'sequelize'>, transaction?: Transaction): Select =>
  (sql) =>
    sequelize.query<Record<string, unknown>>(sql, { type: QueryTypes.SELECT, ...(transaction ? { transaction } : {}) });

/** The tables that are ours, and where they are: on PostgreSQL in a schema, in a SQLite file in none. */
export interface OurTables {
  readonly schema: string | undefined;
  readonly names: readonly string[];
}

/** What must be known of a database whose place another takes. */
export interface Marks {
  /** When its first table was made, which tells whether a backup is of this database; undefined where it has none of ours. */
  readonly origin: string | undefined;
  /** The last id that was given, by what gives them: a table on SQLite, a sequence on PostgreSQL. */
  readonly lastIds: ReadonlyMap<string, number>;
  /** Sessions whose tokens are dated later than now, as a clock was ahead. */
  readonly ahead: readonly string[];
}

export async function readMarks(select: Select, ours: OurTables, now: number): Promise<Marks> {
  const tables = await tablesIn(select, ours);
  const later = ours.schema === undefined ? sqliteTime(now) : new Date(now).toISOString();
  const isLater = ['created_at', 'rotated_at', 'last_used_at'].map((time) => `${time} > '${later}'`).join(' OR ');
  const ahead = tables.has('auth_sessions') ? await select(`SELECT id FROM ${placeOf(ours, 'auth_sessions')} WHERE ${isLater}`) : [];
  return {
    origin: tables.has('schema_migrations') ? await originOf(select, ours) : undefined,
    lastIds: await lastIdsOf(select, ours),
    ahead: ahead.map(({ id }) => String(id)),
  };
}

/** As Sequelize writes times in SQLite. */
const sqliteTime = (time: number): string => new Date(time).toISOString().replace('T', ' ').replace('Z', ' +00:00');

/** Which of our tables are there. */
export async function tablesIn(select: Select, { schema, names }: OurTables): Promise<ReadonlySet<string>> {
  const tables =
    schema === undefined
      ? "SELECT name FROM sqlite_master WHERE type = 'table'"
      : `SELECT tablename AS name FROM pg_tables WHERE schemaname = ${quoteText(schema)}`;
  const found = await select(`SELECT name FROM (${tables}) AS tables WHERE name IN (${names.map(quoteText).join(', ')})`);
  return new Set(found.map(({ name }) => String(name)));
}

async function originOf(select: Select, ours: OurTables): Promise<string | undefined> {
  const first = quoteText(migrations[0]?.name ?? '');
  const [row] = await select(`SELECT applied_at FROM ${placeOf(ours, 'schema_migrations')} WHERE name = ${first}`);
  return row === undefined ? undefined : String(row['applied_at']);
}

/** By whatever gives ids to one of our tables, also where it has given none yet. */
async function lastIdsOf(select: Select, { schema, names }: OurTables): Promise<ReadonlyMap<string, number>> {
  const tables = names.map(quoteText).join(', ');
  const rows =
    schema === undefined
      ? await lastIdsOfFile(select, tables)
      : await select(
          `SELECT s.sequencename AS name, s.last_value AS last FROM pg_sequences s
           JOIN pg_depend d ON d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass AND d.deptype IN ('a', 'i')
           JOIN pg_class t ON t.oid = d.refobjid AND t.relname IN (${tables})
           WHERE s.schemaname = ${quoteText(schema)}`,
        );
  return new Map(rows.map(({ name, last }) => [String(name), Number(last)]));
}

async function lastIdsOfFile(select: Select, tables: string): Promise<Record<string, unknown>[]> {
  const counted = await select("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'");
  if (counted.length === 0) return [];
  return select(
    `SELECT m.name, s.seq AS last FROM sqlite_master AS m LEFT JOIN sqlite_sequence AS s ON s.name = m.name
     WHERE m.type = 'table' AND m.sql LIKE '%AUTOINCREMENT%' AND m.name IN (${tables})`,
  );
}

/**
 * Where another machine may have gone on from the backup, nobody knows which ids it has given: so many are left out. A
 * PostgreSQL integer has room for 2,000 times that.
 */
const IDS_LEFT_OUT = 1_000_000;

/**
 * Has ids go on behind those that the database in whose place this one comes has given, and those that any other may have
 * given since; `before` is undefined where it could not be read.
 */
export async function raiseIds(database: Database, ours: OurTables, before: Marks | undefined, transaction: Transaction): Promise<void> {
  const select = selectIn(database, transaction);
  const isSame = before?.origin !== undefined && before.origin === (await originOf(select, ours));
  for (const [name, own] of await lastIdsOf(select, ours)) {
    const last = Math.max(own, before?.lastIds.get(name) ?? 0) + (isSame ? 0 : IDS_LEFT_OUT);
    for (const sql of last === 0 ? [] : statementsThatSet(ours, name, last)) await database.sequelize.query(sql, { transaction });
  }
}

const statementsThatSet = (ours: OurTables, name: string, last: number): readonly string[] =>
  ours.schema === undefined
    ? [
        `DELETE FROM sqlite_sequence WHERE name = ${quoteText(name)}`,
        `INSERT INTO sqlite_sequence (name, seq) VALUES (${quoteText(name)}, ${last})`,
      ]
    : [`SELECT setval(${quoteText(placeOf(ours, name))}, ${last})`];

/** A table or sequence, wherever the search goes otherwise. */
export const placeOf = ({ schema }: Pick<OurTables, 'schema'>, name: string): string =>
  schema === undefined ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`;

/** Names and texts of our own, or of the database's: none is of a request. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;
