import type { Migration, MigrationContext } from './migration.js';

const COLUMNS = ['authenticated_at', 'acr'] as const;

/** A row that is written without a time counts as authenticated long ago, so that it is never taken for a recent authentication. */
const LONG_AGO = '1970-01-01 00:00:00.000 +00:00';

async function up({ sequelize, transaction }: MigrationContext): Promise<void> {
  const time = sequelize.getDialect() === 'postgres' ? 'TIMESTAMP WITH TIME ZONE' : 'DATETIME';
  // SQLite adds a column that must not be null only with a default.
  await sequelize.query(`ALTER TABLE auth_sessions ADD COLUMN authenticated_at ${time} NOT NULL DEFAULT '${LONG_AGO}'`, { transaction });
  await sequelize.query("ALTER TABLE auth_sessions ADD COLUMN acr TEXT NOT NULL DEFAULT 'aal1'", { transaction });
  await sequelize.query('UPDATE auth_sessions SET authenticated_at = created_at', { transaction });
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  for (const name of COLUMNS) await sequelize.query(`ALTER TABLE auth_sessions DROP COLUMN ${name}`, { transaction });
}

export const keepAuthenticationStrength: Migration = { name: '20261130-keep-authentication-strength', up, down };
