import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { badCursor } from '../errors/bad-cursor.js';
import type { Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { type Page, type PageRequest, toPage } from '../lib/pagination.js';
import { type Roles, USER } from '../lib/roles.js';
import type { Models } from '../models/index.js';
import type { Session } from '../models/session.model.js';
import type { User } from '../models/user.model.js';
import { readPlace, searchUsers, type UserFilter, writePlace } from '../models/user-search.js';
import { type AccountChanges, type AccountPatch, noSuchUser, unknownRole } from './account/account-changes.js';
import type { EmailVerification } from './account/email-verification.js';
import { asNameTaken, type LoginNames } from './account/login-names.js';
import { newAccount } from './account/new-account.js';
import type { AuditService } from './audit/audit.service.js';
import type { LimitService } from './limit/limit.service.js';
import type { IssuedToken, OneTimeTokenService } from './one-time-token.service.js';
import type { OutboxService } from './outbox/outbox.service.js';
import type { PasswordResetService } from './password-reset.service.js';
import { hashFault, truncatesOf } from './password/formats.js';
import type { PasswordService } from './password/password.service.js';
import type { SessionService } from './session/session.service.js';

export interface NewAccount {
  readonly username: string;
  readonly email?: string | null;
  readonly roles?: readonly string[];
  /** Of a known format; without one the account waits for its invitation to be taken. */
  readonly password_hash?: string;
}

/** A new account; `invitation` where there is no address that it could be sent to, and so has to be handed over. */
export interface MadeAccount {
  readonly user: User;
  readonly invitation: IssuedToken | undefined;
}

/** What administrators do with accounts. None of it sets or shows a password. */
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
  /** Changes an account; `disabled: false` also lets in whom too many wrong guesses have shut out. Throws `username_taken`, `validation_failed`, and `conflict` where no administrator would be left. */
  change(id: number, patch: AccountPatch, by: Doer): Promise<User>;
  /** Deletes an account. Throws `conflict` where no administrator would be left. */
  remove(id: number, by: Doer): Promise<void>;
  sessions(id: number, page: PageRequest): Promise<Page<Session>>;
  endSessions(id: number, by: Doer): Promise<void>;
  /** Mails the user a token to set a password; to who has none yet, the invitation once more. Throws `conflict` where there is no address it may go to. */
  startReset(id: number, by: Doer): Promise<void>;
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
}

export function createAdminService(parts: Parts): AdminService {
  const { models, database, changes, limits, sessions } = parts;
  const get = async (id: number): Promise<User> => {
    const user = await models.User.findByPk(id);
    if (user === null) throw noSuchUser();
    return user;
  };
  const invite = createInvitations(parts);

  return {
    get,
    list: async (filter, { limit, cursor }) => {
      const after = cursor === undefined ? undefined : readPlace(cursor);
      if (cursor !== undefined && after === undefined) throw badCursor();
      const found = toPage(await searchUsers(models.User, filter, limit + 1, after), limit, ({ place }) => writePlace(place));
      return { items: found.items.map(({ user }) => user), nextCursor: found.nextCursor };
    },
    create: createAccounts(parts, invite),
    change: (id, patch, by) =>
      database
        .forClient(by)
        .transaction(async (transaction) => {
          const user = await changes.lock(id, transaction);
          await changes.apply(user, patch, { by }, transaction);
          if (patch.disabled === false) await limits.forgive(id, transaction);
          return user;
        })
        .catch(asNameTaken),
    remove: (id, by) =>
      database.forClient(by).transaction(async (transaction) => changes.remove(await changes.lock(id, transaction), by, transaction)),
    sessions: async (id, page) => sessions.list((await get(id)).id, page),
    endSessions: async (id, by) => {
      await sessions.endAllNow((await get(id)).id, { reason: 'administrator', by });
    },
    startReset: createResetStart(parts, invite),
  };
}

type Invite = (user: User, by: Doer, transaction: Transaction) => Promise<IssuedToken | undefined>;

/** Sends the invitation; where there is no address, returns it. */
const createInvitations =
  ({ oneTimeTokens, outbox, audit }: Parts): Invite =>
  async (user, by, transaction) => {
    const issued = await oneTimeTokens.issue({ purpose: 'invitation', userId: user.id, emailFold: user.email_fold }, transaction);
    if (user.email !== null) await outbox.post({ purpose: 'invitation', username: user.username, ...issued }, user.email, transaction);
    audit.record({ type: 'account.invited', by, userId: user.id, details: { mailed: user.email !== null } }, transaction);
    return user.email === null ? issued : undefined;
  };

const createResetStart =
  ({ database, changes, passwordResets, audit }: Parts, invite: Invite): AdminService['startReset'] =>
  (id, by) =>
    database.forClient(by).transaction(async (transaction) => {
      const user = await changes.lock(id, transaction);
      if (await passwordResets.send(user, transaction)) {
        audit.record({ type: 'password.reset_requested', by, userId: id }, transaction);
      } else if (user.hashed_password === null && user.email !== null && user.disabled_at === null) {
        await invite(user, by, transaction);
      } else {
        throw new AppError('conflict', { details: { detail: 'There is no address that a reset may go to' } });
      }
    });

function createAccounts(
  { models, database, names, verification, passwords, audit, roles, clock }: Parts,
  invite: Invite,
): AdminService['create'] {
  return async ({ username, email = null, roles: asked = [USER], password_hash }, by) => {
    if (asked.some((role) => !roles.isKnown(role))) throw unknownRole(roles);
    const fault = password_hash === undefined ? undefined : hashFault(password_hash);
    if (fault !== undefined) throw badHash(fault);
    const truncates = password_hash !== undefined && truncatesOf(password_hash);
    const given = roles.names.filter((role) => asked.includes(role));
    const account = newAccount({ username, email, roles: given, hash: password_hash ?? null, truncates }, new Date(clock.now()));
    const add = database.forClient(by).transaction(async (transaction) => {
      await names.assertUsernameFree(username, transaction);
      const added = await models.User.create(account, { transaction });
      audit.record({ type: 'account.created', by, userId: added.id, details: { roles: given } }, transaction);
      if (password_hash === undefined) return { user: added, invitation: await invite(added, by, transaction) };
      await verification.ask(added, by, transaction);
      return { user: added, invitation: undefined };
    });
    const made = await add.catch(asNameTaken);
    // What a wrong guess costs must not tell who has a hash from elsewhere.
    if (password_hash !== undefined) passwords.levelWith([password_hash]);
    return made;
  };
}

const badHash = (message: string): AppError =>
  new AppError('validation_failed', { details: { fields: [{ path: 'password_hash', code: 'format', message }] } });
