import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { byClient, byOwner, type Client } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { flowOf } from '../lib/flow.js';
import { foldName } from '../lib/names.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { EmailVerification } from './account/email-verification.js';
import type { LoginNames } from './account/login-names.js';
import type { AuditService } from './audit/audit.service.js';
import type { LimitService } from './limit/limit.service.js';
import type { OneTimeTokenService, TokenFacts } from './one-time-token.service.js';
import type { OutboxService } from './outbox/outbox.service.js';
import { inMember, type PasswordService } from './password/password.service.js';
import type { RecoveryCodeService } from './recovery-code.service.js';
import type { SessionService } from './session/session.service.js';

export interface ResetByToken {
  readonly token: string;
  readonly new_password: string;
}

export interface ResetByCode {
  readonly username: string;
  readonly recovery_code: string;
  readonly new_password: string;
}

export interface PasswordResetService {
  /**
   * Sends whoever that is, by name or verified address, a token to that address. Tells nothing, and does the same work, where
   * there is no such user, or they have no verified address, or are disabled (ASVS 6.3.8).
   */
  request(identifier: string, client: Client): Promise<void>;
  /** The same in an administrator's transaction; whether there is an address that it may go to. */
  send(user: User, transaction: Transaction): Promise<boolean>;
  /**
   * Sets a password by the token of a reset or of an invitation, and ends every session. Throws `token_invalid_or_expired`
   * and the password rules' codes, which leave the token good.
   */
  byToken(reset: ResetByToken, client: Client): Promise<void>;
  /** The same by a recovery code; where the name or the code is wrong alike. */
  byRecoveryCode(reset: ResetByCode, client: Client): Promise<void>;
  /** Whether the token or the code is good, without using it; for nobody the same work. */
  isGood(reset: ResetByToken | ResetByCode): Promise<boolean>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly recoveryCodes: RecoveryCodeService;
  readonly limits: Pick<LimitService, 'forgive'>;
  readonly names: LoginNames;
  readonly verification: EmailVerification;
  readonly sessions: SessionService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
}

/** What tokens that set a password are for. */
const SETTING_PASSWORDS = ['password_reset', 'invitation'] as const;

/** How a password is set by whoever has lost it or has none yet. */
export function createPasswordResetService(parts: Parts): PasswordResetService {
  const { models, database, oneTimeTokens, recoveryCodes, outbox, audit } = parts;
  /** For nobody: the same work. */
  const post = async (user: User | undefined, transaction: Transaction): Promise<void> => {
    const whose = { userId: user?.id ?? null, emailFold: user?.verified_email_fold ?? null };
    const issued = await oneTimeTokens.issue({ purpose: 'password_reset', ...whose }, transaction);
    await outbox.post({ purpose: 'password_reset', username: user?.username ?? 'nobody', ...issued }, user?.email ?? null, transaction);
  };
  return {
    request: async (identifier, client) => {
      const found = await models.User.findForLogin(identifier, foldName(identifier));
      const user = found !== undefined && mayReset(found) ? found : undefined;
      await database.forClient(client).transaction(async (transaction) => {
        await post(user, transaction);
        audit.record({ type: 'password.reset_requested', by: byClient(client), userId: found?.id ?? null }, transaction);
      });
    },
    send: async (user, transaction) => {
      if (!mayReset(user)) return false;
      await post(user, transaction);
      return true;
    },
    isGood: async (reset) => {
      if ('token' in reset) return oneTimeTokens.isGood(reset.token, SETTING_PASSWORDS);
      const user = await models.User.identify(reset.username, foldName(reset.username));
      return recoveryCodes.isGood(user?.id, reset.recovery_code);
    },
    ...createResets(parts),
  };
}

/** Mail that sets a password goes to verified addresses only. */
const mayReset = (user: User): boolean => user.disabled_at === null && user.verified_email_fold !== null;

function createResets(parts: Parts): Pick<PasswordResetService, 'byToken' | 'byRecoveryCode'> {
  const { models, passwords, oneTimeTokens, recoveryCodes, audit } = parts;
  const setPassword = createSetting(parts);
  const failed =
    (by: string, userId: number | null, client: Client) =>
    async (error: unknown): Promise<never> => {
      const refused = error instanceof AppError && error.code === 'token_invalid_or_expired';
      if (refused) await audit.recordNow({ type: 'password.reset_failed', by: byClient(client), userId, details: { by } });
      throw error;
    };
  const hashFor = (user: User, password: string, client: Client): Promise<string> =>
    passwords.hash(password, user.username, flowOf(client, `user ${user.id}`)).catch(inMember('new_password'));

  return {
    byToken: async ({ token, new_password }, client) => {
      const facts = await oneTimeTokens.read(token, SETTING_PASSWORDS).catch(failed('token', null, client));
      const user = await models.User.findByPk(facts.userId);
      if (user === null || !isFor(facts, user)) return failed(facts.purpose, facts.userId, client)(worthless());
      const hash = await hashFor(user, new_password, client);
      const use = async (locked: User, transaction: Transaction): Promise<void> => {
        await oneTimeTokens.use(facts, transaction);
        if (!isFor(facts, locked)) throw worthless();
      };
      const invited = facts.purpose === 'invitation' && facts.emailFold !== null;
      await setPassword(user, { hash, by: facts.purpose, invited, use }, client).catch(failed(facts.purpose, user.id, client));
    },
    byRecoveryCode: async ({ username, recovery_code, new_password }, client) => {
      const found = await models.User.findForLogin(username, foldName(username));
      const user = found?.disabled_at === null ? found : undefined;
      const good = await recoveryCodes.isGood(user?.id, recovery_code);
      if (user === undefined || !good) return failed('recovery_code', found?.id ?? null, client)(worthless());
      const hash = await hashFor(user, new_password, client);
      const use = async ({ id }: User, transaction: Transaction): Promise<void> => {
        if (!(await recoveryCodes.use(id, recovery_code, transaction))) throw worthless();
      };
      await setPassword(user, { hash, by: 'recovery_code', invited: false, use }, client).catch(failed('recovery_code', user.id, client));
    },
  };
}

const worthless = (): AppError => new AppError('token_invalid_or_expired');

/** Whether a token still goes with the user: it is bound to the address that it went to, and worth nothing for another. */
function isFor({ purpose, emailFold }: TokenFacts, user: User): boolean {
  return user.disabled_at === null && emailFold === (purpose === 'invitation' ? user.email_fold : user.verified_email_fold);
}

interface Setting {
  readonly hash: string;
  readonly by: string;
  /** Whether who sets it has shown that the claimed address is theirs. */
  readonly invited: boolean;
  /** Uses up what allows it, or throws `token_invalid_or_expired`. */
  readonly use: (locked: User, transaction: Transaction) => Promise<void>;
}

/** Sets the password of a user, with all that follows, in one transaction. */
function createSetting({ models, database, limits, names, verification, oneTimeTokens, sessions, outbox, audit, clock }: Parts) {
  return async ({ id }: User, { hash, by, invited, use }: Setting, client: Client): Promise<void> => {
    await database.forClient(client).transaction(async (transaction) => {
      const user = await models.User.findByPk(id, { transaction, lock: true });
      if (user?.disabled_at !== null) throw worthless();
      await use(user, transaction);
      const doer = byOwner(id, client);
      const at = new Date(clock.now());
      // Where another account was first to verify the address, this one has its password and goes on without it.
      const own = invited && user.email !== null && (await names.mayVerify(user.email, user, transaction));
      await user.update({ hashed_password: hash, hash_truncates: false, updated_at: at }, { transaction });
      if (own) await verification.confirm(user, doer, transaction);
      await oneTimeTokens.discard(id, SETTING_PASSWORDS, transaction);
      await sessions.endAllOf(id, { reason: 'password_reset', by: doer }, transaction);
      const mail = { purpose: 'password_changed', username: user.username, client, at } as const;
      if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
      audit.record({ type: 'password.reset', by: doer, userId: id, details: { by } }, transaction);
      await limits.forgive(id, transaction);
    });
  };
}
