import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Clock } from '../lib/clock.js';
import { foldName } from '../lib/names.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { Logger } from '../observability/logger.js';
import type { PasswordService } from './password.service.js';
import type { IssuedToken, TokenService } from './token.service.js';

/** How somebody proved who they are, by its registered name (RFC 8176). */
const PASSWORD_METHOD = 'pwd';

export interface LogIn extends IssuedToken {
  readonly scope: string;
  readonly user: { readonly id: number; readonly username: string };
}

export interface AuthService {
  /**
   * Logs in by name and password. Throws `invalid_credentials` alike for a wrong name and a wrong password, in the same
   * time (ASVS 6.3.8), `account_disabled` only after the right password, `overloaded` where too many wait.
   */
  logIn(credentials: { username: string; password: string }): Promise<LogIn>;
}

/** Each role grants the scope of its own name (RFC 6749 §3.3: separated by spaces). */
const scopeOf = (user: User): string => user.roles.join(' ');

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly tokens: TokenService;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createAuthService({ models: { User }, database, passwords, tokens, clock, logger }: Parts): AuthService {
  /** A log-in doesn't fail because its hash could not be made anew; the next one tries again. */
  const renewHash = async (user: User, password: string): Promise<void> => {
    try {
      const hash = await passwords.rehash(password);
      await database.transaction((transaction) => User.replaceHash(user, hash, new Date(clock.now()), transaction));
    } catch (error) {
      logger.warn({ err: error, user_id: user.id }, 'a password hash could not be made anew');
    }
  };

  return {
    logIn: async ({ username, password }) => {
      const user = await User.findForLogin(username, foldName(username));
      const stored = user && { hash: user.hashed_password, truncates: user.hash_truncates };
      const { valid, outdated } = await passwords.verify(password, stored);
      if (user === undefined || !valid) throw new AppError('invalid_credentials');
      if (user.disabled_at) throw new AppError('account_disabled');
      if (outdated) await renewHash(user, password);
      const scope = scopeOf(user);
      const issued = tokens.issue({ userId: user.id, username: user.username, scope, amr: [PASSWORD_METHOD] });
      return { ...issued, scope, user: { id: user.id, username: user.username } };
    },
  };
}
