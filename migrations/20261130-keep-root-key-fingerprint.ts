import { DataTypes } from 'sequelize';
import type { Migration, MigrationContext } from './migration.js';

const INSTALLATION = 'auth_installation';

async function up({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.createTable(
    INSTALLATION,
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, allowNull: false },
      root_key_fingerprint: { type: DataTypes.TEXT, allowNull: false },
    },
    { transaction },
  );
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable(INSTALLATION, { transaction });
}

export const keepRootKeyFingerprint: Migration = { name: '20261130-keep-root-key-fingerprint', up, down };
