import { DataTypes, type ModelAttributes } from 'sequelize';
import type { Migration, MigrationContext } from './migration.js';

const TOKENS = 'auth_one_time_tokens';
const CODES = 'auth_recovery_codes';

const tokenColumns: ModelAttributes = {
  id: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
  /** Null where it is nobody's: asking on behalf of nobody costs what asking for somebody does. */
  user_id: { type: DataTypes.INTEGER, references: { model: 'users', key: 'id' }, onDelete: 'CASCADE' },
  purpose: { type: DataTypes.TEXT, allowNull: false },
  token_hash: { type: DataTypes.TEXT, allowNull: false, unique: true },
  /** Where it went; null where it was handed over. */
  email_fold: { type: DataTypes.TEXT },
  created_at: { type: DataTypes.DATE, allowNull: false },
  expires_at: { type: DataTypes.DATE, allowNull: false },
};

const codeColumns: ModelAttributes = {
  id: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
  user_id: { type: DataTypes.INTEGER, allowNull: false, references: { model: 'users', key: 'id' }, onDelete: 'CASCADE' },
  code_hash: { type: DataTypes.TEXT, allowNull: false, unique: true },
  created_at: { type: DataTypes.DATE, allowNull: false },
};

async function up({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.createTable(TOKENS, tokenColumns, { transaction });
  await queryInterface.addIndex(TOKENS, ['user_id'], { name: `${TOKENS}_user`, transaction });
  await queryInterface.addIndex(TOKENS, ['expires_at'], { name: `${TOKENS}_expiry`, transaction });
  await queryInterface.createTable(CODES, codeColumns, { transaction });
  await queryInterface.addIndex(CODES, ['user_id'], { name: `${CODES}_user`, transaction });
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable(CODES, { transaction });
  await queryInterface.dropTable(TOKENS, { transaction });
}

export const keepOneTimeSecrets: Migration = { name: '20261125-keep-one-time-secrets', up, down };
