import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Client } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { foldName } from '../lib/names.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { Logger } from '../observability/logger.js';
import type { PasswordService } from './password.service.js';
import type { Grant, SessionService } from './session/session.service.js';

/** How somebody proved who they are, by its registered name (RFC 8176). */
const PASSWORD_METHOD = 'pwd';

export interface AuthService {
  /**
   * Opens a session by name and password. Throws `invalid_credentials` alike for a wrong name and a wrong password, in the
   * same time (ASVS 6.3.8), `account_disabled` only after the right password, `overloaded` where too many wait.
   */
  logIn(credentials: Credentials, client: Client): Promise<Grant>;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly sessions: SessionService;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createAuthService({ models: { User }, database, passwords, sessions, clock, logger }: Parts): AuthService {
  /** A log-in doesn't fail because its hash could not be made anew; the next one tries again. */
  const renewedHash = async (user: User, password: string): Promise<string | undefined> => {
    try {
      return await passwords.rehash(password);
    } catch (error) {
      logger.warn({ err: error, user_id: user.id }, 'a password hash could not be made anew');
      return undefined;
    }
  };

  /**
   * The user as they are now: what was changed while the password was compared ends sessions, and must not miss this one.
   * Undefined where the hash is another by now.
   */
  const unchanged = async ({ id, hashed_password }: User, transaction: Transaction): Promise<User | undefined> => {
    const user = await User.findByPk(id, { transaction, lock: true });
    if (user?.hashed_password !== hashed_password) return undefined;
    if (user.disabled_at) throw new AppError('account_disabled');
    return user;
  };

  /** Undefined where the hash was replaced meanwhile. */
  const attempt = async ({ username, password }: Credentials, client: Client): Promise<Grant | undefined> => {
    const found = await User.findForLogin(username, foldName(username));
    const stored = found && { hash: found.hashed_password, truncates: found.hash_truncates };
    const { valid, outdated } = await passwords.verify(password, stored);
    if (found === undefined || !valid) throw new AppError('invalid_credentials');
    if (found.disabled_at) throw new AppError('account_disabled');
    const newHash = outdated ? await renewedHash(found, password) : undefined;
    return database.transaction(async (transaction) => {
      const user = await unchanged(found, transaction);
      if (user === undefined) return undefined;
      if (newHash !== undefined) await User.replaceHash(user, newHash, new Date(clock.now()), transaction);
      return sessions.open({ user, amr: [PASSWORD_METHOD], client }, transaction);
    });
  };

  return {
    logIn: async (credentials, client) => {
      const granted = (await attempt(credentials, client)) ?? (await attempt(credentials, client));
      // The first time another log-in may have made the same password's hash anew; by the second it is another password.
      if (granted === undefined) throw new AppError('invalid_credentials');
      return granted;
    },
  };
}
