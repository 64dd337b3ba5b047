import type { Transaction } from 'sequelize';
import { AppError } from '../../errors/app-error.js';
import type { Client, Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import { foldEmail } from '../../lib/email-address.js';
import type { User } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import type { LoginNames } from './login-names.js';

/** How an address that somebody claims is shown to be theirs. */
export interface EmailVerification {
  /**
   * Sends a user's claimed address a token; where it is another account's verified one, its owner a notice in its place,
   * for the same work. Nothing for a user without an address, or whose address is verified.
   */
  ask(user: User, client: Client, transaction: Transaction): Promise<void>;
  /** Makes the claimed address the user's own, from then on good for logging in. Throws `conflict` where another account was first. */
  confirm(user: User, by: Doer, transaction: Transaction): Promise<void>;
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
      const { email } = user;
      if (email === null || user.verified_email_fold !== null) return;
      const owner = await names.ownerOf(email, transaction);
      const purpose = 'email_verification';
      const whose = owner === null ? { userId: user.id, emailFold: foldEmail(email) } : { userId: null, emailFold: null };
      const issued = await oneTimeTokens.issue({ purpose, ...whose }, transaction);
      if (owner === null) await outbox.post({ purpose, username: user.username, ...issued }, email, transaction);
      else await outbox.post(noticeOfClaim(owner, client, clock), owner.email, transaction);
    },
    confirm: async (user, by, transaction) => {
      const { email } = user;
      if (email === null) throw new TypeError('there is no address to confirm');
      if (user.verified_email_fold !== null) return;
      if (!(await names.mayVerify(email, user, transaction))) {
        throw new AppError('conflict', { details: { detail: 'Another account has this e-mail address' } });
      }
      const now = new Date(clock.now());
      await user.update({ verified_email_fold: foldEmail(email), email_verified_at: now, updated_at: now }, { transaction });
      audit.record({ type: 'account.email_verified', by, userId: user.id }, transaction);
    },
  };
}

const noticeOfClaim = ({ username }: User, client: Client, clock: Clock) =>
  ({ purpose: 'email_claimed', username, client, at: new Date(clock.now()) }) as const;
