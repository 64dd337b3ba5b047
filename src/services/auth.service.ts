import type { Transaction } from 'sequelize';
import { type Database, databaseFault } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { byClient, type Client } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { type Flow, flowOf } from '../lib/flow.js';
import { loginIdentifier } from '../lib/login-identifier.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { Logger } from '../observability/logger.js';
import { createPasswordCheck } from './account/password-check.js';
import type { AuditDetails } from './audit/audit-events.js';
import type { AuditService } from './audit/audit.service.js';
import { DEVICE_SECONDS, type Devices, type Owner } from './limit/devices.js';
import type { LimitService } from './limit/limit.service.js';
import type { OutboxService } from './outbox/outbox.service.js';
import type { PasswordService } from './password/password.service.js';
import { BY_PASSWORD } from './reauthentication.service.js';
import type { Grant, SessionService } from './session/session.service.js';

export interface AuthService {
  /**
   * Opens a session by username or verified e-mail address, and password; where a text is both, of two accounts, either's password
   * is right and the username's account goes first. Notifies the owner of a new device. Throws `invalid_credentials` alike for a
   * wrong name and a wrong password, in the same time (ASVS 6.3.8), `account_disabled` only after the right password, `rate_limited`
   * where both of two accounts have to wait, `overloaded` where too many wait.
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

interface Completed {
  readonly grant: Grant;
  readonly owner: Owner;
}

/** A log-in with the right password; `completed` is undefined where the hash was replaced meanwhile. */
interface Attempted {
  readonly found: User;
  readonly completed: Completed | undefined;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly limits: Pick<LimitService, 'during'>;
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
  const { refuse, failToComplete } = createFailures(audit);
  const checkPassword = createPasswordCheck(parts);
  /** A log-in doesn't fail because its hash could not be made anew; the next one tries again. */
  const renewedHash = async (user: User, password: string, flow: Flow): Promise<string | undefined> => {
    try {
      return await passwords.rehash(password, { hash: user.hashed_password, imported: user.hash_truncates }, flow);
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

  /** Opens the session of a user whose password was right; undefined where the hash was replaced meanwhile. */
  const complete = async (found: User, newHash: string | undefined, client: Client): Promise<Completed | undefined> =>
    database.forClient(client).transaction(async (transaction) => {
      const user = await unchanged(found, transaction);
      if (user === undefined) return undefined;
      const isReplaced = newHash !== undefined && (await User.replaceHash(user, newHash, new Date(clock.now()), transaction));
      if (isReplaced) {
        audit.record({ type: 'password.rehashed', by: byClient(client), userId: user.id }, transaction);
      }
      const owner = { id: user.id, hashed_password: isReplaced ? newHash : user.hashed_password };
      return { owner, grant: await open(user, client, transaction) };
    });

  const attempt = async ({ username, password }: Credentials, client: Client, device: string | undefined): Promise<Attempted> => {
    const identifier = loginIdentifier(username);
    const flow = flowOf(client, identifier.fold);
    const candidates = await User.findCandidates(identifier);
    const match = await checkPassword({ identifier, candidates, password, device, flow }, client);
    if (match === undefined) return refuse('invalid_credentials', candidates, client);
    const { user: found, outdated } = match;
    if (found.disabled_at) return refuse('account_disabled', [found], client);
    const newHash = outdated ? await renewedHash(found, password, flow) : undefined;
    return { found, completed: await complete(found, newHash, client).catch(failToComplete(found, client)) };
  };

  const rememberDevice: AuthService['rememberDevice'] = (owner, shown) => ({
    cookie: devices.issue(owner, shown),
    seconds: DEVICE_SECONDS,
  });
  return {
    rememberDevice,
    logIn: async (credentials, client, { device, replaced } = {}) => {
      const first = await attempt(credentials, client, device);
      // The first time another log-in may have rehashed the same password; by the second it is another password.
      const { found, completed: done } = first.completed === undefined ? await attempt(credentials, client, device) : first;
      if (done === undefined) return refuse('invalid_credentials', [found], client);
      if (replaced !== undefined) await sessions.revoke(replaced, { kind: 'nobody' }, client);
      return { ...done.grant, device: rememberDevice(done.owner, device) };
    },
  };
}

/** Records failed log-ins (ASVS 16.3.1). */
function createFailures(audit: Pick<AuditService, 'recordRefusal'>) {
  const record = (userId: number | null, details: AuditDetails, client: Client): Promise<void> =>
    audit.recordRefusal({ type: 'log_in.failed', by: byClient(client), userId, details });
  return {
    /** Records the refusal for each account that the identifier may mean, absent ones included, and throws it. */
    refuse: async (
      code: 'invalid_credentials' | 'account_disabled',
      users: readonly (User | undefined)[],
      client: Client,
    ): Promise<never> => {
      await Promise.all(users.map((user) => record(user?.id ?? null, { reason: code }, client)));
      throw new AppError(code);
    },
    /** Records a log-in with the right password that could not be completed: an attacker must not learn it without a trace. */
    failToComplete:
      ({ id }: User, client: Client) =>
      (error: unknown): never => {
        const { code } = error instanceof AppError ? error : (databaseFault(error) ?? new AppError('internal_error'));
        // Not waited for: the database that refused the session may keep this write waiting too.
        void record(id, code === 'account_disabled' ? { reason: code } : { reason: 'not_completed', cause: code }, client);
        throw error;
      },
  };
}

/** Opens the session, and tells the owner where it comes from a device that is new to the account (ASVS 6.3.5). */
function createOpening({ sessions, outbox, clock }: Parts) {
  return async (user: User, client: Client, transaction: Transaction): Promise<Grant> => {
    const mail = { purpose: 'new_device', client, at: new Date(clock.now()) } as const;
    const isNew = user.verified_email_fold !== null && !(await sessions.knowsDevice(user.id, client, transaction));
    const isQueued = !isNew || (await outbox.post(mail, user.email, transaction));
    const details: AuditDetails = isQueued ? {} : { notice: 'not_queued' };
    return sessions.open({ user, amr: BY_PASSWORD.amr, client, details }, transaction);
  };
}
