import type { Migration, MigrationContext } from './migration.js';

const SERVICE_KEYS = 'auth_service_keys';

/** Adds the expiry of service keys. Existing keys never expire (null), or every resource server would fail at the upgrade. */
async function up({ sequelize, transaction }: MigrationContext): Promise<void> {
  const type = sequelize.getDialect() === 'postgres' ? 'TIMESTAMP WITH TIME ZONE' : 'DATETIME';
  // Sequelize's addColumn would name the schema `public`, whatever the search path says.
  await sequelize.query(`ALTER TABLE ${SERVICE_KEYS} ADD COLUMN expires_at ${type}`, { transaction });
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  await sequelize.query(`ALTER TABLE ${SERVICE_KEYS} DROP COLUMN expires_at`, { transaction });
}

export const expireServiceKeys: Migration = { name: '20261130-expire-service-keys', up, down };
