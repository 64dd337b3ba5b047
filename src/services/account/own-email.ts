import { type Transaction, UniqueConstraintError } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import type { Code } from '../../errors/codes.js';
import { type Actor, byClient, byOwner, byUser, type Caller, type Client } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { User } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OneTimeTokenService, TokenFacts } from '../one-time-token.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import type { SessionService } from '../session/session.service.js';
import type { AccountChanges } from './account-changes.js';
import type { CredentialRevocation } from './credential-revocation.js';
import { claimColumns, emailClaimOf } from './email-claim.js';
import type { EmailVerification } from './email-verification.js';
import type { FactorsOf } from './factors.js';

/** The caller of a verification, with the refresh token of its cookie where it has no access token. */
export interface Verifier {
  readonly caller: Caller;
  readonly refreshToken: string | undefined;
  readonly client: Client;
}

/** How users verify their e-mail address, and how the owner of a mailbox rejects a claim to it. */
export interface OwnEmail {
  /** Mails the unverified address a new token. Throws `conflict` where the account has no address. */
  requestVerification(actor: Actor): Promise<void>;
  /**
   * Makes the claimed address of an account its verified one. Called by a session of that account it revokes nothing. Called
   * without one it also ends every session and revokes the recovery codes; it throws `authentication_required` where the
   * account has a factor, passkey or identity, or where an administrator set the address. A repeat while the address is still
   * the verified one changes nothing. Throws `token_invalid_or_expired`, `conflict` where another account verified the address,
   * and `invalid_token` for an access token that is not valid.
   */
  verifyEmail(token: string, verifier: Verifier): Promise<void>;
  /** Whether the token is one of a verification, without using it. */
  isGoodVerification(token: string): Promise<boolean>;
  /** Removes the unverified address that the token was mailed to from its account. Throws `token_invalid_or_expired`. */
  rejectEmail(token: string, client: Client): Promise<void>;
  /** Whether the token is one of a rejection, without using it. */
  isGoodRejection(token: string): Promise<boolean>;
}

interface Parts {
  readonly database: Database;
  readonly changes: AccountChanges;
  readonly verification: EmailVerification;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly sessions: Pick<SessionService, 'ownerOf'>;
  readonly revokeCredentials: CredentialRevocation;
  readonly factorsOf: FactorsOf;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
}

export function createOwnEmail(parts: Parts): OwnEmail {
  const { database, changes, verification, oneTimeTokens, audit } = parts;
  return {
    requestVerification: (actor) =>
      database.forClient(actor).transaction(async (transaction) => {
        const user = await changes.lockOwn(actor, transaction);
        if (user.email === null) throw new AppError('conflict', { details: { detail: 'This account has no e-mail address' } });
        await verification.ask(user, actor, transaction);
        audit.record({ type: 'email.verification_requested', by: byUser(actor), userId: user.id }, transaction);
      }),
    isGoodVerification: (token) => oneTimeTokens.isGood(token, ['email_verification']),
    isGoodRejection: (token) => oneTimeTokens.isGood(token, ['email_rejection']),
    verifyEmail: createVerifying(parts),
    rejectEmail: createRejecting(parts),
  };
}

type SignedIn = Pick<Actor, 'userId' | 'sessionId'>;

function createVerifying(parts: Parts): OwnEmail['verifyEmail'] {
  const { database, changes, oneTimeTokens, audit } = parts;
  const signedIn = createSignedIn(parts);
  const confirm = createConfirmation(parts);

  return async (token, verifier) => {
    const session = await signedIn(verifier);
    const failed = recordingRefusal(audit, verifier.client, 'verification');
    const facts = await oneTimeTokens.read(token, ['email_verification']).catch(failed());
    const verify = database.forClient(verifier.client).transaction(async (transaction) => {
      const isOwner = session?.userId === facts.userId;
      const user = isOwner ? await changes.lockOwn(session, transaction) : await changes.lock(facts.userId, transaction);
      if (user.disabled_at !== null || facts.emailFold === null) throw worthless();
      if (emailClaimOf(user)?.fold !== facts.emailFold) {
        if (user.verified_email_fold === facts.emailFold) return;
        throw worthless();
      }
      await confirm({ user, facts, session: isOwner ? session : undefined, client: verifier.client }, transaction);
    });
    await verify.catch(asWorthless).catch(failed(facts.userId));
  };
}

interface Confirmation {
  readonly user: User;
  readonly facts: TokenFacts;
  /** The session of the account itself, where the call came by one. */
  readonly session: SignedIn | undefined;
  readonly client: Client;
}

function createConfirmation({ verification, oneTimeTokens, revokeCredentials, factorsOf, outbox, clock }: Parts) {
  return async ({ user, facts, session, client }: Confirmation, transaction: Transaction): Promise<void> => {
    const { hasFactor, hasIdentity } = factorsOf(user);
    if (session === undefined && (user.email_set_by_admin || hasFactor || hasIdentity)) throw new AppError('authentication_required');
    if ((await oneTimeTokens.use(facts, transaction)) === 'used_before') throw worthless();
    const by = byOwner(user.id, client);
    await verification.confirm(user, by, transaction, session?.sessionId);
    if (session !== undefined) return;
    // The account may have been made by somebody who does not own the mailbox, and who has sessions and recovery codes of it.
    const codes = await revokeCredentials(user, { reason: 'email_verified', by }, transaction);
    await outbox.post({ purpose: 'email_verified', codes, client, at: new Date(clock.now()) }, user.email, transaction);
  };
}

/** The user and session of a caller: by the access token, otherwise by the refresh cookie. */
const createSignedIn =
  ({ sessions }: Parts) =>
  async ({ caller, refreshToken }: Verifier): Promise<SignedIn | undefined> => {
    if (caller.kind === 'user') {
      await caller.assertOwn();
      return caller.actor;
    }
    const owner = refreshToken === undefined ? undefined : await sessions.ownerOf(refreshToken);
    // An expired access token must not make its owner a stranger whose sessions all end: the client refreshes it and repeats.
    if (owner === undefined && caller.kind === 'unknown') throw new AppError('invalid_token');
    return owner;
  };

const createRejecting =
  ({ database, changes, oneTimeTokens, audit, clock }: Parts): OwnEmail['rejectEmail'] =>
  async (token, client) => {
    const failed = recordingRefusal(audit, client, 'rejection');
    const facts = await oneTimeTokens.read(token, ['email_rejection']).catch(failed());
    const reject = database.forClient(client).transaction(async (transaction) => {
      const user = await changes.lock(facts.userId, transaction);
      await oneTimeTokens.use(facts, transaction);
      if (emailClaimOf(user)?.fold !== facts.emailFold) throw worthless();
      const pending = user.verified_email_fold !== null;
      await user.update({ ...claimColumns(user, null, false), updated_at: new Date(clock.now()) }, { transaction });
      // A reset belongs to the verified address, which stays in force.
      await oneTimeTokens.discard(user.id, pending ? ['email_verification'] : ['email_verification', 'invitation'], transaction);
      audit.record({ type: 'account.email_rejected', by: byClient(client), userId: user.id, details: { pending } }, transaction);
    });
    await reject.catch(asWorthless).catch(failed(facts.userId));
  };

/** Why a token is refused, other than for an internal error. */
const REFUSALS: ReadonlySet<Code> = new Set<Code>(['token_invalid_or_expired', 'conflict', 'authentication_required']);

/** Records a refused verification or rejection, and throws its error on. */
const recordingRefusal =
  (audit: AuditService, client: Client, of: 'verification' | 'rejection') =>
  (userId: number | null = null) =>
  async (error: unknown): Promise<never> => {
    if (error instanceof AppError && REFUSALS.has(error.code)) {
      await audit.recordRefusal({ type: 'email.verification_failed', by: byClient(client), userId, details: { of, reason: error.code } });
    }
    throw error;
  };

const worthless = (): AppError => new AppError('token_invalid_or_expired');

/** A token of an account that was deleted is worthless; an address that another account verified in the same moment is a conflict. */
function asWorthless(error: unknown): never {
  if (error instanceof UniqueConstraintError) throw new AppError('conflict', { cause: error });
  throw error instanceof AppError && error.code === 'not_found' ? new AppError('token_invalid_or_expired', { cause: error }) : error;
}
