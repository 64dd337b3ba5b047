import { DataTypes, type ModelAttributes, QueryTypes } from 'sequelize';
import { adoptUsers, isFastApiTable } from './fastapi-adoption.js';
import type { Migration, MigrationContext } from './migration.js';

/** `id`, `username` and `hashed_password` are named as in the FastAPI original, so that it can still read the table. */
export const userColumns: ModelAttributes = {
  id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true, allowNull: false },
  username: { type: DataTypes.TEXT, allowNull: false, unique: true },
  username_fold: { type: DataTypes.TEXT, unique: true },
  lookalike_fold: { type: DataTypes.TEXT },
  hashed_password: { type: DataTypes.TEXT },
  hash_truncates: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
  email: { type: DataTypes.TEXT },
  email_verified_at: { type: DataTypes.DATE },
  roles: { type: DataTypes.JSON, allowNull: false },
  disabled_at: { type: DataTypes.DATE },
  created_at: { type: DataTypes.DATE, allowNull: false },
  updated_at: { type: DataTypes.DATE, allowNull: false },
};

async function up(context: MigrationContext): Promise<void> {
  const { queryInterface, transaction } = context;
  if (await isFastApiTable(context)) {
    await adoptUsers(context, userColumns);
  } else {
    await assertNoUsersTable(context);
    await queryInterface.createTable('users', userColumns, { transaction });
  }
  await queryInterface.addIndex('users', ['lookalike_fold'], { name: 'users_lookalike_fold', transaction });
}

/** Sequelize would take a table of that name for its own, whatever it holds. A SQLite file is looked at before this. */
async function assertNoUsersTable({ sequelize, transaction }: MigrationContext): Promise<void> {
  if (sequelize.getDialect() !== 'postgres') return;
  const [row] = await sequelize.query<{ found: string | null }>("SELECT to_regclass('users')::text AS found", {
    type: QueryTypes.SELECT,
    transaction,
  });
  if (row?.found) throw new Error('there is a users table that is not ours. Name another database or schema');
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable('users', { transaction });
}

export const createUsers: Migration = { name: '20261123-create-users', up, down };
