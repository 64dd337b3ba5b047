import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
} from 'sequelize';

const TABLE = 'auth_revocations';

export type NewRevocation = Pick<Revocation, 'session_id' | 'through' | 'revoked_at'>;

/** That access tokens of a session are refused from some time on. Outlives the session's own row. */
export class Revocation extends Model<InferAttributes<Revocation>, InferCreationAttributes<Revocation>> {
  /** In the order in which they were committed: see `LOCKS.revoking`. */
  declare id: CreationOptional<number>;
  declare session_id: string;
  /** Access tokens up to this counter; null for all, as the session has ended. */
  declare through: number | null;
  declare revoked_at: Date;

  /** Adds rows, without making a model of each. */
  static async add(rows: readonly NewRevocation[], transaction: Transaction): Promise<void> {
    if (rows.length > 0) await this.sequelize?.getQueryInterface().bulkInsert(TABLE, [...rows], { transaction });
  }

  /** The newest id; 0 where there is none. */
  static async newest(): Promise<number> {
    const newest: unknown = await this.max('id');
    return Number(newest ?? 0);
  }

  /** Those behind that id and since that time, oldest first. */
  static async pageAfter(id: number, since: Date, limit: number): Promise<Revocation[]> {
    return this.findAll({ where: { id: { [Op.gt]: id }, revoked_at: { [Op.gt]: since } }, order: [['id', 'ASC']], limit });
  }

  /** Removes up to `most` from before that time, and says how many. */
  static async deleteBefore(before: Date, most: number, transaction: Transaction): Promise<number> {
    const rows = await this.findAll({ attributes: ['id'], where: { revoked_at: { [Op.lt]: before } }, limit: most, transaction });
    return rows.length === 0 ? 0 : this.destroy({ where: { id: rows.map(({ id }) => id) }, transaction });
  }
}

/** Makes the Revocation model of one database. */
export function defineRevocation(sequelize: Sequelize): RevocationModel {
  class OwnRevocation extends Revocation {}
  OwnRevocation.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      session_id: { type: DataTypes.TEXT, allowNull: false },
      through: { type: DataTypes.INTEGER },
      revoked_at: { type: DataTypes.DATE, allowNull: false },
    },
    { sequelize, tableName: TABLE, timestamps: false },
  );
  return OwnRevocation;
}

export type RevocationModel = typeof Revocation;
