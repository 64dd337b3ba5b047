import type { Migration, MigrationContext } from './migration.js';

const SESSIONS = 'auth_sessions';

/** Indexes of the sessions that have not ended: a user's ended ones stay for a week, and may be many. */
const INDEXES = [
  { name: `${SESSIONS}_listed`, columns: 'user_id, created_at, id', condition: 'ended_at IS NULL' },
  // By last use, those that were never refreshed apart: they end first where a user has too many.
  { name: `${SESSIONS}_unrefreshed`, columns: 'user_id, last_used_at', condition: 'ended_at IS NULL AND counter = 1' },
  { name: `${SESSIONS}_refreshed`, columns: 'user_id, last_used_at', condition: 'ended_at IS NULL AND counter > 1' },
] as const;

async function up({ sequelize, transaction }: MigrationContext): Promise<void> {
  for (const { name, columns, condition } of INDEXES)
    await sequelize.query(`CREATE INDEX ${name} ON ${SESSIONS} (${columns}) WHERE ${condition}`, { transaction });
}

async function down({ sequelize, transaction }: MigrationContext): Promise<void> {
  for (const { name } of INDEXES) await sequelize.query(`DROP INDEX ${name}`, { transaction });
}

export const boundSessions: Migration = { name: '20261130-bound-sessions', up, down };
