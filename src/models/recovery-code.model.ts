import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** A code by which a user sets a new password once. Only its hash is kept; using it removes it. */
export class RecoveryCode extends Model<InferAttributes<RecoveryCode>, InferCreationAttributes<RecoveryCode>> {
  declare id: string;
  declare user_id: number;
  declare code_hash: string;
  declare created_at: Date;
}

/** Makes the RecoveryCode model of one database. */
export function defineRecoveryCode(sequelize: Sequelize): RecoveryCodeModel {
  class OwnRecoveryCode extends RecoveryCode {}
  OwnRecoveryCode.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      user_id: { type: DataTypes.INTEGER, allowNull: false },
      code_hash: { type: DataTypes.TEXT, allowNull: false },
      created_at: { type: DataTypes.DATE, allowNull: false },
    },
    { sequelize, tableName: 'auth_recovery_codes', timestamps: false },
  );
  return OwnRecoveryCode;
}

export type RecoveryCodeModel = typeof RecoveryCode;
