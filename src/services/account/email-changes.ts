import type { Transaction } from 'sequelize';
import type { Clock } from '../../lib/clock.js';
import { isSameMailbox } from '../../lib/email-address.js';
import type { User } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import type { SessionService } from '../session/session.service.js';
import { asSeenBy, type Changer } from './changer.js';
import { claimColumns } from './email-claim.js';
import type { EmailVerification } from './email-verification.js';

interface Parts {
  readonly verification: EmailVerification;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly sessions: SessionService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
}

/**
 * Changes the e-mail address of a locked user. Beside a verified address the new one is pending; otherwise it replaces the
 * unverified one. The verified address itself removes a pending one, and null removes both.
 */
export type EmailChange = (user: User, email: string | null, changer: Changer, transaction: Transaction) => Promise<void>;

/** What was done to the addresses of an account, as the audit names it. */
type Change = 'claimed' | 'pending' | 'pending_removed' | 'spelling' | 'removed';

export function createEmailChange(parts: Parts): EmailChange {
  const { oneTimeTokens, audit, clock } = parts;
  const write = async (user: User, values: Partial<User>, change: Change, { by, sessionId }: Changer, transaction: Transaction) => {
    await user.update({ ...values, updated_at: new Date(clock.now()) }, { transaction });
    const session = sessionId === undefined ? {} : { sessionId };
    audit.record({ type: 'account.email_changed', by, userId: user.id, ...session, details: { change } }, transaction);
  };
  const remove = createRemoval(parts, write);
  const claim = createClaiming(parts, write);

  return async (user, email, changer, transaction) => {
    if (email === null) {
      if (user.email !== null) await remove(user, changer, transaction);
    } else if (isSameAddress(email, user.email)) {
      // The same address in another case or spelling of its domain is as verified as it was.
      if (email !== user.email) await write(user, { email }, 'spelling', changer, transaction);
      if (user.pending_email === null) return;
      await write(user, claimColumns(user, null, false), 'pending_removed', changer, transaction);
      await oneTimeTokens.discard(user.id, ['email_verification'], transaction);
    } else if (!isSameAddress(email, user.pending_email)) {
      await claim(user, email, changer, transaction);
    }
  };
}

type Write = (user: User, values: Partial<User>, change: Change, changer: Changer, transaction: Transaction) => Promise<void>;

const createRemoval =
  ({ oneTimeTokens, sessions, outbox, clock }: Parts, write: Write) =>
  async (user: User, changer: Changer, transaction: Transaction): Promise<void> => {
    const { email, verified_email_fold } = user;
    const none = { email: null, email_fold: null, email_verified_at: null, verified_email_fold: null };
    const pending = { pending_email: null, pending_email_fold: null, email_set_by_admin: false };
    await write(user, { ...none, ...pending }, 'removed', changer, transaction);
    await oneTimeTokens.discard(user.id, ['email_verification', 'password_reset', 'invitation'], transaction);
    if (verified_email_fold === null) return;
    const { by, sessionId } = changer;
    await sessions.endAllOf(user.id, { reason: 'email_changed', by }, transaction, sessionId);
    await outbox.post({ purpose: 'email_changed', client: asSeenBy(user, by), at: new Date(clock.now()) }, email, transaction);
  };

const createClaiming =
  ({ verification, oneTimeTokens, outbox, clock }: Parts, write: Write) =>
  async (user: User, email: string, changer: Changer, transaction: Transaction): Promise<void> => {
    const isVerified = user.verified_email_fold !== null;
    await write(user, claimColumns(user, email, changer.sessionId === undefined), isVerified ? 'pending' : 'claimed', changer, transaction);
    // A reset goes to the verified address, which stays in force; an invitation is bound to the claim that was replaced.
    const replaced = isVerified ? (['email_verification'] as const) : (['email_verification', 'password_reset', 'invitation'] as const);
    await oneTimeTokens.discard(user.id, replaced, transaction);
    const client = asSeenBy(user, changer.by);
    if (isVerified) await outbox.post({ purpose: 'email_pending', client, at: new Date(clock.now()) }, user.email, transaction);
    // An account without password and verified address is verified by its invitation: its user cannot sign in to confirm the claim.
    if (user.hashed_password !== null || isVerified) await verification.ask(user, client, transaction);
  };

const isSameAddress = (one: string, other: string | null): boolean => other !== null && isSameMailbox(one, other);
