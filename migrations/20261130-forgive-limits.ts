import { makeRoom } from './fastapi-adoption.js';
import type { Migration, MigrationContext } from './migration.js';

/**
 * How often the failures at an account have been forgiven, by a reset or by an administrator. It is part of the keys of
 * the counters, which each process keeps in its memory: every process starts afresh for the account at once.
 */
const COLUMN = 'limits_epoch';

async function up(context: MigrationContext): Promise<void> {
  const { sequelize, transaction } = context;
  // A team's table may have a column of this name, which its own code goes on to use.
  if (sequelize.getDialect() !== 'postgres') await makeRoom(context, [COLUMN]);
  await sequelize.query(`ALTER TABLE users ADD COLUMN ${COLUMN} INTEGER NOT NULL DEFAULT 0`, { transaction });
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  await sequelize.query(`ALTER TABLE users DROP COLUMN ${COLUMN}`, { transaction });
}

export const forgiveLimits: Migration = { name: '20261130-forgive-limits', up, down };
