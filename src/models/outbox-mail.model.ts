import {
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  Op,
  type Sequelize,
  type Transaction,
  type WhereOptions,
} from 'sequelize';

/**
 * `waiting` to be sent at `due_at`, being sent (`sending`), or done with: `sent`, `failed` for good, or `dropped` as its token is
 * worthless or a later mail has taken its place.
 */
export type MailState = 'waiting' | 'sending' | 'sent' | 'failed' | 'dropped';

/** Done with at that time. */
type Finished = Pick<OutboxMail, 'state' | 'last_error' | 'finished_at'>;

/** A mail, from the transaction that caused it until nobody needs it. */
export class OutboxMail extends Model<InferAttributes<OutboxMail>, InferCreationAttributes<OutboxMail>> {
  declare id: string;
  declare purpose: string;
  declare recipient: string | null;
  declare recipient_fold: string | null;
  declare sealed_content: string | null;
  declare state: MailState;
  declare attempts: number;
  declare refusals: number;
  declare due_at: Date;
  declare claim: string | null;
  declare last_error: string | null;
  declare created_at: Date;
  declare finished_at: Date | null;

  /** Those for somebody whose content is there, newest first; of one address, or of all. */
  static async newestReadable(recipientFold: string | undefined, limit: number): Promise<OutboxMail[]> {
    return this.findAll({
      where: { sealed_content: { [Op.ne]: null }, ...(recipientFold === undefined ? FOR_SOMEBODY : { recipient_fold: recipientFold }) },
      order: [
        ['created_at', 'DESC'],
        ['id', 'DESC'],
      ],
      limit,
    });
  }

  /** Those that wait and are due, first come first, but for those that are too old. */
  static async findDue(now: Date, after: Date, limit: number): Promise<OutboxMail[]> {
    return this.findAll({
      where: { state: 'waiting', due_at: { [Op.lte]: now }, created_at: { [Op.gt]: after }, ...FOR_SOMEBODY },
      order: [
        ['due_at', 'ASC'],
        ['id', 'ASC'],
      ],
      limit,
    });
  }

  /** Those that somebody is sending, or has died over, but for those that are too old. */
  static async findSending(after: Date, limit: number): Promise<OutboxMail[]> {
    return this.findAll({ where: { state: 'sending', created_at: { [Op.gt]: after } }, order: [['due_at', 'ASC']], limit });
  }

  /** Changes a mail that is still as it was read: of its state, claim and time. Whether it did. */
  static async changeFrom(mail: OutboxMail, change: Partial<InferAttributes<OutboxMail>>, transaction: Transaction): Promise<boolean> {
    const { id, state, claim, due_at } = mail;
    const [changed] = await this.update(change, { where: { id, state, claim, due_at }, transaction });
    return changed === 1;
  }

  /** Changes a mail that is being sent under that claim. Whether it did. */
  static async changeClaimed(
    { id, claim }: { id: string; claim: string },
    change: Partial<InferAttributes<OutboxMail>>,
    transaction: Transaction,
  ): Promise<boolean> {
    const [changed] = await this.update(change, { where: { id, state: 'sending', claim }, transaction });
    return changed === 1;
  }

  /** Whether there is one for nobody. */
  static async hasForNobody(): Promise<boolean> {
    return (await this.findOne({ attributes: ['id'], where: { recipient_fold: null } })) !== null;
  }

  /** Removes up to `most` for nobody. */
  static async deleteForNobody(most: number, transaction: Transaction): Promise<number> {
    return deleteUpTo(this, { recipient_fold: null }, most, transaction);
  }

  /** Gives up those from before that time that wait, or that nobody has been sending since, up to `most`; says which. */
  static async giveUpWaiting(
    before: Date,
    change: Finished,
    most: number,
    transaction: Transaction,
  ): Promise<Pick<OutboxMail, 'id' | 'purpose'>[]> {
    const isOld = {
      created_at: { [Op.lt]: before },
      [Op.or]: [{ state: 'waiting' }, { state: 'sending', due_at: { [Op.lt]: before } }],
    };
    const where = { ...isOld, ...FOR_SOMEBODY };
    const rows = await this.findAll({ attributes: ['id', 'purpose'], where, limit: most, transaction, raw: true });
    if (rows.length > 0) await this.update(change, { where: { ...isOld, id: rows.map(({ id }) => id) }, transaction });
    return rows;
  }

  /** Removes up to `most` that were done with before that time, and says how many. */
  static async deleteFinished(before: Date, most: number, transaction: Transaction): Promise<number> {
    return deleteUpTo(this, { state: ['sent', 'failed', 'dropped'], finished_at: { [Op.lt]: before } }, most, transaction);
  }

  /** Whether so many are not sent yet, be they for somebody or for nobody. Reads no more of the index than that. */
  static async hasUnsent(count: number, transaction: Transaction): Promise<boolean> {
    const where = { state: ['waiting', 'sending'] };
    return (await this.findOne({ attributes: ['state'], where, offset: count - 1, transaction, raw: true })) !== null;
  }

  /** How many for somebody are of one of these states. */
  static async countOf(states: readonly MailState[]): Promise<number> {
    return this.count({ where: { state: [...states], ...FOR_SOMEBODY } });
  }
}

const FOR_SOMEBODY = { recipient_fold: { [Op.ne]: null } } as const;

async function deleteUpTo(
  model: OutboxMailModel,
  where: WhereOptions<InferAttributes<OutboxMail>>,
  most: number,
  transaction: Transaction,
): Promise<number> {
  const rows = await model.findAll({ attributes: ['id'], where, limit: most, transaction });
  return rows.length === 0 ? 0 : model.destroy({ where: { id: rows.map(({ id }) => id) }, transaction });
}

/** Makes the OutboxMail model of one database. */
export function defineOutboxMail(sequelize: Sequelize): OutboxMailModel {
  class OwnOutboxMail extends OutboxMail {}
  OwnOutboxMail.init(
    {
      id: { type: DataTypes.TEXT, primaryKey: true },
      purpose: { type: DataTypes.TEXT, allowNull: false },
      recipient: { type: DataTypes.TEXT },
      recipient_fold: { type: DataTypes.TEXT },
      sealed_content: { type: DataTypes.TEXT },
      state: { type: DataTypes.TEXT, allowNull: false },
      attempts: { type: DataTypes.INTEGER, allowNull: false },
      refusals: { type: DataTypes.INTEGER, allowNull: false },
      due_at: { type: DataTypes.DATE, allowNull: false },
      claim: { type: DataTypes.TEXT },
      last_error: { type: DataTypes.TEXT },
      created_at: { type: DataTypes.DATE, allowNull: false },
      finished_at: { type: DataTypes.DATE },
    },
    { sequelize, tableName: 'auth_outbox', timestamps: false },
  );
  return OwnOutboxMail;
}

export type OutboxMailModel = typeof OutboxMail;
