import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { byClient, byOwner, type Client, type Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { flowOf } from '../lib/flow.js';
import { loginIdentifier } from '../lib/login-identifier.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { CredentialRevocation } from './account/credential-revocation.js';
import { emailClaimOf } from './account/email-claim.js';
import type { EmailVerification } from './account/email-verification.js';
import type { LoginNames } from './account/login-names.js';
import type { AuditService } from './audit/audit.service.js';
import type { LimitService } from './limit/limit.service.js';
import type { IssuedToken, Issuer, OneTimeTokenService, TokenFacts } from './one-time-token.service.js';
import type { PasswordSetBy } from './outbox/mail.js';
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
  /**
   * The same for an administrator, in their transaction. Returns undefined where a mail went to the verified address; otherwise
   * the token, which the administrator hands over and whose use the audit attributes to them.
   */
  start(user: User, issuer: Issuer, transaction: Transaction): Promise<IssuedToken | undefined>;
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
  readonly revokeCredentials: CredentialRevocation;
  readonly sessions: Pick<SessionService, 'endAhead'>;
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
    await outbox.post({ purpose: 'password_reset', ...issued }, user?.email ?? null, transaction);
  };
  return {
    request: async (identifier, client) => {
      // The verified address comes last, and goes before the username: the mail is for the owner of what was typed.
      const candidates = await models.User.findCandidates(loginIdentifier(identifier));
      const found = candidates.findLast((candidate) => candidate !== undefined);
      const user = found !== undefined && mayReset(found) ? found : undefined;
      await database.forClient(client).transaction(async (transaction) => {
        await post(user, transaction);
        audit.record({ type: 'password.reset_requested', by: byClient(client), userId: found?.id ?? null }, transaction);
      });
    },
    start: async (user, issuer, transaction) => {
      if (!mayReset(user)) return oneTimeTokens.issue({ purpose: 'password_reset', userId: user.id, emailFold: null, issuer }, transaction);
      await post(user, transaction);
      return undefined;
    },
    isGood: async (reset) => {
      if ('token' in reset) return oneTimeTokens.isGood(reset.token, SETTING_PASSWORDS);
      const { username, recovery_code } = reset;
      return (await ownerOfCode(recoveryCodes, await models.User.identify(loginIdentifier(username)), recovery_code)) !== undefined;
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
      if (refused) await audit.recordRefusal({ type: 'password.reset_failed', by: byClient(client), userId, details: { by } });
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
      const { purpose, emailFold, issuer } = facts;
      // Nobody but the issuer is known to have had a token that was handed over.
      const doer = issuer === null ? byOwner(user.id, client) : { ...byClient(client), ...issuer };
      const proven = purpose === 'invitation' ? emailFold : null;
      await setPassword(user, { hash, how: purpose, doer, proven, use }, client).catch(failed(purpose, user.id, client));
    },
    byRecoveryCode: async ({ username, recovery_code, new_password }, client) => {
      // The whole row is read behind a right code: reading it takes longer than finding none.
      const candidates = await models.User.identify(loginIdentifier(username));
      const owner = await ownerOfCode(recoveryCodes, candidates, recovery_code);
      const user = owner && (await models.User.findByPk(owner.id));
      if (user?.disabled_at !== null) return failed('recovery_code', candidates[0]?.id ?? null, client)(worthless());
      const hash = await hashFor(user, new_password, client);
      const doer = byOwner(user.id, client);
      const use = async ({ id }: User, transaction: Transaction): Promise<void> => {
        if (!(await recoveryCodes.use(id, recovery_code, transaction))) throw worthless();
        const { remaining } = await recoveryCodes.summary(id, transaction);
        audit.record({ type: 'recovery_codes.used', by: doer, userId: id, details: { remaining } }, transaction);
      };
      const setting = { hash, how: 'recovery_code', doer, proven: null, use } as const;
      await setPassword(user, setting, client).catch(failed('recovery_code', user.id, client));
    },
  };
}

/** Returns the candidate whose recovery code it is, the username's account first. Looks for the code of each, for the same work. */
async function ownerOfCode<T extends { readonly id: number }>(
  recoveryCodes: RecoveryCodeService,
  candidates: readonly (T | undefined)[],
  code: string,
): Promise<T | undefined> {
  const owners: T[] = [];
  for (const candidate of candidates) {
    const isGood = await recoveryCodes.isGood(candidate?.id, code);
    if (isGood && candidate !== undefined) owners.push(candidate);
  }
  return owners[0];
}

const worthless = (): AppError => new AppError('token_invalid_or_expired');

/**
 * Whether a token is still valid for a user: it is bound to the address that it was mailed to, and a token that was handed over
 * to an account without that address. An invitation sets the first password alone.
 */
function isFor({ purpose, emailFold }: TokenFacts, user: User): boolean {
  if (user.disabled_at !== null) return false;
  if (purpose === 'invitation') return user.hashed_password === null && emailFold === user.email_fold;
  return emailFold === user.verified_email_fold;
}

interface Setting {
  readonly hash: string;
  readonly how: PasswordSetBy;
  /** Who sets it, as the audit names them. */
  readonly doer: Doer;
  /** The fold of the address whose mailbox the token came from; null where it came from elsewhere. */
  readonly proven: string | null;
  /** Uses up what allows it, or throws `token_invalid_or_expired`. */
  readonly use: (locked: User, transaction: Transaction) => Promise<void>;
}

/** Sets the password of a user, and revokes what a reset revokes, in one transaction. */
function createSetting({ models, database, limits, names, verification, sessions, revokeCredentials, outbox, audit, clock }: Parts) {
  /** Where another account verified the address first, this one gets its password and goes on without the address. */
  const confirm = async (user: User, { proven, doer }: Setting, transaction: Transaction): Promise<void> => {
    const claim = emailClaimOf(user);
    if (proven === null || claim?.fold !== proven) return;
    if (await names.mayVerify(claim.email, user, transaction)) await verification.confirm(user, doer, transaction);
  };
  return async ({ id }: User, setting: Setting, client: Client): Promise<void> => {
    const { hash, how, doer, use } = setting;
    await sessions.endAhead(id, { reason: 'password_reset', by: doer });
    await database.forClient(client).transaction(async (transaction) => {
      const user = await models.User.findByPk(id, { transaction, lock: true });
      if (user?.disabled_at !== null) throw worthless();
      await use(user, transaction);
      const at = new Date(clock.now());
      await user.update({ hashed_password: hash, hash_truncates: false, updated_at: at }, { transaction });
      await confirm(user, setting, transaction);
      const codes = await revokeCredentials(user, { reason: 'password_reset', by: doer }, transaction);
      const mail = { purpose: 'password_changed', how, codes, client, at } as const;
      if (user.verified_email_fold !== null) await outbox.post(mail, user.email, transaction);
      audit.record({ type: 'password.reset', by: doer, userId: id, details: { by: how } }, transaction);
      await limits.forgive(id, transaction);
    });
  };
}
