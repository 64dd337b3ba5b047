import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** One link of the audit chain. Numbers and text alone, as they are what its code is made of. */
export class AuditEvent extends Model<InferAttributes<AuditEvent>, InferCreationAttributes<AuditEvent>> {
  declare seq: number;
  declare id: string;
  /** Milliseconds since 1970. PostgreSQL gives numbers of this size as text. */
  declare at: number;
  declare type: string;
  declare actor_kind: string;
  declare actor_id: string | null;
  declare user_id: number | null;
  declare session_id: string | null;
  declare ip: string | null;
  declare user_agent: string | null;
  declare request_id: string | null;
  /** JSON. */
  declare details: string;
  declare mac: string;
}

/** Makes the AuditEvent model of one database. */
export function defineAuditEvent(sequelize: Sequelize): AuditEventModel {
  class OwnAuditEvent extends AuditEvent {}
  OwnAuditEvent.init(
    {
      seq: { type: DataTypes.INTEGER, primaryKey: true },
      id: { type: DataTypes.TEXT, allowNull: false },
      at: { type: DataTypes.BIGINT, allowNull: false },
      type: { type: DataTypes.TEXT, allowNull: false },
      actor_kind: { type: DataTypes.TEXT, allowNull: false },
      actor_id: { type: DataTypes.TEXT },
      user_id: { type: DataTypes.INTEGER },
      session_id: { type: DataTypes.TEXT },
      ip: { type: DataTypes.TEXT },
      user_agent: { type: DataTypes.TEXT },
      request_id: { type: DataTypes.TEXT },
      details: { type: DataTypes.TEXT, allowNull: false },
      mac: { type: DataTypes.TEXT, allowNull: false },
    },
    { sequelize, tableName: 'auth_audit_events', timestamps: false },
  );
  return OwnAuditEvent;
}

export type AuditEventModel = typeof AuditEvent;
