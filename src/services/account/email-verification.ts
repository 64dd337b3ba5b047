import type { Transaction } from 'sequelize';
import { AppError } from '../../errors/app-error.js';
import type { Client, Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { User } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import { emailClaimOf } from './email-claim.js';
import type { LoginNames } from './login-names.js';

/** How the address that an account claims becomes its verified one. */
export interface EmailVerification {
  /**
   * Mails the claimed address a verification token and a rejection token. Where the address is another account's verified one,
   * its owner gets a notice instead, for the same work. Does nothing for an account without a claim.
   */
  ask(user: User, client: Client, transaction: Transaction): Promise<void>;
  /**
   * Makes the claimed address of a locked user the verified one, and notifies the address that it replaces. Does nothing
   * without a claim. Throws `conflict` where another account verified the address first.
   */
  confirm(user: User, by: Doer, transaction: Transaction, sessionId?: string): Promise<void>;
}

interface Parts {
  readonly names: LoginNames;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly outbox: OutboxService;
  readonly audit: AuditService;
  readonly clock: Clock;
}

export function createEmailVerification({ names, oneTimeTokens, outbox, audit, clock }: Parts): EmailVerification {
  return {
    ask: async (user, client, transaction) => {
      const claim = emailClaimOf(user);
      if (claim === null) return;
      const found = await names.ownerOf(claim.email, transaction);
      // The user's own verified address can look like the claimed one and be another mailbox.
      const owner = found?.id === user.id ? null : found;
      const whose = owner === null ? { userId: user.id, emailFold: claim.fold } : { userId: null, emailFold: null };
      const issued = await oneTimeTokens.issue({ purpose: 'email_verification', ...whose }, transaction);
      const rejection = await oneTimeTokens.issue({ purpose: 'email_rejection', ...whose }, transaction);
      if (owner === null) await outbox.post({ purpose: 'email_verification', ...issued, rejection }, claim.email, transaction);
      else await outbox.post({ purpose: 'email_claimed', client, at: new Date(clock.now()) }, owner.email, transaction);
    },
    confirm: async (user, by, transaction, sessionId) => {
      const claim = emailClaimOf(user);
      if (claim === null) return;
      if (!(await names.mayVerify(claim.email, user, transaction))) {
        throw new AppError('conflict', { details: { detail: 'Another account has this e-mail address' } });
      }
      const replaced = user.verified_email_fold === null ? null : user.email;
      const now = new Date(clock.now());
      const verified = { email: claim.email, email_fold: claim.fold, verified_email_fold: claim.fold, email_verified_at: now };
      const claimed = { pending_email: null, pending_email_fold: null, email_set_by_admin: false };
      await user.update({ ...verified, ...claimed, updated_at: now }, { transaction });
      if (replaced !== null) await outbox.post({ purpose: 'email_changed', client: by, at: now }, replaced, transaction);
      audit.record({ type: 'account.email_verified', by, userId: user.id, ...(sessionId === undefined ? {} : { sessionId }) }, transaction);
    },
  };
}
