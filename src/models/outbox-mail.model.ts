import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** `waiting` to be sent at `due_at`, being sent (`sending`) until then, or done with: `sent`, or `failed` for good. */
export type MailState = 'waiting' | 'sending' | 'sent' | 'failed';

/** A mail, from the transaction that caused it until nobody needs it. */
export class OutboxMail extends Model<InferAttributes<OutboxMail>, InferCreationAttributes<OutboxMail>> {
  declare id: string;
  declare purpose: string;
  declare recipient: string | null;
  declare recipient_fold: string | null;
  declare sealed_content: string | null;
  declare state: MailState;
  declare attempts: number;
  declare due_at: Date;
  declare claim: string | null;
  declare last_error: string | null;
  declare created_at: Date;
  declare finished_at: Date | null;
}

/** Makes the OutboxMail model of one database. */
export function defineOutboxMail(sequelize: Sequelize): OutboxMailModel {
  class OwnOutboxMail extends OutboxMail {}
  OwnOutboxMail.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      purpose: { type: DataTypes.TEXT, allowNull: false },
      recipient: { type: DataTypes.TEXT },
      recipient_fold: { type: DataTypes.TEXT },
      sealed_content: { type: DataTypes.TEXT },
      state: { type: DataTypes.TEXT, allowNull: false },
      attempts: { type: DataTypes.INTEGER, allowNull: false },
      due_at: { type: DataTypes.DATE, allowNull: false },
      claim: { type: DataTypes.TEXT },
      last_error: { type: DataTypes.TEXT },
      created_at: { type: DataTypes.DATE, allowNull: false },
      finished_at: { type: DataTypes.DATE },
    },
    { sequelize, tableName: 'auth_outbox', timestamps: false },
  );
  return OwnOutboxMail;
}

export type OutboxMailModel = typeof OutboxMail;
