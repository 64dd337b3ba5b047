import {
  col,
  type CreationOptional,
  DataTypes,
  fn,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  Op,
  type Sequelize,
  type Transaction,
  where as comparison,
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

/** Which sessions. */
export type SessionWhere = WhereOptions<InferAttributes<Session>>;

/** What ending a session needs to know of it. */
export type SessionFacts = Pick<Session, 'id' | 'user_id' | 'counter'>;

/** A bounded part of an ordered list. */
interface Slice {
  readonly limit: number;
  readonly after?: SessionPlace | undefined;
}

interface Surplus {
  readonly kept: number;
  readonly most: number;
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

  /** Reads a page of the live sessions that fit, newest first. */
  static async newestLive(where: SessionWhere, now: Date, limit: number, after?: SessionPlace): Promise<Session[]> {
    return this.findAll({
      where: { [Op.and]: [whereLive(now), where, this.beyond(Op.lt, after)] },
      order: [
        ['created_at', 'DESC'],
        ['id', 'DESC'],
      ],
      limit,
    });
  }

  /** Reads a slice of the live sessions that fit, oldest first. Nothing is locked: see `lockLiveFacts`. */
  static async oldestLive(where: SessionWhere, now: Date, slice: Slice, transaction?: Transaction): Promise<SessionPlace[]> {
    const rows = await this.findAll({
      attributes: ['id', 'created_at'],
      where: { [Op.and]: [whereLive(now), where, this.beyond(Op.gt, slice.after)] },
      order: [
        ['created_at', 'ASC'],
        ['id', 'ASC'],
      ],
      limit: slice.limit,
      raw: true,
      ...(transaction ? { transaction } : {}),
    });
    return rows.map(({ id, created_at }) => ({ id, createdAt: new Date(created_at) }));
  }

  /** The rows beyond a place. One comparison of a row of two values, as no database reads `OR` from an index in order. */
  private static beyond(direction: typeof Op.lt | typeof Op.gt, place: SessionPlace | undefined): SessionWhere {
    if (place === undefined) return {};
    const { sequelize } = this;
    if (sequelize === undefined) throw new TypeError('a model without a database');
    const values = [place.createdAt, place.id].map((value) => sequelize.escape(value)).join(', ');
    return comparison(literal('(created_at, id)'), { [direction]: literal(`(${values})`) });
  }

  /** The facts of the live sessions that fit, locked as by `lockLive`. The caller bounds how many fit. */
  static async lockLiveFacts(where: SessionWhere, now: Date, transaction: Transaction): Promise<SessionFacts[]> {
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
  static async lockLive(where: SessionWhere, now: Date, transaction: Transaction): Promise<Session[]> {
    return this.findAll({ where: { [Op.and]: [whereLive(now), where] }, order: [['id', 'ASC']], transaction, lock: true });
  }

  /** Counts the live sessions that fit beyond the first `kept`, up to `most`: it reads no more than that many. */
  static async countLiveBeyond(where: SessionWhere, now: Date, { kept, most }: Surplus, transaction?: Transaction): Promise<number> {
    const rows = await this.findAll({
      attributes: ['id'],
      where: { [Op.and]: [whereLive(now), where] },
      offset: kept,
      limit: most,
      raw: true,
      ...(transaction ? { transaction } : {}),
    });
    return rows.length;
  }

  /**
   * The ids of up to `most` live sessions of a user that end first where there are too many: those that were never
   * refreshed by their age, then the others by their last use.
   */
  static async leastRecentlyUsed(userId: number, now: Date, most: number, transaction: Transaction): Promise<string[]> {
    const read = async (counter: SessionWhere, limit: number): Promise<string[]> => {
      const where = { [Op.and]: [whereLive(now), { user_id: userId }, counter] };
      const rows = await this.findAll({ attributes: ['id'], where, order: [['last_used_at', 'ASC']], limit, transaction, raw: true });
      return rows.map(({ id }) => id);
    };
    const unrefreshed = await read({ counter: 1 }, most);
    const left = most - unrefreshed.length;
    return left === 0 ? unrefreshed : [...unrefreshed, ...(await read({ counter: { [Op.gt]: 1 } }, left))];
  }

  /** The ids of up to `most` users who have more than `kept` live sessions. Reads every live session. */
  static async usersBeyond(kept: number, now: Date, most: number): Promise<number[]> {
    const having = comparison(fn('COUNT', col('id')), { [Op.gt]: kept });
    const rows = await this.findAll({ attributes: ['user_id'], where: whereLive(now), group: ['user_id'], having, limit: most, raw: true });
    return rows.map(({ user_id }) => user_id);
  }

  /** Counts all live sessions. */
  static async countLive(now: Date, transaction: Transaction): Promise<number> {
    return this.count({ where: whereLive(now), transaction });
  }

  /** Ends up to `most` sessions that have not ended, expired ones too, and says how many there were. */
  static async endAny(
    ended: Pick<Session, 'ended_at' | 'expires_at' | 'end_reason'>,
    most: number,
    transaction: Transaction,
  ): Promise<number> {
    const rows = await this.findAll({ attributes: ['id'], where: { ended_at: null }, limit: most, transaction, raw: true });
    if (rows.length > 0) await this.update(ended, { where: { id: rows.map(({ id }) => id) }, transaction });
    return rows.length;
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
    return this.deleteSome({ expires_at: { [Op.lt]: before } }, most, transaction);
  }

  /** Removes up to `most` sessions of a user that have ended, and says how many. */
  static async deleteEndedOf(userId: number, most: number, transaction: Transaction): Promise<number> {
    return this.deleteSome({ user_id: userId, ended_at: { [Op.ne]: null } }, most, transaction);
  }

  private static async deleteSome(where: SessionWhere, limit: number, transaction: Transaction): Promise<number> {
    const rows = await this.findAll({ attributes: ['id'], where, limit, transaction, raw: true });
    return rows.length === 0 ? 0 : this.destroy({ where: { id: rows.map(({ id }) => id) }, transaction });
  }
}

const whereLive = (now: Date): SessionWhere => ({ ended_at: null, expires_at: { [Op.gt]: now } });

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
