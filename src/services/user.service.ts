import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { type Actor, byUser, type Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { flowOf } from '../lib/flow.js';
import { loginIdentifier } from '../lib/login-identifier.js';
import { madeUsername } from '../lib/made-name.js';
import { foldName } from '../lib/names.js';
import { USER } from '../lib/roles.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import { type AccountChanges, noSuchUser } from './account/account-changes.js';
import type { EmailVerification } from './account/email-verification.js';
import { asNameTaken } from './account/login-names.js';
import type { CredentialRevocation } from './account/credential-revocation.js';
import type { FactorsOf } from './account/factors.js';
import { newAccount } from './account/new-account.js';
import type { AuditService } from './audit/audit.service.js';
import { createOwnEmail, type OwnEmail } from './account/own-email.js';
import { createOwnRecoveryCodes, type OwnRecoveryCodes } from './account/own-recovery-codes.js';
import type { OneTimeTokenService } from './one-time-token.service.js';
import type { OutboxService } from './outbox/outbox.service.js';
import { inMember, type PasswordService } from './password/password.service.js';
import type { ReauthenticationService } from './reauthentication.service.js';
import type { RecoveryCodeService } from './recovery-code.service.js';
import type { SessionService } from './session/session.service.js';

export interface Registration {
  /** Required without an e-mail address; otherwise it may be left out, and is made from the address. */
  readonly username?: string;
  readonly password: string;
  readonly email?: string | null;
}

export interface PasswordChange {
  /** Asked of an account that has a password. */
  readonly current_password?: string;
  readonly new_password: string;
}

/** What users change of their own account; what is left out stays. */
export interface ProfilePatch {
  readonly username?: string;
  readonly email?: string | null;
  readonly display_name?: string | null;
  readonly current_password?: string;
}

export interface UserService extends OwnEmail, OwnRecoveryCodes {
  /** Adds a user as `add` does. Throws `not_found` too, where REGISTRATION is not `open`. */
  register(registration: Registration, by: Doer): Promise<User>;
  /**
   * Adds a user, whatever REGISTRATION says, and sends a verification to the e-mail address. Throws `username_taken` where an
   * account has that name or one with its fold; a password rule's code; `overloaded` where too many hashes wait.
   */
  add(registration: Registration, by: Doer): Promise<User>;
  /** Throws `username_taken` where `add` would. */
  assertUsernameFree(username: string): Promise<void>;
  /** The user of that id. Throws `invalid_token` where they are gone or disabled: who asks was that user. */
  get(id: number): Promise<User>;
  /** The user with that username, else with that verified address. Throws `not_found`. */
  findByName(name: string): Promise<User>;
  /**
   * Changes the actor's own account. Another username or e-mail address needs the current password or a recent authentication
   * (ASVS 7.5.1). A new address beside a verified one is pending until it is verified. Removing the verified address ends the other
   * sessions. Throws `username_taken`, `current_password_invalid`, `reauthentication_required`.
   */
  changeProfile(actor: Actor, patch: ProfilePatch): Promise<User>;
  /**
   * Replaces the actor's password, ends their other sessions and revokes the recovery codes of an account without factor.
   * Throws as `ReauthenticationService.require`, a password rule's code, `conflict` where another request keeps changing the
   * password, and `overloaded`.
   */
  changePassword(actor: Actor, passwords: PasswordChange): Promise<void>;
  /** Deletes the actor's account with all its sessions. Throws as `ReauthenticationService.require`, and `last_administrator`. */
  deleteOwn(actor: Actor, currentPassword: string | undefined): Promise<void>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly changes: AccountChanges;
  readonly verification: EmailVerification;
  readonly passwords: PasswordService;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly reauthentication: ReauthenticationService;
  readonly recoveryCodes: RecoveryCodeService;
  readonly revokeCredentials: CredentialRevocation;
  readonly factorsOf: FactorsOf;
  readonly sessions: SessionService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
  /** Whether clients may register. */
  readonly registration: keyof typeof NOT_OPEN | 'open';
}

/** Why a registration is refused. */
const NOT_OPEN = {
  invite: 'Registration is by invitation: ask an administrator for one',
  closed: 'Registration is closed',
} as const;

/** Users and what they do with their own account. */
export function createUserService(parts: Parts): UserService {
  const { models, registration } = parts;
  const { User } = models;
  const get = async (id: number): Promise<User> => {
    const user = await User.findByPk(id);
    if (!user || user.disabled_at) throw new AppError('invalid_token');
    return user;
  };
  const assertUsernameFree = async (username: string): Promise<void> => {
    if (await User.isNameTaken(username, foldName(username))) throw new AppError('username_taken');
  };
  const add = createAdding(parts, assertUsernameFree);

  return {
    get,
    assertUsernameFree,
    findByName: async (name) => {
      const [user] = await User.findCandidates(loginIdentifier(name));
      if (!user) throw noSuchUser();
      return user;
    },
    register: async (asked, by) => {
      if (registration !== 'open') throw new AppError('not_found', { details: { detail: NOT_OPEN[registration] } });
      return add(asked, by);
    },
    add,
    ...createOwnChanges(parts, get),
    ...createOwnEmail(parts),
    ...createOwnRecoveryCodes(parts),
  };
}

function createAdding(
  { models: { User }, database, verification, passwords, audit, clock }: Parts,
  assertUsernameFree: UserService['assertUsernameFree'],
): UserService['add'] {
  /** Retries the random end: the name of an existing account must not be refused here, as that would reveal the account. */
  const freeName = async (email: string): Promise<string> => {
    const name = madeUsername(email);
    return (await User.isNameTaken(name, foldName(name))) ? freeName(email) : name;
  };
  return async ({ password, email = null, ...asked }, by) => {
    const username = asked.username ?? (email === null ? undefined : await freeName(email));
    if (username === undefined) throw new TypeError('a registration has a username or an e-mail address');
    // Asked before the hash, which is expensive; a name taken meanwhile is refused by the unique columns.
    if (asked.username !== undefined) await assertUsernameFree(username);
    const hash = await passwords.hash(password, username, flowOf(by));
    // An operator who registers a user sets the address as an administrator does.
    const emailSetByAdmin = by.kind !== 'nobody';
    const account = newAccount({ username, email, emailSetByAdmin, roles: [USER], hash }, new Date(clock.now()));
    const added = database.forClient(by).transaction(async (transaction) => {
      const user = await User.create(account, { transaction });
      await verification.ask(user, by, transaction);
      audit.record({ type: 'account.registered', by, userId: user.id }, transaction);
      return user;
    });
    return added.catch(asNameTaken);
  };
}

type OwnChanges = Pick<UserService, 'changeProfile' | 'changePassword' | 'deleteOwn'>;

function createOwnChanges(parts: Parts, get: UserService['get']): OwnChanges {
  const { database, changes, passwords, reauthentication, sessions } = parts;
  const replacePassword = createPasswordReplacement(parts);

  return {
    changeProfile: async (actor, { current_password, ...patch }) => {
      const differs = <T>(asked: T | undefined, now: T): boolean => asked !== undefined && asked !== now;
      // Repeating the pending address changes nothing, and repeating the verified one only removes what is pending.
      const needsProof = ({ username, email, pending_email }: User): boolean =>
        (differs(patch.email, email) && (patch.email === null || patch.email !== pending_email)) || differs(patch.username, username);
      const user = await get(actor.userId);
      const isProven = needsProof(user) || current_password !== undefined;
      if (isProven) await reauthentication.require(actor, { currentPassword: current_password });
      if (patch.email === null && user.verified_email_fold !== null)
        await sessions.endAhead(user.id, { reason: 'email_changed', by: byUser(actor) }, actor.sessionId);
      const change = database.forClient(actor).transaction(async (transaction) => {
        const locked = await changes.lockOwn(actor, transaction);
        // It was the same when it was looked at.
        if (needsProof(locked) && !isProven) throw reauthentication.required();
        await changes.apply(locked, patch, { by: byUser(actor), sessionId: actor.sessionId }, transaction);
        return locked;
      });
      return change.catch(asNameTaken);
    },
    changePassword: async (actor, { current_password, new_password }) => {
      const replace = async (): Promise<boolean> => {
        const user = await reauthentication.require(actor, { currentPassword: current_password, passwordRequired: true });
        const hash = await passwords.hash(new_password, user.username, flowOf(actor)).catch(inMember('new_password'));
        await sessions.endAhead(user.id, { reason: 'password_changed', by: byUser(actor) }, actor.sessionId);
        return replacePassword(actor, user, hash);
      };
      // The first time a log-in may have made the same password's hash anew meanwhile; by the second it is another password.
      if ((await replace()) || (await replace())) return;
      throw new AppError('conflict');
    },
    deleteOwn: async (actor, currentPassword) => {
      const user = await reauthentication.require(actor, { currentPassword, passwordRequired: true });
      await sessions.removeAhead(user.id, { reason: 'account_deleted', by: byUser(actor) }, actor.sessionId);
      await database
        .forClient(actor)
        .transaction(async (transaction) => changes.remove(await changes.lockOwn(actor, transaction), byUser(actor), transaction));
    },
  };
}

/** Puts a hash in the place of the one that was just verified; false where that has changed meanwhile. */
const createPasswordReplacement =
  ({ models: { User }, database, changes, revokeCredentials, outbox, audit, clock }: Parts) =>
  (actor: Actor, { hashed_password }: User, hash: string): Promise<boolean> =>
    database.forClient(actor).transaction(async (transaction) => {
      const user = await changes.lockOwn(actor, transaction);
      const at = new Date(clock.now());
      if (user.hashed_password !== hashed_password || !(await User.replaceHash(user, hash, at, transaction))) return false;
      const by = byUser(actor);
      const codes = await revokeCredentials(user, { reason: 'password_changed', by }, transaction, actor.sessionId);
      const mail = { purpose: 'password_changed', how: 'current_password', codes, client: actor, at } as const;
      if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
      audit.record({ type: 'password.changed', by, userId: user.id, sessionId: actor.sessionId }, transaction);
      return true;
    });
