import { type CreationAttributes, type Transaction, UniqueConstraintError } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Actor } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { foldName } from '../lib/names.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { PasswordService } from './password.service.js';
import type { SessionService } from './session/session.service.js';

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
  /** The user of that name, found as a log-in finds them. Throws `not_found`. */
  findByName(name: string): Promise<User>;
  /**
   * Replaces the actor's password and ends their other sessions. Throws `current_password_invalid`, a password rule's code,
   * `conflict` where it is changed by others again and again, and `overloaded` where too many hashes wait.
   */
  changePassword(actor: Actor, passwords: PasswordChange): Promise<void>;
  /** Deletes the actor's account with all its sessions. Throws `current_password_invalid`. */
  deleteOwn(actor: Actor, currentPassword: string): Promise<void>;
  /** Disables a user and ends their sessions. Throws `not_found`. */
  disable(id: number): Promise<void>;
  /** Lets a disabled user log in again. Throws `not_found`. */
  enable(id: number): Promise<void>;
  /** Gives a user these roles in place of theirs; access tokens of before are refused, sessions go on. Throws `not_found`. */
  setRoles(id: number, roles: readonly string[]): Promise<void>;
}

export interface PasswordChange {
  readonly current_password: string;
  readonly new_password: string;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly sessions: SessionService;
  readonly clock: Clock;
}

export function createUserService(parts: Parts): UserService {
  const { User } = parts.models;
  const { database, passwords, clock } = parts;
  const add = async (user: CreationAttributes<User>): Promise<User> => {
    try {
      return await database.transaction((transaction) => User.create(user, { transaction }));
    } catch (error) {
      throw error instanceof UniqueConstraintError && error.errors.some(({ path }) => path !== null && NAME_COLUMNS.includes(path))
        ? new AppError('username_taken', { cause: error })
        : error;
    }
  };

  const get = async (id: number): Promise<User> => {
    const user = await User.findByPk(id);
    if (!user || user.disabled_at) throw new AppError('invalid_token');
    return user;
  };

  return {
    get,
    findByName: async (name) => {
      const user = await User.findForLogin(name, foldName(name));
      if (!user) throw noSuchUser();
      return user;
    },
    ...createChanges(parts, get),
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
  };
}

/** What ends sessions, or the access tokens that say what is no longer true. */
function createChanges(
  { models: { User }, database, passwords, sessions, clock }: Parts,
  get: UserService['get'],
): Omit<UserService, 'get' | 'findByName' | 'register'> {
  const withPassword = async (actor: Actor, password: string): Promise<User> => {
    const user = await get(actor.userId);
    const { valid } = await passwords.verify(password, { hash: user.hashed_password, truncates: user.hash_truncates });
    if (!valid) throw new AppError('current_password_invalid');
    return user;
  };
  /**
   * Changes a user, and what hangs on it, in one transaction. The user's row comes first: a log-in under way waits for it
   * and then sees the change, or is done, and its session is met by what comes after.
   */
  const change = (id: number, values: Partial<User>, then: (transaction: Transaction) => Promise<unknown>): Promise<void> =>
    database.transaction(async (transaction) => {
      const [changed] = await User.update({ ...values, updated_at: new Date(clock.now()) }, { where: { id }, transaction });
      if (changed === 0) throw noSuchUser();
      await then(transaction);
    });

  return {
    changePassword: async (actor, { current_password, new_password }) => {
      const replaceFor = async (user: User): Promise<boolean> => {
        const hash = await passwords.hash(new_password, user.username).catch(inMember('new_password'));
        return database.transaction(async (transaction) => {
          const replaced = await User.replaceHash(user, hash, new Date(clock.now()), transaction);
          if (replaced) await sessions.endAllOf(user.id, 'password_changed', transaction, actor.sessionId);
          return replaced;
        });
      };
      if (await replaceFor(await withPassword(actor, current_password))) return;
      // A log-in has made the same password's hash anew meanwhile, or the password is another one by now.
      if (await replaceFor(await withPassword(actor, current_password))) return;
      throw new AppError('conflict');
    },
    deleteOwn: async (actor, currentPassword) => {
      const user = await withPassword(actor, currentPassword);
      await change(user.id, {}, async (transaction) => {
        await sessions.endAllOf(user.id, 'account_deleted', transaction);
        await user.destroy({ transaction });
      }).catch((error: unknown) => {
        // Deleted by another request meanwhile: who asks is nobody by now.
        throw error instanceof AppError && error.code === 'not_found' ? new AppError('invalid_token', { cause: error }) : error;
      });
    },
    disable: (id) =>
      change(id, { disabled_at: new Date(clock.now()) }, (transaction) => sessions.endAllOf(id, 'account_disabled', transaction)),
    enable: (id) => change(id, { disabled_at: null }, () => Promise.resolve()),
    setRoles: (id, roles) => change(id, { roles: [...roles] }, (transaction) => sessions.renewAllOf(id, transaction)),
  };
}

const noSuchUser = (): AppError => new AppError('not_found', { details: { detail: 'There is no such user' } });

/** A fault of the member `password` as one of the member that it was sent in. */
const inMember =
  (path: string) =>
  (error: unknown): never => {
    if (!(error instanceof AppError) || error.details.fields === undefined) throw error;
    const fields = error.details.fields.map((field) => ({ ...field, path }));
    throw new AppError(error.code, { cause: error, details: { ...error.details, fields } });
  };
