import type { Transaction } from 'sequelize';
import { type Database, LOCKS } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import type { Actor, Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import { foldName } from '../../lib/names.js';
import { ADMIN, type Roles } from '../../lib/roles.js';
import type { Models } from '../../models/index.js';
import type { User } from '../../models/user.model.js';
import { hasOtherAdmin } from '../../models/user-search.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import type { SessionService } from '../session/session.service.js';
import { asSeenBy, type Changer } from './changer.js';
import { createEmailChange } from './email-changes.js';
import type { EmailVerification } from './email-verification.js';
import type { LoginNames } from './login-names.js';

/** What may be changed of an account; what is left out stays. */
export interface AccountPatch {
  readonly username?: string;
  /** Null for none. */
  readonly email?: string | null;
  readonly display_name?: string | null;
  readonly roles?: readonly string[];
  readonly disabled?: boolean;
}

/** How an account is changed, whoever does it: with what it revokes, the mails and the record, in the caller's transaction. */
export interface AccountChanges {
  /** The user of that id, whose row stays locked until the transaction ends. Throws `not_found`. */
  lock(id: number, transaction: Transaction): Promise<User>;
  /**
   * The actor's own user, locked likewise. Throws `invalid_token` where the session ended since the request was authenticated:
   * a reset and a verification lock the user before they end sessions, so no session that they have ended changes anything.
   */
  lockOwn(actor: Pick<Actor, 'userId' | 'sessionId'>, transaction: Transaction): Promise<User>;
  /**
   * Changes a locked user. Throws `username_taken`; `validation_failed` for an unknown role; `last_administrator` where no
   * administrator would remain.
   */
  apply(user: User, patch: AccountPatch, changer: Changer, transaction: Transaction): Promise<void>;
  /** Deletes a locked user and all data of theirs. Throws `last_administrator` where no administrator would remain. */
  remove(user: User, by: Doer, transaction: Transaction): Promise<void>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly names: LoginNames;
  readonly verification: EmailVerification;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly sessions: SessionService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly roles: Roles;
  readonly clock: Clock;
}

type Change<T> = (user: User, to: T, changer: Changer, transaction: Transaction) => Promise<void>;

export function createAccountChanges(parts: Parts): AccountChanges {
  const { models, database, sessions, outbox, audit, clock } = parts;
  const assertNotLastAdmin = async (user: User, transaction: Transaction): Promise<void> => {
    // Whoever can't log in anyway keeps nothing from being lost.
    if (!user.roles.includes(ADMIN) || user.disabled_at !== null || user.hashed_password === null) return;
    // Two who each leave the other as the last would both find one left.
    await database.lock(transaction, LOCKS.administering);
    if (!(await hasOtherAdmin(models.User, user.id, transaction))) {
      throw new AppError('last_administrator');
    }
  };
  const changeNames = createNameChanges(parts);
  const changeRights = createRightChanges(parts);

  return {
    lock: async (id, transaction) => {
      const user = await models.User.findByPk(id, { transaction, lock: true });
      if (user === null) throw noSuchUser();
      return user;
    },
    lockOwn: async (actor, transaction) => {
      const user = await models.User.findByPk(actor.userId, { transaction, lock: true });
      if (user?.disabled_at !== null) throw new AppError('invalid_token');
      if (!(await sessions.isLive(actor, transaction))) throw new AppError('invalid_token');
      return user;
    },
    apply: async (user, patch, changer, transaction) => {
      // Its lock comes before those of names and sessions, always, or two of these could wait for each other.
      if (patch.disabled === true || patch.roles?.includes(ADMIN) === false) await assertNotLastAdmin(user, transaction);
      await changeNames(user, patch, changer, transaction);
      await changeRights(user, patch, changer, transaction);
    },
    remove: async (user, by, transaction) => {
      await assertNotLastAdmin(user, transaction);
      await sessions.endAllOf(user.id, { reason: 'account_deleted', by }, transaction);
      const notice = { purpose: 'account_deleted', client: asSeenBy(user, by), at: new Date(clock.now()) } as const;
      if (user.verified_email_fold !== null) await outbox.post(notice, user.email, transaction);
      await user.destroy({ transaction });
      audit.record({ type: 'account.deleted', by, userId: user.id }, transaction);
    },
  };
}

const createWriting =
  (clock: Clock) =>
  (user: User, values: Partial<User>, transaction: Transaction): Promise<User> =>
    user.update({ ...values, updated_at: new Date(clock.now()) }, { transaction });

/** Changes what an account is called, and its e-mail address. */
function createNameChanges(parts: Parts): Change<AccountPatch> {
  const { names, outbox, audit, clock } = parts;
  const write = createWriting(clock);
  const changeEmail = createEmailChange(parts);

  const rename: Change<string> = async (user, username, { by }, transaction) => {
    await names.assertUsernameFree(username, transaction, user.id);
    const at = new Date(clock.now());
    const mail = { purpose: 'username_changed', username: user.username, newUsername: username, client: asSeenBy(user, by), at } as const;
    if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
    await write(user, { username, username_fold: foldName(username), lookalike_fold: null }, transaction);
    audit.record({ type: 'account.changed', by, userId: user.id, details: { changed: ['username'] } }, transaction);
  };

  return async (user, { username, email, display_name }, changer, transaction) => {
    if (username !== undefined && username !== user.username) await rename(user, username, changer, transaction);
    if (email !== undefined) await changeEmail(user, email, changer, transaction);
    if (display_name !== undefined && display_name !== user.display_name) {
      await write(user, { display_name, display_name_fold: display_name === null ? null : foldName(display_name) }, transaction);
      const details = { changed: ['display_name'] };
      audit.record({ type: 'account.changed', by: changer.by, userId: user.id, details }, transaction);
    }
  };
}

/** What an account may do. */
function createRightChanges({ sessions, audit, roles, clock }: Parts): Change<AccountPatch> {
  const write = createWriting(clock);

  const giveRoles: Change<readonly string[]> = async (user, asked, { by }, transaction) => {
    const wanted = roles.names.filter((role) => asked.includes(role));
    assertAssignable(roles, asked);
    if (wanted.length === user.roles.length && wanted.every((role) => user.roles.includes(role))) return;
    const details = { before: [...user.roles], after: wanted };
    await write(user, { roles: wanted }, transaction);
    await sessions.renewAllOf(user.id, transaction);
    audit.record({ type: 'account.roles_changed', by, userId: user.id, details }, transaction);
  };
  const setDisabled: Change<boolean> = async (user, disabled, { by }, transaction) => {
    await write(user, { disabled_at: disabled ? new Date(clock.now()) : null }, transaction);
    if (disabled) await sessions.endAllOf(user.id, { reason: 'account_disabled', by }, transaction);
    audit.record({ type: disabled ? 'account.disabled' : 'account.enabled', by, userId: user.id }, transaction);
  };

  return async (user, { roles: asked, disabled }, changer, transaction) => {
    if (asked !== undefined) await giveRoles(user, asked, changer, transaction);
    if (disabled !== undefined && disabled !== (user.disabled_at !== null)) await setDisabled(user, disabled, changer, transaction);
  };
}

export const noSuchUser = (): AppError => new AppError('not_found', { details: { detail: 'There is no such user' } });

/** Throws `validation_failed` where a role is not configured or the scopes of all do not fit an access token. */
export function assertAssignable(roles: Roles, asked: readonly string[]): void {
  const fault = roles.faultOf(asked);
  if (fault !== undefined) throw new AppError('validation_failed', { details: { fields: [{ path: 'roles', ...fault }] } });
}
