import { DataTypes, type ModelAttributes } from 'sequelize';
import type { Migration, MigrationContext } from './migration.js';

const OUTBOX = 'auth_outbox';

const columns: ModelAttributes = {
  id: { type: DataTypes.TEXT, primaryKey: true, allowNull: false },
  purpose: { type: DataTypes.TEXT, allowNull: false },
  /** Null where nobody is to get it: asking on behalf of nobody costs what asking for somebody does. */
  recipient: { type: DataTypes.TEXT },
  recipient_fold: { type: DataTypes.TEXT },
  /** Subject, text and link with its token, readable under ROOT_KEY alone; null once nobody needs them. */
  sealed_content: { type: DataTypes.TEXT },
  state: { type: DataTypes.TEXT, allowNull: false },
  attempts: { type: DataTypes.INTEGER, allowNull: false },
  /** How many of these the server answered with a refusal for good. */
  refusals: { type: DataTypes.INTEGER, allowNull: false },
  /** When it is to be tried; moved on again and again while it is being sent, so that others see that somebody does. */
  due_at: { type: DataTypes.DATE, allowNull: false },
  /** Which sending of it is under way. */
  claim: { type: DataTypes.TEXT },
  last_error: { type: DataTypes.TEXT },
  created_at: { type: DataTypes.DATE, allowNull: false },
  finished_at: { type: DataTypes.DATE },
};

async function up({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.createTable(OUTBOX, columns, { transaction });
  await queryInterface.addIndex(OUTBOX, ['state', 'due_at'], { name: `${OUTBOX}_due`, transaction });
  await queryInterface.addIndex(OUTBOX, ['created_at', 'id'], { name: `${OUTBOX}_time`, transaction });
  await queryInterface.addIndex(OUTBOX, ['recipient_fold', 'created_at', 'id'], { name: `${OUTBOX}_recipient`, transaction });
}

async function down({ queryInterface, transaction }: MigrationContext): Promise<void> {
  await queryInterface.dropTable(OUTBOX, { transaction });
}

export const keepMail: Migration = { name: '20261125-keep-mail', up, down };
