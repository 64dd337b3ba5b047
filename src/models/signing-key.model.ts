import type { JWK } from 'jose';
import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, type Sequelize, type Transaction } from 'sequelize';

/** A key pair that signs access tokens; its private half is sealed under a key that is made of ROOT_KEY. */
export class SigningKey extends Model<InferAttributes<SigningKey>, InferCreationAttributes<SigningKey>> {
  declare kid: string;
  declare algorithm: string;
  declare public_jwk: JWK;
  declare sealed_private_key: string;
  declare created_at: Date;
  /** Known before it signs, so that everybody who verifies has it by then. */
  declare signs_from: Date;
  /** From then on it is as if it had never been. */
  declare withdrawn_at: Date | null;

  /** Those of an algorithm that were not withdrawn, in the order in which they sign. */
  static async inOrder(algorithm: string, transaction?: Transaction): Promise<SigningKey[]> {
    return this.findAll({
      where: { algorithm, withdrawn_at: null },
      order: [
        ['signs_from', 'ASC'],
        ['created_at', 'ASC'],
      ],
      ...(transaction ? { transaction } : {}),
    });
  }
}

/** Makes the SigningKey model of one database. */
export function defineSigningKey(sequelize: Sequelize): SigningKeyModel {
  class OwnSigningKey extends SigningKey {}
  OwnSigningKey.init(
    {
      kid: { type: DataTypes.TEXT, primaryKey: true },
      algorithm: { type: DataTypes.TEXT, allowNull: false },
      public_jwk: { type: DataTypes.JSON, allowNull: false },
      sealed_private_key: { type: DataTypes.TEXT, allowNull: false },
      created_at: { type: DataTypes.DATE, allowNull: false },
      signs_from: { type: DataTypes.DATE, allowNull: false },
      withdrawn_at: { type: DataTypes.DATE },
    },
    { sequelize, tableName: 'auth_signing_keys', timestamps: false },
  );
  return OwnSigningKey;
}

export type SigningKeyModel = typeof SigningKey;
