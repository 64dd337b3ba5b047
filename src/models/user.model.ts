import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  literal,
  Model,
  QueryTypes,
  type Sequelize,
  type Transaction,
} from 'sequelize';
import type { LoginIdentifier } from '../lib/login-identifier.js';

/** Columns that a new user leaves to their defaults. */
type MadeByDatabase = 'id' | 'lookalike_fold' | 'limits_epoch';

/** What limits and device cookies need of an account. */
export type Identity = Pick<User, 'id' | 'hashed_password' | 'limits_epoch'>;

interface Identified {
  readonly named_id: number | null;
  readonly named_hash: string | null;
  readonly named_epoch: number | null;
  readonly addressed_id: number | null;
  readonly addressed_hash: string | null;
  readonly addressed_epoch: number | null;
}

const identityOf = (id: number | null, hashed_password: string | null, epoch: number | null): Identity | undefined =>
  id === null ? undefined : { id, hashed_password, limits_epoch: epoch ?? 0 };

/** Lists the account with the username, and the one with the address where that may be another. */
function candidatesOf<T extends { readonly id: number }>(
  named: T | undefined,
  addressed: T | undefined,
  emailFold: string | null,
): readonly (T | undefined)[] {
  if (named === undefined) return [addressed];
  return emailFold === null || named.id === addressed?.id ? [named] : [named, addressed];
}

/** A user as the database keeps them. Each database has a model of its own, so that two apps share nothing. */
export class User extends Model<InferAttributes<User>, InferCreationAttributes<User, { omit: MadeByDatabase }>> {
  declare id: number;
  /** As typed at registration. */
  declare username: string;
  /** The one form of the name that no other user may have; null for an adopted look-alike. */
  declare username_fold: string | null;
  /** The fold of an adopted name that looks like an earlier one: keeps it from being registered again. */
  declare lookalike_fold: string | null;
  declare hashed_password: string | null;
  /** Whether the hash was made elsewhere, where its format does not show that: it may be of a password's first 72 bytes. */
  declare hash_truncates: CreationOptional<boolean>;
  declare email: string | null;
  declare email_verified_at: Date | null;
  /** The fold of the address as claimed (`foldEmail`). */
  declare email_fold: string | null;
  /** The same once it is verified: no other user may have it. */
  declare verified_email_fold: string | null;
  /** The address that replaces the verified one once it is verified itself. Only an account with a verified address has one. */
  declare pending_email: CreationOptional<string | null>;
  declare pending_email_fold: CreationOptional<string | null>;
  /** Whether an administrator set the address that waits for its verification: only the signed-in user can confirm it then. */
  declare email_set_by_admin: CreationOptional<boolean>;
  declare display_name: CreationOptional<string | null>;
  declare display_name_fold: CreationOptional<string | null>;
  declare roles: string[];
  /** How often the failures at the account have been forgiven: part of the keys of its counters. */
  declare limits_epoch: number;
  declare disabled_at: Date | null;
  declare created_at: Date;
  declare updated_at: Date;

  /**
   * Returns the accounts that an identifier may mean, all matched in one read. One where it is a username: that very name, else
   * the one with its fold. Where it also is an address that the username's account has not verified itself, the account that has
   * verified it is the second. Where it is no username, that account is the only one. `undefined` stands for an absent account, so
   * that the number tells nothing of verified addresses (ASVS 6.3.8).
   */
  static async findCandidates({ name, fold, emailFold }: LoginIdentifier): Promise<readonly (User | undefined)[]> {
    if (!this.canHave(name)) return [undefined];
    const rows = await this.findAll({
      where: literal('username = $name OR username_fold = $fold OR verified_email_fold = $emailFold'),
      bind: { name, fold, emailFold },
    });
    const named = rows.find((user) => user.username === name) ?? rows.find((user) => user.username_fold === fold);
    const addressed = emailFold === null ? undefined : rows.find((user) => user.verified_email_fold === emailFold);
    return candidatesOf(named, addressed, emailFold);
  }

  /**
   * Identifies the same accounts. The statement has one row whether or not they exist, so that its time reveals nothing (ASVS
   * 6.3.8): a user who is read and made an instance of takes longer than none.
   */
  static async identify({ name, fold, emailFold }: LoginIdentifier): Promise<readonly (Identity | undefined)[]> {
    if (!this.canHave(name)) return [undefined];
    const [found] =
      (await this.sequelize?.query<Identified>(
        `SELECT named.id AS named_id, named.hashed_password AS named_hash, named.limits_epoch AS named_epoch,
                addressed.id AS addressed_id, addressed.hashed_password AS addressed_hash, addressed.limits_epoch AS addressed_epoch
         FROM (SELECT COALESCE((SELECT id FROM users WHERE username = $name), (SELECT id FROM users WHERE username_fold = $fold)) AS named,
                      (SELECT id FROM users WHERE verified_email_fold = $emailFold) AS addressed) AS found
         LEFT JOIN users AS named ON named.id = found.named
         LEFT JOIN users AS addressed ON addressed.id = found.addressed`,
        { bind: { name, fold, emailFold }, type: QueryTypes.SELECT },
      )) ?? [];
    if (found === undefined) return [undefined];
    const named = identityOf(found.named_id, found.named_hash, found.named_epoch);
    const addressed = identityOf(found.addressed_id, found.addressed_hash, found.addressed_epoch);
    return candidatesOf(named, addressed, emailFold);
  }

  /** Forgives the failures at an account in every process, once the transaction is committed. */
  static async forgiveFailures(id: number, transaction: Transaction): Promise<void> {
    await this.increment('limits_epoch', { where: { id }, transaction });
  }

  /** PostgreSQL's text can't hold NUL, so nobody there has such a name. */
  private static canHave(name: string): boolean {
    return this.sequelize?.getDialect() !== 'postgres' || !name.includes('\0');
  }

  /** Reports whether an account has the name, or an adopted one that looks like it. */
  static async isNameTaken(name: string, fold: string): Promise<boolean> {
    const found = await this.findOne({
      attributes: ['id'],
      where: literal('username = $name OR username_fold = $fold OR lookalike_fold = $fold'),
      bind: { name, fold },
    });
    return found !== null;
  }

  /** Puts a new hash in the place of the old one, unless that has changed meanwhile; whether it did. */
  static async replaceHash(user: User, hash: string, now: Date, transaction: Transaction): Promise<boolean> {
    const [changed] = await this.update(
      { hashed_password: hash, hash_truncates: false, updated_at: now },
      { where: { id: user.id, hashed_password: user.hashed_password }, transaction },
    );
    return changed === 1;
  }
}

/** Makes the User model of one database. */
export function defineUser(sequelize: Sequelize): UserModel {
  class OwnUser extends User {}
  OwnUser.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      username: { type: DataTypes.TEXT, allowNull: false },
      username_fold: { type: DataTypes.TEXT },
      lookalike_fold: { type: DataTypes.TEXT },
      hashed_password: { type: DataTypes.TEXT },
      hash_truncates: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      email: { type: DataTypes.TEXT },
      email_verified_at: { type: DataTypes.DATE },
      email_fold: { type: DataTypes.TEXT },
      verified_email_fold: { type: DataTypes.TEXT },
      pending_email: { type: DataTypes.TEXT },
      pending_email_fold: { type: DataTypes.TEXT },
      email_set_by_admin: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      display_name: { type: DataTypes.TEXT },
      display_name_fold: { type: DataTypes.TEXT },
      roles: { type: DataTypes.JSON, allowNull: false },
      limits_epoch: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      disabled_at: { type: DataTypes.DATE },
      created_at: { type: DataTypes.DATE, allowNull: false },
      updated_at: { type: DataTypes.DATE, allowNull: false },
    },
    { sequelize, tableName: 'users', timestamps: false },
  );
  return OwnUser;
}

export type UserModel = typeof User;
