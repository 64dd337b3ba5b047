import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { afterGuess } from '../errors/guess.js';
import { byClient, type Client } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { type Flow, flowOf } from '../lib/flow.js';
import { foldName } from '../lib/names.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { Logger } from '../observability/logger.js';
import type { AuditService } from './audit/audit.service.js';
import { DEVICE_SECONDS, type Devices, type Owner } from './limit/devices.js';
import type { OutboxService } from './outbox/outbox.service.js';
import type { PasswordService } from './password/password.service.js';
import type { Grant, SessionService } from './session/session.service.js';

/** How somebody proved who they are, by its registered name (RFC 8176). */
const PASSWORD_METHOD = 'pwd';

export interface AuthService {
  /**
   * Opens a session by name, or verified e-mail address, and password; a device that is new is told to the owner. Throws `invalid_credentials` alike for a wrong name and a wrong password, in the
   * same time (ASVS 6.3.8), `account_disabled` only after the right password, `overloaded` where too many wait.
   */
  logIn(credentials: Credentials, client: Client, shown?: Shown): Promise<LogIn>;
  /** Returns a cookie by which the device is known to that user from now on. `shown` is the device cookie of the request. */
  rememberDevice(owner: Owner, shown: string | undefined): DeviceCookie;
}

/** What a page brings with a log-in. */
export interface Shown {
  /** The cookie of a device that may be known. */
  readonly device?: string | undefined;
  /** The refresh token whose place the new one takes in the browser: nobody could use or end its session any more (ASVS 7.2.4). */
  readonly replaced?: string | undefined;
}

/** What a log-in gives: the tokens, and a cookie by which its device is known from now on, with its life. */
export interface LogIn extends Grant {
  readonly device: DeviceCookie;
}

/** A device cookie and its lifetime. */
export interface DeviceCookie {
  readonly cookie: string;
  readonly seconds: number;
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
  readonly devices: Devices;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createAuthService(parts: Parts): AuthService {
  const { database, passwords, sessions, devices, audit, clock, logger } = parts;
  const { User } = parts.models;
  const open = createOpening(parts);
  /** A log-in doesn't fail because its hash could not be made anew; the next one tries again. */
  const renewedHash = async (user: User, password: string, flow: Flow): Promise<string | undefined> => {
    try {
      return await passwords.rehash(password, flow);
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

  /** Recorded alike whoever it was (ASVS 16.3.1), and before it is answered. */
  const refuse = async (code: 'invalid_credentials' | 'account_disabled', user: User | undefined, client: Client): Promise<never> => {
    const event = { type: 'log_in.failed', by: byClient(client), userId: user?.id ?? null, details: { reason: code } } as const;
    await (code === 'invalid_credentials' ? audit.recordNow(event).catch(afterGuess) : audit.recordNow(event));
    throw new AppError(code);
  };

  /** Undefined where the hash was replaced meanwhile. */
  const attempt = async ({ username, password }: Credentials, client: Client): Promise<{ grant: Grant; owner: Owner } | undefined> => {
    const fold = foldName(username);
    const flow = flowOf(client, fold);
    const found = await User.findForLogin(username, fold);
    const stored = found && { hash: found.hashed_password, truncates: found.hash_truncates };
    const { valid, outdated } = await passwords.verify(password, stored, flow);
    if (found === undefined || !valid) return refuse('invalid_credentials', found, client);
    if (found.disabled_at) return refuse('account_disabled', found, client);
    const newHash = outdated ? await renewedHash(found, password, flow) : undefined;
    return database.forClient(client).transaction(async (transaction) => {
      const user = await unchanged(found, transaction);
      if (user === undefined) return undefined;
      const isReplaced = newHash !== undefined && (await User.replaceHash(user, newHash, new Date(clock.now()), transaction));
      if (isReplaced) {
        audit.record({ type: 'password.rehashed', by: byClient(client), userId: user.id }, transaction);
      }
      const owner = { id: user.id, hashed_password: isReplaced ? newHash : user.hashed_password };
      return { owner, grant: await open(user, client, transaction) };
    });
  };

  const rememberDevice: AuthService['rememberDevice'] = (owner, shown) => ({
    cookie: devices.issue(owner, shown),
    seconds: DEVICE_SECONDS,
  });
  return {
    rememberDevice,
    logIn: async (credentials, client, { device, replaced } = {}) => {
      const done = (await attempt(credentials, client)) ?? (await attempt(credentials, client));
      // The first time another log-in may have made the same password's hash anew; by the second it is another password.
      if (done === undefined) return refuse('invalid_credentials', undefined, client);
      if (replaced !== undefined) await sessions.revoke(replaced, { kind: 'nobody' }, client);
      return { ...done.grant, device: rememberDevice(done.owner, device) };
    },
  };
}

/** Opens the session, and tells the owner where it comes from a device that is new to the account (ASVS 6.3.5). */
function createOpening({ sessions, outbox, clock }: Parts) {
  return async (user: User, client: Client, transaction: Transaction): Promise<Grant> => {
    if (user.verified_email_fold !== null && !(await sessions.knowsDevice(user.id, client, transaction))) {
      const mail = { purpose: 'new_device', username: user.username, client, at: new Date(clock.now()) } as const;
      await outbox.post(mail, user.email, transaction);
    }
    return sessions.open({ user, amr: [PASSWORD_METHOD], client }, transaction);
  };
}
