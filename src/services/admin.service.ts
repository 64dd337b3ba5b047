import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { badCursor } from '../errors/bad-cursor.js';
import type { Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { type Page, type PageRequest, toPage } from '../lib/pagination.js';
import { MAX_SCOPE_CHARACTERS, type Roles, USER } from '../lib/roles.js';
import type { Models } from '../models/index.js';
import type { Session } from '../models/session.model.js';
import type { User } from '../models/user.model.js';
import { usersAfter } from '../models/user-batch.js';
import { readPlace, searchUsers, type UserFilter, writePlace } from '../models/user-search.js';
import { type AccountChanges, type AccountPatch, assertAssignable, noSuchUser } from './account/account-changes.js';
import type { EmailVerification } from './account/email-verification.js';
import { asNameTaken, type LoginNames } from './account/login-names.js';
import { newAccount } from './account/new-account.js';
import type { AuditService } from './audit/audit.service.js';
import type { LimitService } from './limit/limit.service.js';
import type { IssuedToken, OneTimeTokenService } from './one-time-token.service.js';
import { linkTo } from './outbox/letters.js';
import type { OutboxService } from './outbox/outbox.service.js';
import type { PasswordResetService } from './password-reset.service.js';
import { bareHash, needsOrigin } from './password/formats.js';
import type { PasswordService } from './password/password.service.js';
import type { SessionService } from './session/session.service.js';

export interface NewAccount {
  readonly username: string;
  readonly email?: string | null;
  readonly roles?: readonly string[];
  /** Of a known format; without one the account waits for its invitation to be taken. */
  readonly password_hash?: string;
}

/** A link that an administrator hands over, with the token in it. */
export interface HandedLink extends IssuedToken {
  readonly link: string;
}

/** A new account; `invitation` where it has no address that the invitation could be mailed to. */
export interface MadeAccount {
  readonly user: User;
  readonly invitation: HandedLink | undefined;
}

/**
 * What administrators do with accounts. None of it sets or shows a password, and what a link does that an administrator hands
 * over is recorded as theirs.
 */
export interface AdminService {
  /** Users by what they are called, their role and status. Throws `validation_failed` for a cursor that is not ours. */
  list(filter: UserFilter, page: PageRequest): Promise<Page<User>>;
  /** Throws `not_found`, as do all below. */
  get(id: number): Promise<User>;
  /**
   * Makes an account: with a password's hash it is ready, without one its owner is invited to set a password. Throws
   * `username_taken`, `validation_failed` for a role or hash that is not known.
   */
  create(account: NewAccount, by: Doer): Promise<MadeAccount>;
  /**
   * Changes an account; `disabled: false` also ends a lockout by failed attempts. Only the signed-in user can confirm an address
   * that is set here. Throws `username_taken`, `validation_failed`, `last_administrator`.
   */
  change(id: number, patch: AccountPatch, by: Doer): Promise<User>;
  /** Deletes an account. Throws `last_administrator`. */
  remove(id: number, by: Doer): Promise<void>;
  sessions(id: number, page: PageRequest): Promise<Page<Session>>;
  endSessions(id: number, by: Doer): Promise<void>;
  /**
   * Mails the user a link to set a password: to the verified address, or as an invitation where the account has no password yet.
   * Without such an address it returns the link, for the administrator to hand over. Throws `conflict` for a disabled account.
   */
  startReset(id: number, by: Doer): Promise<HandedLink | undefined>;
  /** Returns the usernames, 20 at most, of users who get no access token because the scopes of their roles do not fit one. */
  namesBeyondToken(): Promise<string[]>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly names: LoginNames;
  readonly changes: AccountChanges;
  readonly verification: EmailVerification;
  readonly passwords: PasswordService;
  readonly passwordResets: PasswordResetService;
  readonly limits: Pick<LimitService, 'forgive'>;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly sessions: SessionService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly roles: Roles;
  readonly clock: Clock;
  /** Where the links of mails lead. */
  readonly appUrl: string;
}

const BATCH = 1000;
const MAX_NAMES = 20;

export function createAdminService(parts: Parts): AdminService {
  const { models, database, changes, limits, sessions, audit } = parts;
  const get = async (id: number): Promise<User> => {
    const user = await models.User.findByPk(id);
    if (user === null) throw noSuchUser();
    return user;
  };
  const invite = createInvitations(parts);
  const settleSessionsAhead = async (id: number, { disabled, roles }: AccountPatch, by: Doer): Promise<void> => {
    if (disabled === true) await sessions.endAhead(id, { reason: 'account_disabled', by });
    else if (roles !== undefined && parts.roles.faultOf(roles) === undefined) await sessions.renewAhead(id, by);
  };

  return {
    get,
    namesBeyondToken: async () => {
      const { roles } = parts;
      const names: string[] = [];
      let batch = roles.faultOf(roles.names) === undefined ? [] : await usersAfter(models.User, 0, BATCH);
      while (batch.length > 0 && names.length < MAX_NAMES) {
        names.push(...batch.filter((user) => roles.scopeOf(user.roles).length > MAX_SCOPE_CHARACTERS).map(({ username }) => username));
        batch = await usersAfter(models.User, batch.at(-1)?.id ?? 0, BATCH);
      }
      return names.slice(0, MAX_NAMES);
    },
    list: async (filter, { limit, cursor }) => {
      const after = cursor === undefined ? undefined : readPlace(cursor);
      if (cursor !== undefined && after === undefined) throw badCursor();
      const found = toPage(await searchUsers(models.User, filter, limit + 1, after), limit, ({ place }) => writePlace(place));
      return { items: found.items.map(({ user }) => user), nextCursor: found.nextCursor };
    },
    create: createAccounts(parts, invite),
    change: async (id, patch, by) => {
      await settleSessionsAhead(id, patch, by);
      return database
        .forClient(by)
        .transaction(async (transaction) => {
          const user = await changes.lock(id, transaction);
          const unlocks = patch.disabled === false && user.disabled_at === null;
          if (unlocks) audit.record({ type: 'account.unlocked', by, userId: id }, transaction);
          await changes.apply(user, patch, { by }, transaction);
          if (patch.disabled === false) await limits.forgive(id, transaction);
          return user;
        })
        .catch(asNameTaken);
    },
    remove: async (id, by) => {
      await sessions.removeAhead(id, { reason: 'account_deleted', by });
      await database.forClient(by).transaction(async (transaction) => changes.remove(await changes.lock(id, transaction), by, transaction));
    },
    sessions: async (id, page) => sessions.list((await get(id)).id, page),
    endSessions: async (id, by) => {
      await sessions.endAllNow((await get(id)).id, { reason: 'administrator', by });
    },
    startReset: createResetStart(parts, invite),
  };
}

type Invite = (user: User, by: Doer, transaction: Transaction) => Promise<HandedLink | undefined>;

/** Mails the invitation; returns its link where the account has no address. */
const createInvitations =
  ({ oneTimeTokens, outbox, audit, appUrl }: Parts): Invite =>
  async (user, by, transaction) => {
    const { id, username, email, email_fold: emailFold } = user;
    const purpose = 'invitation';
    const token = { purpose, userId: id, emailFold, ...(email === null ? { issuer: by } : {}) } as const;
    const issued = await oneTimeTokens.issue(token, transaction);
    if (email !== null) await outbox.post({ purpose, username, ...issued }, email, transaction);
    audit.record({ type: 'account.invited', by, userId: id, details: { mailed: email !== null } }, transaction);
    return email === null ? { ...issued, link: linkTo(purpose, issued.token, appUrl) } : undefined;
  };

const createResetStart =
  ({ database, changes, passwordResets, audit, appUrl }: Parts, invite: Invite): AdminService['startReset'] =>
  (id, by) =>
    database.forClient(by).transaction(async (transaction) => {
      const user = await changes.lock(id, transaction);
      if (user.disabled_at !== null) throw new AppError('conflict', { details: { detail: 'The account is disabled' } });
      if (user.hashed_password === null && user.verified_email_fold === null) return invite(user, by, transaction);
      const issued = await passwordResets.start(user, by, transaction);
      audit.record({ type: 'password.reset_requested', by, userId: id, details: { mailed: issued === undefined } }, transaction);
      return issued && { ...issued, link: linkTo('password_reset', issued.token, appUrl) };
    });

function createAccounts(
  { models, database, names, verification, passwords, audit, roles, clock }: Parts,
  invite: Invite,
): AdminService['create'] {
  return async ({ username, email = null, roles: asked = [USER], password_hash }, by) => {
    assertAssignable(roles, asked);
    const hash = password_hash === undefined ? null : bareHash(password_hash);
    const fault = hash === null ? undefined : passwords.hashFault(hash);
    if (fault !== undefined) throw badHash(fault);
    const imported = hash !== null && needsOrigin(hash);
    const given = roles.names.filter((role) => asked.includes(role));
    const account = newAccount({ username, email, emailSetByAdmin: true, roles: given, hash, imported }, new Date(clock.now()));
    const add = database.forClient(by).transaction(async (transaction) => {
      await names.assertUsernameFree(username, transaction);
      const added = await models.User.create(account, { transaction });
      audit.record({ type: 'account.created', by, userId: added.id, details: { roles: given, password_hash: hash !== null } }, transaction);
      if (hash === null) return { user: added, invitation: await invite(added, by, transaction) };
      await verification.ask(added, by, transaction);
      return { user: added, invitation: undefined };
    });
    return add.catch(asNameTaken);
  };
}

const badHash = (message: string): AppError =>
  new AppError('validation_failed', { details: { fields: [{ path: 'password_hash', code: 'format', message }] } });
