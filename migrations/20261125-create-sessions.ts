import { DataTypes, type ModelAttributes } from 'sequelize';
import type { Migration, MigrationContext } from './migration.js';

/** The names begin with `auth_`, as an adopted database may have a table of sessions of its own. */
const SESSIONS = 'auth_sessions';
const REVOCATIONS = 'auth_revocations';

const sessionColumns: ModelAttributes = {
  id: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
  user_id: { type: DataTypes.INTEGER, allowNull: false, references: { model: 'users', key: 'id' }, onDelete: 'CASCADE' },
  ip: { type: DataTypes.TEXT },
  user_agent: { type: DataTypes.TEXT },
  amr: { type: DataTypes.JSON, allowNull: false },
  counter: { type: DataTypes.INTEGER, allowNull: false },
  refused_through: { type: DataTypes.INTEGER, allowNull: false },
  replaced: { type: DataTypes.JSON, allowNull: false },
  rotated_at: { type: DataTypes.DATE, allowNull: false },
  version: { type: DataTypes.INTEGER, allowNull: false },
  created_at: { type: DataTypes.DATE, allowNull: false },
  last_used_at: { type: DataTypes.DATE, allowNull: false },
  expires_at: { type: DataTypes.DATE, allowNull: false },
  ends_at: { type: DataTypes.DATE, allowNull: false },
  ended_at: { type: DataTypes.DATE },
  end_reason: { type: DataTypes.TEXT },
};

const revocationColumns: ModelAttributes = {
  id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true, allowNull: false },
  session_id: { type: DataTypes.TEXT, allowNull: false },
  through: { type: DataTypes.INTEGER },
  revoked_at: { type: DataTypes.DATE, allowNull: false },
};

async function up({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.createTable(SESSIONS, sessionColumns, { transaction });
  await queryInterface.addIndex(SESSIONS, ['user_id', 'created_at'], { name: `${SESSIONS}_user`, transaction });
  await queryInterface.addIndex(SESSIONS, ['expires_at'], { name: `${SESSIONS}_expiry`, transaction });
  await queryInterface.createTable(REVOCATIONS, revocationColumns, { transaction });
  await queryInterface.addIndex(REVOCATIONS, ['revoked_at'], { name: `${REVOCATIONS}_time`, transaction });
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable(REVOCATIONS, { transaction });
  await queryInterface.dropTable(SESSIONS, { transaction });
}

export const createSessions: Migration = { name: '20261125-create-sessions', up, down };
