import { Op, type Transaction, UniqueConstraintError } from 'sequelize';
import { type Database, LOCKS } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import { foldEmail } from '../../lib/email-address.js';
import { foldName } from '../../lib/names.js';
import type { User, UserModel } from '../../models/user.model.js';

/** A column that a team has added may be unique too, which says nothing of the name. */
const NAME_COLUMNS = ['username', 'username_fold'];

/** Turns what the database says of a name that another took in the same moment into `username_taken`. */
export function asNameTaken(error: unknown): never {
  const taken = error instanceof UniqueConstraintError && error.errors.some(({ path }) => path !== null && NAME_COLUMNS.includes(path));
  throw taken ? new AppError('username_taken', { cause: error }) : error;
}

/** The two namespaces of log-in: usernames, and verified e-mail addresses. A name of the one may stand in the other. */
export interface LoginNames {
  /** Throws `username_taken` where another account has that name, or one that looks like it. */
  assertUsernameFree(username: string, transaction: Transaction, but?: number): Promise<void>;
  /** Reports whether no other account has verified an address, and lets none do so until the transaction ends. */
  mayVerify(email: string, user: User, transaction: Transaction): Promise<boolean>;
  /** Returns the account that has verified an address. */
  ownerOf(email: string, transaction: Transaction): Promise<User | null>;
}

export function createLoginNames({ User, database }: { User: UserModel; database: Database }): LoginNames {
  return {
    assertUsernameFree: async (username, transaction, but) => {
      const fold = foldName(username);
      const taken = { [Op.or]: [{ username }, { username_fold: fold }, { lookalike_fold: fold }] };
      const others = but === undefined ? {} : { id: { [Op.ne]: but } };
      const found = await User.findOne({ attributes: ['id'], where: { ...taken, ...others }, transaction });
      if (found !== null) throw new AppError('username_taken');
    },
    mayVerify: async (email, user, transaction) => {
      // The unique index alone would make the later of two transactions fail where it can go on without the address.
      await database.lock(transaction, LOCKS.verifying);
      const where = { verified_email_fold: foldEmail(email), id: { [Op.ne]: user.id } };
      return (await User.findOne({ attributes: ['id'], where, transaction })) === null;
    },
    ownerOf: (email, transaction) => User.findOne({ where: { verified_email_fold: foldEmail(email) }, transaction }),
  };
}
