import {
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  QueryTypes,
  type Sequelize,
  type Transaction,
} from 'sequelize';

const TABLE = 'auth_audit_head';
/** The one row. */
const ID = 1;
/** Numbers beyond are none that an event of ours has come to: PostgreSQL's integers end soon after. */
export const MOST_SEQ = 2_000_000_000;

/** The row as it stands there, whoever has written it; all null where there is none. */
export type StoredHead = Readonly<Record<'seq' | 'mac' | 'anchor_seq' | 'anchor_mac' | 'seal', unknown>>;

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

  /** The head, and the number of the last event that is there, which are the same unless somebody has changed either. */
  static async read(transaction?: Transaction): Promise<StoredHead & { readonly last_seq: unknown }> {
    const rows = await this.sequelize?.query<StoredHead & { readonly last_seq: unknown }>(
      `SELECT head.seq, head.mac, head.anchor_seq, head.anchor_mac, head.seal, last.seq AS last_seq
       FROM (SELECT MAX(seq) AS seq FROM auth_audit_events WHERE seq <= ${MOST_SEQ}) AS last LEFT JOIN ${TABLE} AS head ON head.id = ${ID}`,
      { type: QueryTypes.SELECT, ...(transaction ? { transaction } : {}) },
    );
    const [row] = rows ?? [];
    if (row === undefined) throw new TypeError('a head, or that there is none, is always one row');
    return row;
  }

  /** Puts the row in the place of the one that is there, or makes it. */
  static async write(head: NewHeadRow, transaction: Transaction): Promise<void> {
    await this.sequelize?.query(
      `INSERT INTO ${TABLE} (id, seq, mac, anchor_seq, anchor_mac, seal) VALUES (${ID}, $seq, $mac, $anchor_seq, $anchor_mac, $seal)
       ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, mac = excluded.mac,
         anchor_seq = excluded.anchor_seq, anchor_mac = excluded.anchor_mac, seal = excluded.seal`,
      { bind: { ...head }, transaction },
    );
  }
}

export type NewHeadRow = Omit<InferAttributes<AuditHead>, 'id'>;

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
    { sequelize, tableName: TABLE, timestamps: false },
  );
  return OwnAuditHead;
}

export type AuditHeadModel = typeof AuditHead;
