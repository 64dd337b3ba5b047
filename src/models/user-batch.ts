import { Op, QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import { inBytes, kindSql, kindsOf } from './user-kinds.js';
import type { User, UserModel } from './user.model.js';

/** Whose names and verified address stand in the way of another user's. */
export type NameHolder = Pick<User, 'id' | 'username' | 'username_fold' | 'lookalike_fold' | 'verified_email_fold'>;

/** A user to be added, with every column that the database does not fill in by itself. */
export type NewUserRow = Pick<
  User,
  | 'username'
  | 'username_fold'
  | 'lookalike_fold'
  | 'hashed_password'
  | 'hash_truncates'
  | 'email'
  | 'email_verified_at'
  | 'email_fold'
  | 'verified_email_fold'
  | 'email_set_by_admin'
  | 'display_name'
  | 'display_name_fold'
  | 'roles'
  | 'disabled_at'
  | 'created_at'
  | 'updated_at'
>;

/** Each column with its type in PostgreSQL. */
const COLUMNS = {
  username: 'text',
  username_fold: 'text',
  lookalike_fold: 'text',
  hashed_password: 'text',
  hash_truncates: 'boolean',
  email: 'text',
  email_verified_at: 'timestamptz',
  email_fold: 'text',
  verified_email_fold: 'text',
  email_set_by_admin: 'boolean',
  display_name: 'text',
  display_name_fold: 'text',
  roles: 'json',
  disabled_at: 'timestamptz',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
} as const satisfies Record<keyof NewUserRow, string>;

const NAMES = Object.keys(COLUMNS);

const connectionOf = (User: UserModel): Sequelize => {
  if (User.sequelize === undefined) throw new TypeError('a model without a database');
  return User.sequelize;
};

/** What is looked for in `findNameHolders`. */
export interface WantedNames {
  /** Matched to the letter. */
  readonly usernames: readonly string[];
  /** Folds of usernames. */
  readonly folds: readonly string[];
  /** Folds of verified addresses. */
  readonly addresses: readonly string[];
}

/**
 * SQL that looks up each column by its index. Of the look-alikes of a fold it reads one: an adopted table may have any number,
 * and every batch of an import would read them all again.
 */
function holdersSql(isAmong: (list: string) => string, values: (list: string) => string): string {
  const columns = 'id, username, username_fold, lookalike_fold, verified_email_fold';
  const lookalike = `(SELECT id FROM users WHERE lookalike_fold = wanted.value LIMIT 1)`;
  return [
    `SELECT ${columns} FROM users WHERE username ${isAmong(values('usernames'))}`,
    `SELECT ${columns} FROM users WHERE username_fold ${isAmong(values('folds'))}`,
    `SELECT ${columns} FROM users WHERE verified_email_fold ${isAmong(values('addresses'))}`,
    `SELECT ${columns} FROM users WHERE id ${isAmong(`SELECT ${lookalike} FROM (${values('folds')}) AS wanted`)}`,
  ].join(' UNION ');
}
const HOLDERS = {
  sqlite: holdersSql(
    (select) => `IN (${select})`,
    (list) => `SELECT value FROM json_each($${list})`,
  ),
  // As an array, or it would rather read the whole table.
  postgres: holdersSql(
    (select) => `= ANY (ARRAY(${select}))`,
    (list) => `SELECT value FROM json_array_elements_text($${list}::json)`,
  ),
} as const;

/** Returns the users who have one of these usernames or addresses, the owner of each fold, and one of its look-alikes. */
export async function findNameHolders(User: UserModel, wanted: WantedNames, transaction?: Transaction): Promise<NameHolder[]> {
  const database = connectionOf(User);
  const { usernames, folds, addresses } = wanted;
  return database.query<NameHolder>(HOLDERS[dialectOf(database)], {
    type: QueryTypes.SELECT,
    bind: { usernames: JSON.stringify(usernames), folds: JSON.stringify(folds), addresses: JSON.stringify(addresses) },
    ...(transaction ? { transaction } : {}),
  });
}

/** An account that claims an address which an administrator gave it, by the fold of the address. */
export type Claimant = Pick<User, 'id' | 'username'> & { readonly email_fold: string };

/** Returns the accounts to which an administrator or an import gave one of these addresses, and which have not verified it. */
export async function findClaimants(User: UserModel, emailFolds: readonly string[], transaction?: Transaction): Promise<Claimant[]> {
  if (emailFolds.length === 0) return [];
  const database = connectionOf(User);
  const isAmong = (sql: string, list: string): string =>
    dialectOf(database) === 'postgres'
      ? `${sql} = ANY (ARRAY(SELECT json_array_elements_text($${list}::json)))`
      : `${sql} IN (SELECT value FROM json_each($${list}))`;
  // The index of addresses begins with the kind of user.
  const kinds = await kindsOf(User, {}, transaction);
  return database.query<Claimant>(
    `SELECT id, username, email_fold FROM users
     WHERE ${isAmong(kindSql(User), 'kinds')} AND ${isAmong(inBytes(User, 'email_fold'), 'folds')}
       AND email_set_by_admin AND verified_email_fold IS NULL
     ORDER BY id DESC`,
    {
      type: QueryTypes.SELECT,
      bind: { kinds: JSON.stringify(kinds), folds: JSON.stringify(emailFolds) },
      ...(transaction ? { transaction } : {}),
    },
  );
}

/**
 * SQL with one value, however many rows: thousands of values of their own would take a multiple of the time to write and
 * to read. It begins with WITH, as Sequelize would not hand on what an INSERT returns.
 */
const INSERTS = {
  sqlite: `WITH added AS (SELECT value FROM json_each($rows))
    INSERT INTO users (${NAMES.join(', ')}) SELECT ${NAMES.map((name) => `value ->${name === 'roles' ? '' : '>'} '${name}'`).join(', ')}
    FROM added WHERE true RETURNING id, username`,
  postgres: `WITH added AS (SELECT * FROM json_to_recordset($rows::json) AS row (${Object.entries(COLUMNS)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ')}))
    INSERT INTO users (${NAMES.join(', ')}) SELECT ${NAMES.join(', ')} FROM added RETURNING id, username`,
} as const;

/**
 * Each row goes to a place of its own in every index, more than the 2 MB that SQLite keeps in memory of itself: it would
 * write pages out to read them again. Until the connection is closed, as each is behind its transaction.
 */
const SQLITE_CACHE = 'PRAGMA cache_size = -65536';

/** Adds them all, or none; their ids by their names. */
export async function addUsers(
  User: UserModel,
  rows: readonly NewUserRow[],
  transaction: Transaction,
): Promise<ReadonlyMap<string, number>> {
  const database = connectionOf(User);
  const dialect = dialectOf(database);
  const written = dialect === 'sqlite' ? rows.map(asSqliteStores) : rows;
  if (dialect === 'sqlite') await database.query(SQLITE_CACHE, { transaction });
  const added = await database.query<Pick<User, 'id' | 'username'>>(INSERTS[dialect], {
    type: QueryTypes.SELECT,
    bind: { rows: JSON.stringify(written) },
    transaction,
  });
  return new Map(added.map(({ id, username }) => [username, id]));
}

/** Times as Sequelize writes them, or it would not find them by their order. */
const sqliteTime = (time: Date | null): string | null => time?.toISOString().replace('T', ' ').replace('Z', ' +00:00') ?? null;

function asSqliteStores(row: NewUserRow): object {
  const { email_verified_at, disabled_at, created_at, updated_at } = row;
  return {
    ...row,
    email_verified_at: sqliteTime(email_verified_at),
    disabled_at: sqliteTime(disabled_at),
    created_at: sqliteTime(created_at),
    updated_at: sqliteTime(updated_at),
  };
}

const dialectOf = (database: Sequelize): 'sqlite' | 'postgres' => (database.getDialect() === 'postgres' ? 'postgres' : 'sqlite');

/** The users behind that id, in the order of their ids. */
export const usersAfter = (User: UserModel, id: number, limit: number): Promise<User[]> =>
  User.findAll({ where: { id: { [Op.gt]: id } }, order: [['id', 'ASC']], limit });

/** The names of those who own these folds, by them. */
export async function ownersOf(User: UserModel, folds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const owners = await findNameHolders(User, { usernames: [], folds, addresses: [] });
  return new Map(owners.flatMap(({ username, username_fold }) => (username_fold === null ? [] : [[username_fold, username] as const])));
}
