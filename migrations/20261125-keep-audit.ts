import { DataTypes, type ModelAttributes } from 'sequelize';
import type { Migration, MigrationContext } from './migration.js';

const EVENTS = 'auth_audit_events';
const HEAD = 'auth_audit_head';

/** Numbers and text alone: what is chained is what is stored, to the letter, in every database. */
const eventColumns: ModelAttributes = {
  seq: { type: DataTypes.INTEGER, primaryKey: true, allowNull: false },
  id: { type: DataTypes.TEXT, allowNull: false, unique: true },
  /** Milliseconds since 1970. */
  at: { type: DataTypes.BIGINT, allowNull: false },
  type: { type: DataTypes.TEXT, allowNull: false },
  actor_kind: { type: DataTypes.TEXT, allowNull: false },
  actor_id: { type: DataTypes.TEXT },
  /** Outlives the user it speaks of. */
  user_id: { type: DataTypes.INTEGER },
  session_id: { type: DataTypes.TEXT },
  ip: { type: DataTypes.TEXT },
  user_agent: { type: DataTypes.TEXT },
  request_id: { type: DataTypes.TEXT },
  details: { type: DataTypes.TEXT, allowNull: false },
  mac: { type: DataTypes.TEXT, allowNull: false },
};

const headColumns: ModelAttributes = {
  id: { type: DataTypes.INTEGER, primaryKey: true, allowNull: false },
  seq: { type: DataTypes.INTEGER, allowNull: false },
  mac: { type: DataTypes.TEXT, allowNull: false },
  anchor_seq: { type: DataTypes.INTEGER, allowNull: false },
  anchor_mac: { type: DataTypes.TEXT, allowNull: false },
  seal: { type: DataTypes.TEXT, allowNull: false },
};

async function up({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.createTable(EVENTS, eventColumns, { transaction });
  await queryInterface.addIndex(EVENTS, ['user_id', 'seq'], { name: `${EVENTS}_user`, transaction });
  await queryInterface.addIndex(EVENTS, ['actor_id', 'seq'], { name: `${EVENTS}_actor`, transaction });
  await queryInterface.addIndex(EVENTS, ['type', 'seq'], { name: `${EVENTS}_type`, transaction });
  await queryInterface.addIndex(EVENTS, ['at'], { name: `${EVENTS}_time`, transaction });
  await queryInterface.createTable(HEAD, headColumns, { transaction });
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable(HEAD, { transaction });
  await queryInterface.dropTable(EVENTS, { transaction });
}

export const keepAudit: Migration = { name: '20261125-keep-audit', up, down };
