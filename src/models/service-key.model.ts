import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, Op, type Sequelize } from 'sequelize';

/** Where a page of keys goes on: behind the key of that time and id. */
export interface ServiceKeyPlace {
  readonly createdAt: Date;
  readonly id: string;
}

/** A key by which another service calls this one. Only its hash is kept. */
export class ServiceKey extends Model<InferAttributes<ServiceKey>, InferCreationAttributes<ServiceKey>> {
  declare id: string;
  declare name: string;
  declare scopes: string[];
  declare key_hash: string;
  declare created_at: Date;
  /** Null for a key that never expires, as those of before the expiry. */
  declare expires_at: Date | null;
  declare last_used_at: Date | null;
  declare revoked_at: Date | null;

  /** Reads keys oldest first, revoked and expired ones too: all behind a place, or up to `limit` of them. */
  static async oldest(after?: ServiceKeyPlace, limit?: number): Promise<ServiceKey[]> {
    const isBehind = after && {
      [Op.or]: [{ created_at: { [Op.gt]: after.createdAt } }, { created_at: after.createdAt, id: { [Op.gt]: after.id } }],
    };
    return this.findAll({
      ...(isBehind ? { where: isBehind } : {}),
      order: [
        ['created_at', 'ASC'],
        ['id', 'ASC'],
      ],
      ...(limit === undefined ? {} : { limit }),
    });
  }
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
      expires_at: { type: DataTypes.DATE },
      last_used_at: { type: DataTypes.DATE },
      revoked_at: { type: DataTypes.DATE },
    },
    { sequelize, tableName: 'auth_service_keys', timestamps: false },
  );
  return OwnServiceKey;
}

export type ServiceKeyModel = typeof ServiceKey;
