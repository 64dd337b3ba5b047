import { QueryTypes } from 'sequelize';
import { foldName } from '../src/lib/names.js';
import { makeRoom } from './fastapi-adoption.js';
import type { Migration, MigrationContext } from './migration.js';

const COLUMNS = ['display_name', 'display_name_fold', 'email_fold', 'verified_email_fold'] as const;

/** What users are like, for whoever lists those who share it: `+` or, if disabled, `-`, and their roles. */
const KIND = `(CASE WHEN disabled_at IS NULL THEN '+' ELSE '-' END || CAST(roles AS TEXT))`;

/**
 * What the list of users is searched by. A prefix is looked up by bytes, which PostgreSQL does under this collation alone. The
 * names begin with `auth_`, as an adopted table may have indexes of its own.
 */
const searchIndexes = (collation: string): readonly string[] => [
  'CREATE UNIQUE INDEX auth_users_verified_email_fold ON users (verified_email_fold)',
  `CREATE INDEX auth_users_kinds ON users (${KIND}${collation}, id)`,
  `CREATE INDEX auth_users_search_name ON users (${KIND}${collation}, coalesce(username_fold, lookalike_fold)${collation}, id)`,
  `CREATE INDEX auth_users_search_email ON users (${KIND}${collation}, email_fold${collation}, id)`,
  `CREATE INDEX auth_users_search_display_name ON users (${KIND}${collation}, display_name_fold${collation}, id)`,
];
const INDEXES = [
  'auth_users_verified_email_fold',
  'auth_users_kinds',
  'auth_users_search_name',
  'auth_users_search_email',
  'auth_users_search_display_name',
] as const;

/** So many users are read at once. */
const AT_ONCE = 1000;

async function up(context: MigrationContext): Promise<void> {
  const { sequelize, transaction } = context;
  const postgres = sequelize.getDialect() === 'postgres';
  // A team's table may have columns of these names, which its own code goes on to use.
  if (!postgres) await makeRoom(context, COLUMNS);
  // Sequelize would name the schema `public`, whatever the search path says.
  for (const name of COLUMNS) await sequelize.query(`ALTER TABLE users ADD COLUMN ${name} TEXT`, { transaction });
  await foldAddresses(context, 0);
  for (const sql of searchIndexes(postgres ? ' COLLATE "C"' : '')) await sequelize.query(sql, { transaction });
}

async function foldAddresses(context: MigrationContext, after: number): Promise<void> {
  const { sequelize, transaction } = context;
  const rows = await sequelize.query<{ id: number; email: string }>(
    'SELECT id, email FROM users WHERE email IS NOT NULL AND id > $after ORDER BY id LIMIT $most',
    { type: QueryTypes.SELECT, bind: { after, most: AT_ONCE }, transaction },
  );
  for (const { id, email } of rows) {
    await sequelize.query('UPDATE users SET email_fold = $fold WHERE id = $id', { bind: { fold: foldName(email), id }, transaction });
  }
  const last = rows.at(-1);
  if (rows.length === AT_ONCE && last !== undefined) await foldAddresses(context, last.id);
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  for (const name of INDEXES) await sequelize.query(`DROP INDEX ${name}`, { transaction });
  for (const name of COLUMNS) await sequelize.query(`ALTER TABLE users DROP COLUMN ${name}`, { transaction });
}

export const extendUsers: Migration = { name: '20261125-extend-users', up, down };
