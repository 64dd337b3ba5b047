import type { Client } from '../../lib/actor.js';

/** A link with a token that does one thing once, until then. */
interface WithToken {
  readonly username: string;
  readonly token: string;
  readonly expiresAt: Date;
}

/** Something that was done to an account, from where and when. */
interface Notice {
  readonly username: string;
  readonly client: Pick<Client, 'ip' | 'userAgent'>;
  readonly at: Date;
}

/** Every mail that is sent, by what it is for. */
export type Mail =
  | ({ readonly purpose: 'email_verification' } & WithToken)
  | ({ readonly purpose: 'password_reset' } & WithToken)
  | ({ readonly purpose: 'invitation' } & WithToken)
  /** To the owner of a verified address that somebody else has claimed; `username` is the owner's. */
  | ({ readonly purpose: 'email_claimed' } & Notice)
  | ({ readonly purpose: 'new_device' } & Notice)
  | ({ readonly purpose: 'password_changed' } & Notice)
  /** To the address of before. */
  | ({ readonly purpose: 'email_changed' } & Notice)
  /** `username` is the name of before. */
  | ({ readonly purpose: 'username_changed'; readonly newUsername: string } & Notice)
  | ({ readonly purpose: 'recovery_codes_created' } & Notice)
  | ({ readonly purpose: 'account_deleted' } & Notice);

export type MailPurpose = Mail['purpose'];

/**
 * Reports whether a mail only tells a user of an action on their account, which must not fail for want of it. A mail with a
 * token is what was asked for; the notice of a claimed address takes its place, and must not be distinguishable from it.
 */
export const isSecurityNotice = (mail: Mail): boolean => !('token' in mail) && mail.purpose !== 'email_claimed';
