import { Op, type Transaction, UniqueConstraintError } from 'sequelize';
import { type Database, LOCKS } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import { foldName } from '../../lib/names.js';
import type { User, UserModel } from '../../models/user.model.js';

/** Whether a name could be an e-mail address: only such a one can be another account's. */
export const looksLikeAddress = (name: string): boolean => foldName(name).includes('@');

/** A column that a team has added may be unique too, which says nothing of the name. */
const NAME_COLUMNS = ['username', 'username_fold'];

/** Turns what the database says of a name that another took in the same moment into `username_taken`. */
export function asNameTaken(error: unknown): never {
  const taken = error instanceof UniqueConstraintError && error.errors.some(({ path }) => path !== null && NAME_COLUMNS.includes(path));
  throw taken ? new AppError('username_taken', { cause: error }) : error;
}

/** A username and another account's verified e-mail address are never equal: each logs in, so each names one account. */
export interface LoginNames {
  /** Throws `username_taken` where another account has that name, or its verified e-mail address is that. Holds it against others until the transaction ends. */
  assertUsernameFree(username: string, transaction: Transaction, but?: number): Promise<void>;
  /** Whether an address may become that user's verified one: nobody else's, and no other account's name. Holds it likewise. */
  mayVerify(email: string, user: User, transaction: Transaction): Promise<boolean>;
  /** Whose verified address it is. */
  ownerOf(email: string, transaction: Transaction): Promise<User | null>;
}

export function createLoginNames({ User, database }: { User: UserModel; database: Database }): LoginNames {
  /** What stands in one column is held by its index; only across the two there is none. */
  const hold = (name: string, transaction: Transaction): Promise<void> =>
    looksLikeAddress(name) ? database.lock(transaction, LOCKS.naming) : Promise.resolve();
  return {
    assertUsernameFree: async (username, transaction, but) => {
      const fold = foldName(username);
      await hold(username, transaction);
      const taken = { [Op.or]: [{ username }, { username_fold: fold }, { lookalike_fold: fold }, { verified_email_fold: fold }] };
      const others = but === undefined ? {} : { id: { [Op.ne]: but } };
      const found = await User.findOne({ attributes: ['id'], where: { ...taken, ...others }, transaction });
      if (found !== null) throw new AppError('username_taken');
    },
    mayVerify: async (email, user, transaction) => {
      const fold = foldName(email);
      await hold(email, transaction);
      const taken = { [Op.or]: [{ username: email }, { username_fold: fold }, { lookalike_fold: fold }, { verified_email_fold: fold }] };
      return (await User.findOne({ attributes: ['id'], where: { ...taken, id: { [Op.ne]: user.id } }, transaction })) === null;
    },
    ownerOf: (email, transaction) => User.findOne({ where: { verified_email_fold: foldName(email) }, transaction }),
  };
}
