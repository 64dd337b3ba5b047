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

/** Columns that a new user leaves to their defaults. */
type MadeByDatabase = 'id' | 'lookalike_fold' | 'limits_epoch';

/** So many users' hashes are looked at by one statement, which a database under load must answer in time. */
const HASHES_AT_ONCE = 100_000;

/**
 * SQL for a stored hash without its salt and digest, which stand behind its settings; null where it is of no known format.
 * `position` finds a `$`.
 */
function hashSetting(position: 'instr' | 'strpos'): string {
  const behind = (dollars: number): string =>
    dollars === 0 ? 'hashed_password' : `substr(${behind(dollars - 1)}, ${position}(${behind(dollars - 1)}, '$') + 1)`;
  const between = (from: number, to: number): string => `substr(${behind(from)}, 1, length(${behind(from)}) - length(${behind(to)}))`;
  const like = (...patterns: string[]): string => patterns.map((pattern) => `hashed_password LIKE '${pattern}'`).join(' OR ');
  return `CASE
    WHEN ${like('$2_$%')} THEN substr(hashed_password, 1, 7)
    WHEN ${like('pbkdf2_sha%')} THEN ${between(0, 2)}
    WHEN ${like('$bcrypt-sha256$%', '$pbkdf2%', '$scrypt%', '$fbscrypt$%')} THEN ${between(0, 3)}
    WHEN ${like('$argon2i%', 'argon2$argon2i%', 'bcrypt$$2_$%', 'bcrypt_sha256$$2_$%')} THEN ${between(0, 4)}
    WHEN ${like('scrypt$%')} THEN ${between(0, 2)} || ${between(3, 5)}
    END`;
}

/** What a limit reads of a user. */
export type Identity = Pick<User, 'id' | 'hashed_password' | 'limits_epoch'>;

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
  /** The hash came from elsewhere and may have been made of a password's first 72 bytes. */
  declare hash_truncates: CreationOptional<boolean>;
  declare email: string | null;
  declare email_verified_at: Date | null;
  /** The one form of the address as claimed. */
  declare email_fold: string | null;
  /** The same once it is verified: no other user may have it. */
  declare verified_email_fold: string | null;
  declare display_name: CreationOptional<string | null>;
  declare display_name_fold: CreationOptional<string | null>;
  declare roles: string[];
  /** How often the failures at the account have been forgiven: part of the keys of its counters. */
  declare limits_epoch: number;
  declare disabled_at: Date | null;
  declare created_at: Date;
  declare updated_at: Date;

  /** The user of that very name, else the one whose fold it has, else the one whose verified e-mail address it is. All are matched in one read. */
  static async findForLogin(name: string, fold: string): Promise<User | undefined> {
    if (!this.canHave(name)) return undefined;
    const rows = await this.findAll({
      where: literal('username = $name OR username_fold = $fold OR verified_email_fold = $fold'),
      bind: { name, fold },
    });
    return (
      rows.find((user) => user.username === name) ??
      rows.find((user) => user.username_fold === fold) ??
      rows.find((user) => user.verified_email_fold === fold)
    );
  }

  /**
   * Who the same user is. The statement has one row, whoever has the name, so that nobody can tell by the time it takes
   * (ASVS 6.3.8): a user who is read and made an instance of takes longer than none.
   */
  static async identify(name: string, fold: string): Promise<Identity | undefined> {
    if (!this.canHave(name)) return undefined;
    const [found] =
      (await this.sequelize?.query<{ id: number | null; hashed_password: string | null; limits_epoch: number }>(
        `SELECT users.id, users.hashed_password, users.limits_epoch
         FROM (SELECT COALESCE((SELECT id FROM users WHERE username = $name), (SELECT id FROM users WHERE username_fold = $fold),
                               (SELECT id FROM users WHERE verified_email_fold = $fold)) AS id) AS found
         LEFT JOIN users ON users.id = found.id`,
        { bind: { name, fold }, type: QueryTypes.SELECT },
      )) ?? [];
    return found === undefined || found.id === null ? undefined : { ...found, id: found.id };
  }

  /** Forgives the failures at an account in every process, once the transaction is committed. */
  static async forgiveFailures(id: number, transaction: Transaction): Promise<void> {
    await this.increment('limits_epoch', { where: { id }, transaction });
  }

  /** PostgreSQL's text can't hold NUL, so nobody there has such a name. */
  private static canHave(name: string): boolean {
    return this.sequelize?.getDialect() !== 'postgres' || !name.includes('\0');
  }

  /** Whether the name is anybody's, look-alikes included, or a verified e-mail address, which logs in as well as a name. */
  static async isNameTaken(name: string, fold: string): Promise<boolean> {
    const found = await this.findOne({
      attributes: ['id'],
      where: literal('username = $name OR username_fold = $fold OR lookalike_fold = $fold OR verified_email_fold = $fold'),
      bind: { name, fold },
    });
    return found !== null;
  }

  /** A stored hash, or a few, for each way in which hashes of known formats were made. Reads every user. */
  static async hashSettings(atOnce = HASHES_AT_ONCE): Promise<string[]> {
    const hashes: string[] = [];
    let after: number | undefined = Number.MIN_SAFE_INTEGER;
    while (after !== undefined) after = await this.hashSettingsAfter(after, atOnce, hashes);
    return hashes;
  }

  /** Adds to the hashes those of some users with higher ids, and returns the highest; undefined where there are no more. */
  private static async hashSettingsAfter(after: number, atOnce: number, hashes: string[]): Promise<number | undefined> {
    const setting = hashSetting(this.sequelize?.getDialect() === 'postgres' ? 'strpos' : 'instr');
    const some = `SELECT id, ${setting} AS setting, length(hashed_password) AS length
                  FROM users WHERE id > ${after} ORDER BY id LIMIT ${atOnce}`;
    const rows = await this.sequelize?.query<{ hash: string | null; last: number; many: number | string }>(
      `SELECT CASE WHEN setting IS NOT NULL THEN hashed_password END AS hash, last, many
       FROM (SELECT MIN(id) AS first, MAX(id) AS last, COUNT(*) AS many, setting FROM (${some}) AS seen GROUP BY setting, length) AS alike
       JOIN users ON users.id = first`,
      { type: QueryTypes.SELECT },
    );
    if (rows === undefined) return undefined;
    hashes.push(...rows.flatMap(({ hash }) => hash ?? []));
    const read = rows.reduce((sum, { many }) => sum + Number(many), 0);
    return read < atOnce ? undefined : Math.max(...rows.map(({ last }) => last));
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
