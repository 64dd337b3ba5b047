import { type Migration, migrations } from '../../migrations/index.js';
import type { Select } from './backup-marks.js';
import { createDatabase } from './database.js';
import { selectIn } from './backup-marks.js';
import { migrate } from './migrator.js';

/** An object of a SQLite schema; `sql` is null for the indexes that a UNIQUE or PRIMARY KEY makes by itself. */
interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string | null;
}

/** The schema that a list of migrations makes. */
export interface SchemaReference {
  /** SQL without quotes and spacing, by type and name, as `table users`. */
  readonly objects: ReadonlyMap<string, string>;
  /** The columns of each table. */
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Makes the schema of these migrations in memory, to compare that of a backup with. */
export async function referenceOf(recorded: readonly string[]): Promise<SchemaReference> {
  const database = createDatabase({ dialect: 'sqlite', file: ':memory:' });
  try {
    const history: readonly Migration[] = migrations.filter(({ name }) => recorded.includes(name));
    await migrate(database, history);
    const select = selectIn(database);
    const objects = await objectsIn(select);
    const tables = objects.filter(({ type }) => type === 'table').map(({ name }) => name);
    const columns = new Map<string, ReadonlySet<string>>();
    for (const table of tables) columns.set(table, new Set((await select(`PRAGMA table_info(${table})`)).map(({ name }) => String(name))));
    return { objects: new Map(objects.flatMap(({ type, name, sql }) => (sql === null ? [] : [[`${type} ${name}`, plain(sql)]]))), columns };
  } finally {
    await database.close();
  }
}

/** Names the objects of a SQLite schema that are not as the migrations make them: extra ones, and those that differ. */
export async function foreignObjectsIn(select: Select, reference: SchemaReference): Promise<string[]> {
  return (await objectsIn(select)).flatMap(({ type, name, table, sql }) => {
    if (sql === null && type === 'index' && name.startsWith('sqlite_autoindex_')) return [];
    const shown = type === 'table' ? `table ${name}` : `${type} ${name} on ${table}`;
    const expected = reference.objects.get(`${type} ${name}`) ?? (type === 'table' ? SQLITE_TABLES.get(name) : undefined);
    if (expected === undefined) return [shown];
    return sql !== null && plain(sql) === expected ? [] : [`${shown} (its definition differs)`];
  });
}

/** Tables that SQLite itself makes, for ids and for ANALYZE. */
const SQLITE_TABLES: ReadonlyMap<string, string> = new Map([
  ['sqlite_sequence', 'create table sqlite_sequence(name,seq)'],
  ['sqlite_stat1', 'create table sqlite_stat1(tbl,idx,stat)'],
  ['sqlite_stat4', 'create table sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'],
]);

async function objectsIn(select: Select): Promise<SchemaObject[]> {
  const rows = await select('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name');
  return rows.map(({ type, name, tbl_name: table, sql }) => ({
    type: String(type),
    name: String(name),
    table: String(table),
    sql: typeof sql === 'string' ? sql : null,
  }));
}

/**
 * SQL as it compares: renaming a table changes the quotes around its name, ALTER TABLE the spacing, and Sequelize calls a
 * truth value BOOLEAN in a process that has also opened PostgreSQL.
 */
const plain = (sql: string): string =>
  sql
    .replace(/["`]/g, '')
    .replace(/\s+/g, ' ')
    .replaceAll('TINYINT(1)', 'BOOLEAN')
    .replace(/^CREATE\b[^(]*/i, (head) => head.toLowerCase())
    .trim();
