import {
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  QueryTypes,
  type Sequelize,
  type Transaction,
  type WhereOptions,
} from 'sequelize';

const TABLE = 'auth_audit_events';
/** Rows in one statement. */
const AT_ONCE = 500;

/** The columns that the code of a link is made of, in its order. */
export const CHAINED = [
  'seq',
  'id',
  'at',
  'type',
  'actor_kind',
  'actor_id',
  'user_id',
  'session_id',
  'ip',
  'user_agent',
  'request_id',
  'details',
] as const;

type Column = (typeof CHAINED)[number] | 'mac';

/** A row as it stands there, whoever has written it: anything may be anywhere. */
export type StoredEvent = Readonly<Record<Column, unknown>>;

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

  /** Adds rows, without making a model of each. */
  static async add(rows: readonly NewEventRow[], transaction: Transaction): Promise<void> {
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      await this.sequelize?.getQueryInterface().bulkInsert(TABLE, rows.slice(from, from + AT_ONCE), { transaction });
    }
  }

  /** The rows behind that number, or the first, oldest first, as they are stored: nothing is made of what the database holds. */
  static async storedAfter(seq: number | undefined, limit: number, transaction?: Transaction): Promise<StoredEvent[]> {
    const rows = await this.sequelize?.query<StoredEvent>(
      `SELECT ${[...CHAINED, 'mac'].map((column) => `e.${column}`).join(', ')} FROM ${TABLE} e
       ${seq === undefined ? '' : 'WHERE e.seq > CAST($seq AS BIGINT)'} ORDER BY e.seq LIMIT $limit`,
      { type: QueryTypes.SELECT, bind: { seq, limit }, ...(transaction ? { transaction } : {}) },
    );
    if (this.sequelize?.getDialect() !== 'postgres') return rows ?? [];
    return (rows ?? []).map((row) => ({ ...row, at: Number(row.at) }));
  }

  /** The rows that fit, as they are stored. */
  static async stored(where: WhereOptions<InferAttributes<AuditEvent>>, direction: 'ASC' | 'DESC', limit: number): Promise<StoredEvent[]> {
    return this.findAll({ where, order: [['seq', direction]], limit, raw: true });
  }

  /** Returns which of these ids are stored. */
  static async findStored(ids: readonly string[], transaction: Transaction): Promise<Set<string>> {
    const rows = await this.findAll({ attributes: ['id'], where: { id: [...ids] }, raw: true, transaction });
    return new Set(rows.map(({ id }) => id));
  }

  /** Removes the rows up to that number. */
  static async deleteThrough(seq: number, transaction: Transaction): Promise<void> {
    await this.sequelize?.query(`DELETE FROM ${TABLE} WHERE seq <= $seq`, { bind: { seq }, transaction });
  }
}

export type NewEventRow = InferAttributes<AuditEvent>;

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
    { sequelize, tableName: TABLE, timestamps: false },
  );
  return OwnAuditEvent;
}

export type AuditEventModel = typeof AuditEvent;
