import { DataTypes, type ModelAttributes } from 'sequelize';
import type { Migration, MigrationContext } from './migration.js';

const SIGNING_KEYS = 'auth_signing_keys';
const SERVICE_KEYS = 'auth_service_keys';

const signingKeyColumns: ModelAttributes = {
  kid: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
  algorithm: { type: DataTypes.TEXT, allowNull: false },
  public_jwk: { type: DataTypes.JSON, allowNull: false },
  sealed_private_key: { type: DataTypes.TEXT, allowNull: false },
  created_at: { type: DataTypes.DATE, allowNull: false },
  signs_from: { type: DataTypes.DATE, allowNull: false },
  withdrawn_at: { type: DataTypes.DATE },
};

const serviceKeyColumns: ModelAttributes = {
  id: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
  name: { type: DataTypes.TEXT, allowNull: false },
  scopes: { type: DataTypes.JSON, allowNull: false },
  key_hash: { type: DataTypes.TEXT, allowNull: false, unique: true },
  created_at: { type: DataTypes.DATE, allowNull: false },
  last_used_at: { type: DataTypes.DATE },
  revoked_at: { type: DataTypes.DATE },
};

async function up({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.createTable(SIGNING_KEYS, signingKeyColumns, { transaction });
  await queryInterface.createTable(SERVICE_KEYS, serviceKeyColumns, { transaction });
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable(SERVICE_KEYS, { transaction });
  await queryInterface.dropTable(SIGNING_KEYS, { transaction });
}

export const createSigningAndServiceKeys: Migration = { name: '20261125-create-signing-and-service-keys', up, down };
