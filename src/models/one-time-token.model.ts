import { DataTypes, type InferAttributes, type InferCreationAttributes, Model, Op, type Sequelize, type Transaction } from 'sequelize';

/** A token that does one thing once. Only its hash is kept. */
export class OneTimeToken extends Model<InferAttributes<OneTimeToken>, InferCreationAttributes<OneTimeToken>> {
  declare id: string;
  /** Null for one that is nobody's. */
  declare user_id: number | null;
  declare purpose: string;
  declare token_hash: string;
  /** The address that it went to; null where it was handed over. */
  declare email_fold: string | null;
  declare created_at: Date;
  declare expires_at: Date;
  /** When it was used, for a purpose whose used tokens are kept until they are pruned. */
  declare used_at: Date | null;
  /** Who was given it to hand over, as the audit names them; null where it was mailed to its user. */
  declare issuer_kind: string | null;
  declare issuer_id: string | null;

  /** Reports whether a later token of the same purpose was mailed to the user of this one. */
  static async hasLater({ id, user_id, purpose, created_at }: OneTimeToken, transaction: Transaction): Promise<boolean> {
    if (user_id === null) return false;
    const later = { [Op.or]: [{ created_at: { [Op.gt]: created_at } }, { created_at, id: { [Op.gt]: id } }] };
    const where = { user_id, purpose, issuer_kind: null, ...later };
    return (await this.findOne({ attributes: ['id'], where, transaction })) !== null;
  }

  /** Removes up to `most` that ran out before that time, and says how many. */
  static async deleteExpired(before: Date, most: number, transaction: Transaction): Promise<number> {
    const rows = await this.findAll({ attributes: ['id'], where: { expires_at: { [Op.lt]: before } }, limit: most, transaction });
    return rows.length === 0 ? 0 : this.destroy({ where: { id: rows.map(({ id }) => id) }, transaction });
  }
}

/** Makes the OneTimeToken model of one database. */
export function defineOneTimeToken(sequelize: Sequelize): OneTimeTokenModel {
  class OwnOneTimeToken extends OneTimeToken {}
  OwnOneTimeToken.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      user_id: { type: DataTypes.INTEGER },
      purpose: { type: DataTypes.TEXT, allowNull: false },
      token_hash: { type: DataTypes.TEXT, allowNull: false },
      email_fold: { type: DataTypes.TEXT },
      created_at: { type: DataTypes.DATE, allowNull: false },
      expires_at: { type: DataTypes.DATE, allowNull: false },
      used_at: { type: DataTypes.DATE },
      issuer_kind: { type: DataTypes.TEXT },
      issuer_id: { type: DataTypes.TEXT },
    },
    { sequelize, tableName: 'auth_one_time_tokens', timestamps: false },
  );
  return OwnOneTimeToken;
}

export type OneTimeTokenModel = typeof OneTimeToken;
