import { makeRoom } from './fastapi-adoption.js';
import type { Migration, MigrationContext } from './migration.js';

/** Each column added to `users`, with its definition in SQLite and in PostgreSQL. */
const USER_COLUMNS = [
  ['pending_email', 'TEXT'],
  ['pending_email_fold', 'TEXT'],
  ['email_set_by_admin', 'BOOLEAN NOT NULL DEFAULT FALSE'],
] as const;

const tokenColumns = (postgres: boolean): readonly (readonly [name: string, definition: string])[] => [
  ['used_at', postgres ? 'TIMESTAMP WITH TIME ZONE' : 'DATETIME'],
  ['issuer_kind', 'TEXT'],
  ['issuer_id', 'TEXT'],
];

const TOKENS = 'auth_one_time_tokens';

async function up(context: MigrationContext): Promise<void> {
  const { sequelize, transaction } = context;
  const postgres = sequelize.getDialect() === 'postgres';
  // An adopted table may have columns of these names that the team's own code uses.
  if (!postgres)
    await makeRoom(
      context,
      USER_COLUMNS.map(([name]) => name),
    );
  // Written as SQL: Sequelize qualifies the table with the schema `public`, whatever the search path is.
  for (const [name, definition] of USER_COLUMNS) {
    await sequelize.query(`ALTER TABLE users ADD COLUMN ${name} ${definition}`, { transaction });
  }
  for (const [name, definition] of tokenColumns(postgres)) {
    await sequelize.query(`ALTER TABLE ${TOKENS} ADD COLUMN ${name} ${definition}`, { transaction });
  }
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  for (const [name] of tokenColumns(false)) await sequelize.query(`ALTER TABLE ${TOKENS} DROP COLUMN ${name}`, { transaction });
  for (const [name] of USER_COLUMNS) await sequelize.query(`ALTER TABLE users DROP COLUMN ${name}`, { transaction });
}

export const keepPendingEmail: Migration = { name: '20261130-keep-pending-email', up, down };
