import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize } from 'sequelize';

/** A key by which another service calls this one. Only its hash is kept. */
export class ServiceKey extends Model<InferAttributes<ServiceKey>, InferCreationAttributes<ServiceKey>> {
  declare id: string;
  declare name: string;
  declare scopes: string[];
  declare key_hash: string;
  declare created_at: Date;
  declare last_used_at: Date | null;
  declare revoked_at: Date | null;
}

/** Makes the ServiceKey model of one database. */
export function defineServiceKey(sequelize: Sequelize): ServiceKeyModel {
  class OwnServiceKey extends ServiceKey {}
  OwnServiceKey.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      name: { type: DataTypes.TEXT, allowNull: false },
      scopes: { type: DataTypes.JSON, allowNull: false },
      key_hash: { type: DataTypes.TEXT, allowNull: false },
      created_at: { type: DataTypes.DATE, allowNull: false },
      last_used_at: { type: DataTypes.DATE },
      revoked_at: { type: DataTypes.DATE },
    },
    { sequelize, tableName: 'auth_service_keys', timestamps: false },
  );
  return OwnServiceKey;
}

export type ServiceKeyModel = typeof ServiceKey;
