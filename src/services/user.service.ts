import { type CreationAttributes, UniqueConstraintError } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Clock } from '../lib/clock.js';
import { foldName } from '../lib/names.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { PasswordService } from './password.service.js';

/** A column that a team has added may be unique too, which says nothing of the name. */
const NAME_COLUMNS = ['username', 'username_fold'];

/** What everybody who registers may do. */
const FIRST_ROLES = ['user'];

export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly email?: string | null;
}

export interface UserService {
  /**
   * Adds a user. Throws `username_taken` where the name, or one that looks like it, is somebody's; a password rule's
   * code; `overloaded` where too many hashes wait.
   */
  register(registration: Registration): Promise<User>;
  /** The user of that id. Throws `invalid_token` where they are gone or disabled: who asks was that user. */
  get(id: number): Promise<User>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly clock: Clock;
}

export function createUserService({ models: { User }, database, passwords, clock }: Parts): UserService {
  const add = async (user: CreationAttributes<User>): Promise<User> => {
    try {
      return await database.transaction((transaction) => User.create(user, { transaction }));
    } catch (error) {
      throw error instanceof UniqueConstraintError && error.errors.some(({ path }) => path !== null && NAME_COLUMNS.includes(path))
        ? new AppError('username_taken', { cause: error })
        : error;
    }
  };

  return {
    register: async ({ username, password, email = null }) => {
      // Asked before the hash, which is dear; what comes between is decided by the unique columns.
      if (await User.isNameTaken(username, foldName(username))) throw new AppError('username_taken');
      const hashed_password = await passwords.hash(password, username);
      const now = new Date(clock.now());
      return add({
        username,
        username_fold: foldName(username),
        hashed_password,
        email,
        email_verified_at: null,
        roles: [...FIRST_ROLES],
        disabled_at: null,
        created_at: now,
        updated_at: now,
      });
    },
    get: async (id) => {
      const user = await User.findByPk(id);
      if (!user || user.disabled_at) throw new AppError('invalid_token');
      return user;
    },
  };
}
