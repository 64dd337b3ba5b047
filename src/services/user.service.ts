import { UniqueConstraintError } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Code } from '../errors/codes.js';
import { afterGuess } from '../errors/guess.js';
import { type Actor, byClient, byOwner, byUser, type Client, type Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { flowOf } from '../lib/flow.js';
import { foldName } from '../lib/names.js';
import { USER } from '../lib/roles.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import { type AccountChanges, noSuchUser } from './account/account-changes.js';
import type { EmailVerification } from './account/email-verification.js';
import { asNameTaken, type LoginNames, looksLikeAddress } from './account/login-names.js';
import { newAccount } from './account/new-account.js';
import type { AuditService } from './audit/audit.service.js';
import type { OneTimeTokenService } from './one-time-token.service.js';
import type { OutboxService } from './outbox/outbox.service.js';
import { inMember, type PasswordService } from './password/password.service.js';
import type { RecoveryCodeService } from './recovery-code.service.js';
import type { SessionService } from './session/session.service.js';

/** A log-in is proof enough of who asks for so long (ASVS 7.5.1). */
export const FRESH_LOG_IN_MINUTES = 5;

export interface Registration {
  readonly username: string;
  readonly password: string;
  readonly email?: string | null;
}

export interface PasswordChange {
  readonly current_password: string;
  readonly new_password: string;
}

/** What users change of their own account; what is left out stays. */
export interface ProfilePatch {
  readonly username?: string;
  readonly email?: string | null;
  readonly display_name?: string | null;
  readonly current_password?: string;
}

export interface UserService {
  /**
   * Adds a user; an e-mail address is claimed, and sent a token. Throws `username_taken` where the name, or one that looks
   * like it, is somebody's; a password rule's code; `overloaded` where too many hashes wait.
   */
  register(registration: Registration, by: Doer): Promise<User>;
  /** The user of that id. Throws `invalid_token` where they are gone or disabled: who asks was that user. */
  get(id: number): Promise<User>;
  /** The user of that name, found as a log-in finds them. Throws `not_found`. */
  findByName(name: string): Promise<User>;
  /**
   * Changes the actor's own account. Another username or e-mail address needs the current password or a fresh log-in (ASVS
   * 7.5.1); another address ends the other sessions and is told to the old one. Throws `username_taken`, `current_password_invalid`, `reauthentication_required`.
   */
  changeProfile(actor: Actor, patch: ProfilePatch): Promise<User>;
  /**
   * Replaces the actor's password and ends their other sessions. Throws `current_password_invalid`, a password rule's code,
   * `conflict` where it is changed by others again and again, and `overloaded` where too many hashes wait.
   */
  changePassword(actor: Actor, passwords: PasswordChange): Promise<void>;
  /** Deletes the actor's account with all its sessions. Throws `current_password_invalid`, and `conflict` for the last administrator. */
  deleteOwn(actor: Actor, currentPassword: string): Promise<void>;
  /** Sends the actor's address a token, unless it is verified. Throws `conflict` where they claim none. */
  requestVerification(actor: Actor): Promise<void>;
  /** Makes an address its user's own by the token that was sent there. Throws `token_invalid_or_expired`, `conflict` where another account has it by now. */
  verifyEmail(token: string, client: Client): Promise<void>;
  /** Whether the token would do that, without using it. */
  isGoodVerification(token: string): Promise<boolean>;
  /** New recovery codes in place of those the actor has. Throws `current_password_invalid`. */
  makeRecoveryCodes(actor: Actor, currentPassword: string): Promise<string[]>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly names: LoginNames;
  readonly changes: AccountChanges;
  readonly verification: EmailVerification;
  readonly passwords: PasswordService;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly recoveryCodes: RecoveryCodeService;
  readonly sessions: SessionService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
}

/** Users and what they do with their own account. */
export function createUserService(parts: Parts): UserService {
  const { models, database, names, verification, passwords, audit, clock } = parts;
  const { User } = models;
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
    register: async ({ username, password, email = null }, by) => {
      // Asked before the hash, which is dear; what comes between is decided by the unique columns and, across them, below.
      if (await User.isNameTaken(username, foldName(username))) throw new AppError('username_taken');
      const hash = await passwords.hash(password, username, flowOf(by));
      const account = newAccount({ username, email, roles: [USER], hash }, new Date(clock.now()));
      const add = database.forClient(by).transaction(async (transaction) => {
        if (looksLikeAddress(username)) await names.assertUsernameFree(username, transaction);
        const added = await User.create(account, { transaction });
        await verification.ask(added, by, transaction);
        audit.record({ type: 'account.registered', by, userId: added.id }, transaction);
        return added;
      });
      return add.catch(asNameTaken);
    },
    ...createOwnChanges(parts, get),
    ...createOwnAddress(parts, get),
  };
}

/** What only the owner may do, and shows to be by the current password or a fresh log-in. */
function createProof({ passwords, audit, clock }: Parts, get: UserService['get']) {
  const byPassword = async (actor: Actor, password: string): Promise<User> => {
    const user = await get(actor.userId);
    const { valid } = await passwords.verify(password, { hash: user.hashed_password, truncates: user.hash_truncates }, flowOf(actor));
    if (valid) return user;
    const event = { type: 'reauthentication.failed', by: byUser(actor), userId: user.id, sessionId: actor.sessionId } as const;
    await audit.recordNow(event).catch(afterGuess);
    throw new AppError('current_password_invalid');
  };
  return {
    byPassword,
    byPasswordOrFreshLogIn: async (actor: Actor, password: string | undefined): Promise<void> => {
      if (password !== undefined) await byPassword(actor, password);
      else if (clock.now() - actor.loggedInAt >= FRESH_LOG_IN_MINUTES * 60_000) throw new AppError('reauthentication_required');
    },
  };
}

type OwnChanges = Pick<UserService, 'changeProfile' | 'changePassword' | 'deleteOwn' | 'makeRecoveryCodes'>;

function createOwnChanges(parts: Parts, get: UserService['get']): OwnChanges {
  const { models, database, changes, passwords, recoveryCodes, outbox, audit, clock } = parts;
  const proof = createProof(parts, get);
  const replacePassword = createPasswordReplacement(parts);
  const notice = (user: User, client: Client) => ({ username: user.username, client, at: new Date(clock.now()) });

  return {
    changeProfile: async (actor, { current_password, ...patch }) => {
      const differs = <T>(asked: T | undefined, now: T): boolean => asked !== undefined && asked !== now;
      const needsProof = ({ username, email }: User): boolean => differs(patch.email, email) || differs(patch.username, username);
      const isProven = needsProof(await get(actor.userId)) || current_password !== undefined;
      if (isProven) await proof.byPasswordOrFreshLogIn(actor, current_password);
      const change = database.forClient(actor).transaction(async (transaction) => {
        const locked = await changes.lock(actor.userId, transaction);
        // It was the same when it was looked at.
        if (needsProof(locked) && !isProven) throw new AppError('reauthentication_required');
        await changes.apply(locked, patch, { by: byUser(actor), sessionId: actor.sessionId }, transaction);
        return locked;
      });
      return change.catch(asNameTaken).catch(asGone);
    },
    changePassword: async (actor, { current_password, new_password }) => {
      const replace = async (): Promise<boolean> => {
        const user = await proof.byPassword(actor, current_password);
        const hash = await passwords.hash(new_password, user.username, flowOf(actor)).catch(inMember('new_password'));
        return replacePassword(actor, user, hash);
      };
      // The first time a log-in may have made the same password's hash anew meanwhile; by the second it is another password.
      if ((await replace()) || (await replace())) return;
      throw new AppError('conflict');
    },
    deleteOwn: async (actor, currentPassword) => {
      const user = await proof.byPassword(actor, currentPassword);
      const remove = database
        .forClient(actor)
        .transaction(async (transaction) => changes.remove(await changes.lock(user.id, transaction), byUser(actor), transaction));
      await remove.catch(asGone);
    },
    makeRecoveryCodes: async (actor, currentPassword) => {
      const user = await proof.byPassword(actor, currentPassword);
      return database.forClient(actor).transaction(async (transaction) => {
        const locked = await models.User.findByPk(user.id, { transaction, lock: true });
        if (locked === null) throw new AppError('invalid_token');
        const codes = await recoveryCodes.replace(user.id, transaction);
        const mail = { purpose: 'recovery_codes_created', ...notice(locked, actor) } as const;
        if (locked.verified_email_fold !== null) await outbox.post(mail, locked.email, transaction);
        audit.record({ type: 'recovery_codes.created', by: byUser(actor), userId: user.id, sessionId: actor.sessionId }, transaction);
        return codes;
      });
    },
  };
}

/** Puts a hash in the place of the one that was just verified; false where that has changed meanwhile. */
const createPasswordReplacement =
  ({ models: { User }, database, sessions, oneTimeTokens, outbox, audit, clock }: Parts) =>
  (actor: Actor, user: User, hash: string): Promise<boolean> =>
    database.forClient(actor).transaction(async (transaction) => {
      const at = new Date(clock.now());
      if (!(await User.replaceHash(user, hash, at, transaction))) return false;
      const by = byUser(actor);
      await oneTimeTokens.discard(user.id, ['password_reset', 'invitation'], transaction);
      await sessions.endAllOf(user.id, { reason: 'password_changed', by }, transaction, actor.sessionId);
      const mail = { purpose: 'password_changed', username: user.username, client: actor, at } as const;
      if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
      audit.record({ type: 'password.changed', by, userId: user.id, sessionId: actor.sessionId }, transaction);
      return true;
    });

/** Why a token does not verify an address, other than for a fault of ours. */
const REFUSALS: ReadonlySet<Code> = new Set<Code>(['token_invalid_or_expired', 'conflict']);

/** How users show that an address is theirs. */
function createOwnAddress(
  { database, changes, verification, oneTimeTokens, audit }: Parts,
  get: UserService['get'],
): Pick<UserService, 'requestVerification' | 'verifyEmail' | 'isGoodVerification'> {
  return {
    requestVerification: async (actor) => {
      const { email } = await get(actor.userId);
      if (email === null) throw new AppError('conflict', { details: { detail: 'This account has no e-mail address' } });
      const ask = database.forClient(actor).transaction(async (transaction) => {
        const user = await changes.lock(actor.userId, transaction);
        await verification.ask(user, actor, transaction);
        audit.record({ type: 'email.verification_requested', by: byUser(actor), userId: user.id }, transaction);
      });
      await ask.catch(asGone);
    },
    isGoodVerification: (token) => oneTimeTokens.isGood(token, ['email_verification']),
    verifyEmail: async (token, client) => {
      const failed = async (error: unknown): Promise<never> => {
        if (error instanceof AppError && REFUSALS.has(error.code))
          await audit.recordNow({ type: 'email.verification_failed', by: byClient(client) });
        throw error;
      };
      const facts = await oneTimeTokens.read(token, ['email_verification']).catch(failed);
      const verify = database.forClient(client).transaction(async (transaction) => {
        const user = await changes.lock(facts.userId, transaction);
        await oneTimeTokens.use(facts, transaction);
        if (user.email_fold !== facts.emailFold || user.disabled_at !== null) throw new AppError('token_invalid_or_expired');
        await verification.confirm(user, byOwner(user.id, client), transaction);
      });
      await verify.catch(asWorthless).catch(failed);
    },
  };
}

/** Who asks was deleted by another request meanwhile, and is nobody by now. */
function asGone(error: unknown): never {
  throw error instanceof AppError && error.code === 'not_found' ? new AppError('invalid_token', { cause: error }) : error;
}

/** The same for whoever a token was made for; or another account took the address in the same moment. */
function asWorthless(error: unknown): never {
  if (error instanceof UniqueConstraintError) throw new AppError('conflict', { cause: error });
  throw error instanceof AppError && error.code === 'not_found' ? new AppError('token_invalid_or_expired', { cause: error }) : error;
}
