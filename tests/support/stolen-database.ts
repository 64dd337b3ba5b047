import { QueryTypes, type Sequelize } from 'sequelize';

/** Whatever lies in a database, as whoever has stolen it would look through it. */
export interface DatabaseDump {
  /** The tables that have rows. */
  readonly tables: readonly string[];
  /** Every text and number in any column, and what JSON in one holds. */
  readonly texts: readonly string[];
}

const TABLES = {
  sqlite: "SELECT name FROM sqlite_master WHERE type = 'table'",
  postgres: 'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()',
};

const ENCODINGS = ['utf8', 'hex', 'base64', 'base64url'] as const;

/** The tables of this suite alone: on PostgreSQL others have schemas beside it. */
export async function tablesOf(sequelize: Sequelize): Promise<string[]> {
  const sql = sequelize.getDialect() === 'postgres' ? TABLES.postgres : TABLES.sqlite;
  return (await sequelize.query<object>(sql, { type: QueryTypes.SELECT })).flatMap(membersOf).map(String);
}

export async function dumpOf(sequelize: Sequelize | undefined): Promise<DatabaseDump> {
  if (sequelize === undefined) throw new TypeError('a model has a database');
  const select = (sql: string): Promise<object[]> => sequelize.query(sql, { type: QueryTypes.SELECT });
  const names = await tablesOf(sequelize);
  const rows = await Promise.all(names.map((name) => select(`SELECT * FROM "${name}"`)));
  return {
    tables: names.filter((_, at) => (rows[at] ?? []).length > 0),
    texts: [...new Set(rows.flatMap((found) => found.flatMap(membersOf).flatMap(textsIn)))].filter((text) => text !== ''),
  };
}

/** Every text and number in a value, however deep, and its lists and objects as the text that they may be stored as. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value, ...(/^[[{]/.test(value) ? textsIn(JSON.parse(value)) : [])];
  if (typeof value === 'number') return [String(value)];
  if (value instanceof Date) return [value.toISOString()];
  if (Buffer.isBuffer(value)) return ENCODINGS.map((encoding) => value.toString(encoding));
  if (typeof value !== 'object' || value === null) return [];
  return [JSON.stringify(value), ...membersOf(value).flatMap(textsIn)];
}
const membersOf = (value: object): unknown[] => Object.values(value);
