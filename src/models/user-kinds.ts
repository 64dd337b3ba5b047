import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { UserModel } from './user.model.js';

/** Which users are meant, by what many of them share. */
export interface UserTraits {
  readonly role?: string;
  readonly status?: 'active' | 'disabled';
}

/** Which part of the users of some kinds is read: ids in ascending order. */
interface Part {
  readonly after?: number;
  readonly most: number;
  readonly transaction?: Transaction | null;
}

/** SQL for what kind a user is of: `+` or, if disabled, `-`, and the roles as they are stored. The indexes have it to the letter. */
const KIND = `(CASE WHEN disabled_at IS NULL THEN '+' ELSE '-' END || CAST(roles AS TEXT))`;
/** So many kinds are asked for in one query: each is a piece of it or several, and SQLite takes 500. */
const AT_ONCE = 40;
/** Below every id, also those that an adopted table may have. */
export const FIRST_ID = Number.MIN_SAFE_INTEGER;

/** The database of a model that was made for one. */
export function databaseOf(User: UserModel): Sequelize {
  if (User.sequelize === undefined) throw new TypeError('a model without a database');
  return User.sequelize;
}

export const isPostgres = (User: UserModel): boolean => databaseOf(User).getDialect() === 'postgres';

/** SQL for a text in the order of its bytes, which the indexes have on every database. */
export const inBytes = (User: UserModel, sql: string): string => (isPostgres(User) ? `${sql} COLLATE "C"` : sql);

export const kindSql = (User: UserModel): string => inBytes(User, KIND);

/** The kinds that users of these traits are of. Jumps from one kind to the next in the index, however many users each has. */
export async function kindsOf(User: UserModel, traits: UserTraits, transaction: Transaction | null = null): Promise<string[]> {
  const kind = kindSql(User);
  const rows = await databaseOf(User).query<{ kind: string }>(
    `WITH RECURSIVE every (kind) AS (
       SELECT min(${kind}) FROM users
       UNION ALL
       SELECT (SELECT min(${kind}) FROM users WHERE ${kind} > every.kind) FROM every WHERE every.kind IS NOT NULL
     )
     SELECT kind FROM every WHERE kind IS NOT NULL`,
    { type: QueryTypes.SELECT, transaction },
  );
  return rows.map((row) => row.kind).filter((one) => has(one, traits));
}

function has(kind: string, { role, status }: UserTraits): boolean {
  const roles: unknown = JSON.parse(kind.slice(1));
  const fits = role === undefined || (Array.isArray(roles) && roles.includes(role));
  return fits && (status === undefined || kind.startsWith(status === 'active' ? '+' : '-'));
}

/** The kinds in portions that one query takes, each as the values that it binds: `$kind0`, `$kind1` and so on. */
export function portions(kinds: readonly string[]): Record<string, string>[] {
  const starts = Array.from({ length: Math.ceil(kinds.length / AT_ONCE) }, (_, index) => index * AT_ONCE);
  return starts.map((start) => Object.fromEntries(kinds.slice(start, start + AT_ONCE).map((kind, index) => [`kind${index}`, kind])));
}

/**
 * SQL for the first `limit` of what several queries find, each of which reads an index that is in this order. SQLite merges them
 * and reads no more than that; PostgreSQL would read all of each if it were not told how many are enough.
 */
export function firstOf(User: UserModel, queries: readonly string[], order: string, limit: string): string {
  const end = `ORDER BY ${order} LIMIT ${limit}`;
  const each = isPostgres(User) && queries.length > 1 ? queries.map((sql) => `(${sql} ${end})`) : queries;
  return `${each.join(' UNION ALL ')} ${end}`;
}

/** The ids of users of these kinds, in ascending order. No others are read, however many there are. */
export async function idsOfKinds(User: UserModel, kinds: readonly string[], part: Part): Promise<number[]> {
  const { after = FIRST_ID, most, transaction = null } = part;
  const ids: number[] = [];
  for (const bind of portions(kinds)) {
    const each = Object.keys(bind).map((name) => `SELECT id FROM users WHERE ${kindSql(User)} = $${name} AND id > CAST($after AS BIGINT)`);
    const rows = await databaseOf(User).query<{ id: number }>(firstOf(User, each, 'id', '$most'), {
      type: QueryTypes.SELECT,
      bind: { ...bind, after, most },
      transaction,
    });
    ids.push(...rows.map(({ id }) => id));
  }
  return ids.sort((one, other) => one - other).slice(0, most);
}
