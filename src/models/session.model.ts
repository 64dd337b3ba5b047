import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
  type WhereOptions,
} from 'sequelize';
import { type Acr, DEFAULT_ACR } from '../lib/acr.js';

/** Refresh tokens up to that counter were shown to be replaced at that time (milliseconds since 1970). */
export type Replaced = readonly [through: number, at: number];

/** Where a page of sessions goes on: behind the session of that time and id. */
export interface SessionPlace {
  readonly createdAt: Date;
  readonly id: string;
}

/** A session as the database keeps it: one a log-in. Nothing in it can be presented as a token. */
export class Session extends Model<InferAttributes<Session>, InferCreationAttributes<Session>> {
  declare id: string;
  declare user_id: number;
  declare ip: string | null;
  declare user_agent: string | null;
  /** The methods of the user's last authentication, at the log-in or a step-up (RFC 8176). */
  declare amr: string[];
  /** How strong that authentication was. */
  declare acr: CreationOptional<Acr>;
  /** When it happened; long ago where it is left out. */
  declare authenticated_at: CreationOptional<Date>;
  /** Of its newest refresh token; the first has 1. */
  declare counter: number;
  /** Access tokens up to this counter are refused, as their user's roles have changed since; 0 for none. */
  declare refused_through: number;
  declare replaced: Replaced[];
  /** When the newest refresh token was made in exchange for the one before it, or at the log-in. */
  declare rotated_at: Date;
  /** Of this row: each change adds one, and a change made of an older version is refused. */
  declare version: number;
  declare created_at: Date;
  declare last_used_at: Date;
  /** When it ends unless it is refreshed; once it has ended, when it did. */
  declare expires_at: Date;
  /** When it ends however often it is refreshed. */
  declare ends_at: Date;
  declare ended_at: Date | null;
  declare end_reason: string | null;

  /** Whether it can still be used. */
  isLive(now: number): boolean {
    return this.ended_at === null && this.expires_at.getTime() > now;
  }

  /** The live sessions that fit, newest first. */
  static async newestLive(
    where: WhereOptions<InferAttributes<Session>>,
    now: Date,
    limit: number,
    after?: SessionPlace,
  ): Promise<Session[]> {
    const further: WhereOptions<InferAttributes<Session>> = after
      ? { [Op.or]: [{ created_at: { [Op.lt]: after.createdAt } }, { created_at: after.createdAt, id: { [Op.lt]: after.id } }] }
      : {};
    return this.findAll({
      where: { [Op.and]: [whereLive(now), where, further] },
      order: [
        ['created_at', 'DESC'],
        ['id', 'DESC'],
      ],
      limit,
    });
  }

  /** What tells the live sessions that fit, which are locked as by `lockLive`: a user may have very many. */
  static async lockLiveFacts(
    where: WhereOptions<InferAttributes<Session>>,
    now: Date,
    transaction: Transaction,
  ): Promise<Pick<Session, 'id' | 'user_id' | 'counter'>[]> {
    return this.findAll({
      attributes: ['id', 'user_id', 'counter'],
      where: { [Op.and]: [whereLive(now), where] },
      order: [['id', 'ASC']],
      transaction,
      lock: true,
      raw: true,
    });
  }

  /** The live sessions that fit, locked until the transaction ends, always in one order so that two of these never wait for each other. */
  static async lockLive(where: WhereOptions<InferAttributes<Session>>, now: Date, transaction: Transaction): Promise<Session[]> {
    return this.findAll({ where: { [Op.and]: [whereLive(now), where] }, order: [['id', 'ASC']], transaction, lock: true });
  }

  /** Ends every session that has not ended, expired ones too, and says how many of them were live. */
  static async endAll(
    ended: Pick<Session, 'ended_at' | 'expires_at' | 'end_reason'>,
    now: Date,
    transaction: Transaction,
  ): Promise<number> {
    const live = await this.count({ where: whereLive(now), transaction });
    await this.update(ended, { where: { ended_at: null }, transaction });
    return live;
  }

  /** The sessions that were opened, refreshed or used after that time, as a clock that was ahead has it; ended ones too. */
  static async idsDatedAfter(time: Date, transaction: Transaction): Promise<string[]> {
    const later = { [Op.gt]: time };
    const isLater = { [Op.or]: [{ created_at: later }, { rotated_at: later }, { last_used_at: later }] };
    const rows = await this.findAll({ attributes: ['id'], where: isLater, transaction, raw: true });
    return rows.map(({ id }) => id);
  }

  /** Writes the change unless the row is no longer of this version, or has ended; whether it did. */
  static async changeVersion(session: Session, change: Partial<InferAttributes<Session>>, transaction: Transaction): Promise<boolean> {
    const [changed] = await this.update(
      { ...change, version: session.version + 1 },
      { where: { id: session.id, version: session.version, ended_at: null }, transaction },
    );
    return changed === 1;
  }

  /** From where a user has logged in last. */
  static async devicesOf(userId: number, most: number, transaction: Transaction): Promise<Pick<Session, 'ip' | 'user_agent'>[]> {
    const order: [string, string][] = [['created_at', 'DESC']];
    return this.findAll({ attributes: ['ip', 'user_agent'], where: { user_id: userId }, order, limit: most, transaction, raw: true });
  }

  /** Removes up to `most` sessions that ended before that time, and says how many. */
  static async deleteEnded(before: Date, most: number, transaction: Transaction): Promise<number> {
    const rows = await this.findAll({ attributes: ['id'], where: { expires_at: { [Op.lt]: before } }, limit: most, transaction });
    return rows.length === 0 ? 0 : this.destroy({ where: { id: rows.map(({ id }) => id) }, transaction });
  }
}

const whereLive = (now: Date): WhereOptions<InferAttributes<Session>> => ({ ended_at: null, expires_at: { [Op.gt]: now } });

/** Makes the Session model of one database. */
export function defineSession(sequelize: Sequelize): SessionModel {
  class OwnSession extends Session {}
  OwnSession.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      user_id: { type: DataTypes.INTEGER, allowNull: false },
      ip: { type: DataTypes.TEXT },
      user_agent: { type: DataTypes.TEXT },
      amr: { type: DataTypes.JSON, allowNull: false },
      acr: { type: DataTypes.TEXT, allowNull: false, defaultValue: DEFAULT_ACR },
      authenticated_at: { type: DataTypes.DATE, allowNull: false, defaultValue: new Date(0) },
      counter: { type: DataTypes.INTEGER, allowNull: false },
      refused_through: { type: DataTypes.INTEGER, allowNull: false },
      replaced: { type: DataTypes.JSON, allowNull: false },
      rotated_at: { type: DataTypes.DATE, allowNull: false },
      version: { type: DataTypes.INTEGER, allowNull: false },
      created_at: { type: DataTypes.DATE, allowNull: false },
      last_used_at: { type: DataTypes.DATE, allowNull: false },
      expires_at: { type: DataTypes.DATE, allowNull: false },
      ends_at: { type: DataTypes.DATE, allowNull: false },
      ended_at: { type: DataTypes.DATE },
      end_reason: { type: DataTypes.TEXT },
    },
    { sequelize, tableName: 'auth_sessions', timestamps: false },
  );
  return OwnSession;
}

export type SessionModel = typeof Session;
