import type { Doer } from '../../lib/actor.js';

/** Every audit event type with its meaning: authentication, authorization, and changes to either (ASVS 16.3). */
export const AUDIT_EVENTS = {
  'account.registered': 'Somebody registered',
  'account.created': 'An administrator or an import made an account',
  'account.invited': 'An administrator invited somebody to an account',
  'account.changed': 'A name or other fact of an account was changed; details say which',
  'account.email_changed': 'The e-mail address of an account, or the pending one, was set or removed; details say which',
  'account.email_verified': 'An account’s e-mail address was shown to be its owner’s',
  'account.email_rejected': 'The owner of a mailbox rejected an unverified address of an account',
  'account.roles_changed': 'An account was given other roles',
  'account.disabled': 'An account was disabled',
  'account.enabled': 'An account was enabled again',
  'account.unlocked': 'An administrator cleared the failed attempts of an account that was not disabled',
  'account.deleted': 'An account was deleted',
  'log_in.succeeded': 'Somebody logged in',
  'log_in.failed': 'A log-in was refused, or was correct and could not be completed; details say why',
  'limit.reached': 'A rate limit was reached, or refused a request; details name the limit and what it counts by',
  'session.ended': 'Sessions were ended; details say why and how many',
  'access.denied': 'An authenticated caller lacked the scope or the ownership for a request; details say which',
  'token.rejected': 'An access token, refresh token or service key was refused; details say which and why',
  'reauthentication.failed': 'The current password, asked for a second time, was wrong',
  'reauthentication.succeeded': 'A signed-in user authenticated again (step-up); details say how',
  'password.changed': 'A user changed their password',
  'password.reset_requested': 'A password reset was asked for',
  'password.reset': 'A password was set by a token or a recovery code; of a link that was handed over, by whoever issued it',
  'password.reset_failed': 'A reset by a token or a recovery code was refused',
  'password.rehashed': 'A password’s hash was made anew at a log-in',
  'email.verification_requested': 'A verification of an e-mail address was asked for',
  'email.verification_failed': 'A verification of an e-mail address was refused',
  'recovery_codes.created': 'A user made new recovery codes',
  'recovery_codes.used': 'A recovery code was used; details say how many remain',
  'recovery_codes.deleted': 'A user deleted their recovery codes',
  'recovery_codes.revoked': 'A change of credentials revoked recovery codes; details say why and how many',
  'service_key.created': 'A key for another service was made',
  'service_key.revoked': 'A key of another service was revoked',
  'signing_key.rotated': 'A new signing key was made',
  'users.imported': 'Users were imported; details say how many',
  'users.exported': 'Users were exported',
  'audit.exported': 'Audit events were exported',
  'audit.pruned': 'Audit events older than the retention were removed',
  'root_key.replaced': 'The database is used with another ROOT_KEY; `previous_lost` where an operator had lost the one before',
  'backup.made': 'A backup was made',
  'backup.restored': 'A backup was put back; every session has ended',
} as const;

export type AuditType = keyof typeof AUDIT_EVENTS;

/**
 * The types that a caller can cause without limit and that change nothing. Further events of one kind by one caller are
 * counted for a minute and recorded as one. A failed authentication attempt is never among them (ASVS 16.3.1): rate limits
 * bound how many there are.
 */
const SUMMARISED: ReadonlySet<string> = new Set<AuditType>([
  'access.denied',
  'email.verification_failed',
  'limit.reached',
  'token.rejected',
]);

/** Reports whether events of that type are summarised. */
export const isSummarised = (type: string): boolean => SUMMARISED.has(type);

/** What is told of an event beyond its columns: never a secret, a token, or text that somebody typed. */
export type AuditDetail = string | number | boolean | null | readonly string[];
export type AuditDetails = Readonly<Record<string, AuditDetail>>;

const isAuditDetail = (value: unknown): value is AuditDetail =>
  value === null ||
  ['string', 'number', 'boolean'].includes(typeof value) ||
  (Array.isArray(value) && value.every((one) => typeof one === 'string'));

/** Whether something read from elsewhere is what is told of an event. */
export const isAuditDetails = (value: unknown): value is AuditDetails =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isAuditDetail);

/** Something that happened, as it is recorded. */
export interface NewAuditEvent {
  readonly type: AuditType;
  readonly by: Doer;
  /** Whom it is about, where that is a user. */
  readonly userId?: number | null;
  readonly sessionId?: string | null;
  readonly details?: AuditDetails;
}
