import type { Transaction } from 'sequelize';
import type { User } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { RecoveryCodeService } from '../recovery-code.service.js';
import type { Ending, SessionService } from '../session/session.service.js';
import { claimColumns } from './email-claim.js';
import type { FactorsOf } from './factors.js';

/** What became of the recovery codes of an account. */
export interface RecoveryCodesAfter {
  readonly revoked: number;
  readonly remaining: number;
}

/**
 * Revokes what others may hold of a locked account whose password was set, or whose address was verified without a session:
 * every session but `keptSession`, unused one-time tokens, the pending address, and the recovery codes unless the account has
 * a factor or passkey (ASVS 7.4.3). Device cookies are bound to the password hash and end with it.
 */
export type CredentialRevocation = (user: User, why: Ending, transaction: Transaction, keptSession?: string) => Promise<RecoveryCodesAfter>;

interface Parts {
  readonly oneTimeTokens: OneTimeTokenService;
  readonly recoveryCodes: RecoveryCodeService;
  readonly sessions: Pick<SessionService, 'endAllOf'>;
  readonly audit: Pick<AuditService, 'record'>;
  readonly factorsOf: FactorsOf;
}

export function createCredentialRevocation(parts: Parts): CredentialRevocation {
  const { oneTimeTokens, recoveryCodes, sessions, audit, factorsOf } = parts;
  return async (user, why, transaction, keptSession) => {
    const { reason, by } = why;
    await oneTimeTokens.discard(user.id, ['password_reset', 'invitation', 'email_verification'], transaction);
    // An attacker who set a pending address could verify it after the change and reset the password by it.
    if (user.pending_email !== null) await user.update(claimColumns(user, null, false), { transaction });
    await sessions.endAllOf(user.id, why, transaction, keptSession);
    const { remaining } = await recoveryCodes.summary(user.id, transaction);
    if (factorsOf(user).hasFactor || remaining === 0) return { revoked: 0, remaining };
    const revoked = await recoveryCodes.removeAll(user.id, transaction);
    audit.record({ type: 'recovery_codes.revoked', by, userId: user.id, details: { reason, codes: revoked } }, transaction);
    return { revoked, remaining: 0 };
  };
}
