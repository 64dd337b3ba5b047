import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** Where the audit chain ends, and where retention has cut it; one row. */
export class AuditHead extends Model<InferAttributes<AuditHead>, InferCreationAttributes<AuditHead>> {
  declare id: number;
  declare seq: number;
  declare mac: string;
  /** The last event that retention has removed; 0 for none. */
  declare anchor_seq: number;
  declare anchor_mac: string;
  /** Over all of the above. */
  declare seal: string;
}

/** Makes the AuditHead model of one database. */
export function defineAuditHead(sequelize: Sequelize): AuditHeadModel {
  class OwnAuditHead extends AuditHead {}
  OwnAuditHead.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      seq: { type: DataTypes.INTEGER, allowNull: false },
      mac: { type: DataTypes.TEXT, allowNull: false },
      anchor_seq: { type: DataTypes.INTEGER, allowNull: false },
      anchor_mac: { type: DataTypes.TEXT, allowNull: false },
      seal: { type: DataTypes.TEXT, allowNull: false },
    },
    { sequelize, tableName: 'auth_audit_head', timestamps: false },
  );
  return OwnAuditHead;
}

export type AuditHeadModel = typeof AuditHead;
