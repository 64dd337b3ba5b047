import type { Doer } from '../../lib/actor.js';

/** Every kind of event that is kept, once: authentication, authorization, and what administers or guards either (ASVS 16.3). */
export const AUDIT_EVENTS = {
  'account.registered': 'Somebody registered',
  'account.created': 'An administrator or an import made an account',
  'account.invited': 'An administrator invited somebody to an account',
  'account.changed': 'A name or other fact of an account was changed; details say which',
  'account.email_changed': 'An account claims another e-mail address, or none',
  'account.email_verified': 'An account’s e-mail address was shown to be its owner’s',
  'account.roles_changed': 'An account was given other roles',
  'account.disabled': 'An account was disabled',
  'account.enabled': 'An account was enabled again',
  'account.deleted': 'An account was deleted',
  'log_in.succeeded': 'Somebody logged in',
  'log_in.failed': 'A log-in was refused; details say why',
  'limit.reached': 'Somebody tried too often and has to wait; details say what and by what it is counted',
  'session.ended': 'Sessions were ended; details say why and how many',
  'access.denied': 'Somebody who is known asked for what they may not',
  'reauthentication.failed': 'The current password, asked for a second time, was wrong',
  'password.changed': 'A user changed their password',
  'password.reset_requested': 'A password reset was asked for',
  'password.reset': 'A password was set by a token or a recovery code',
  'password.reset_failed': 'A reset by a token or a recovery code was refused',
  'password.rehashed': 'A password’s hash was made anew at a log-in',
  'email.verification_requested': 'A verification of an e-mail address was asked for',
  'email.verification_failed': 'A verification of an e-mail address was refused',
  'recovery_codes.created': 'A user made new recovery codes',
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
