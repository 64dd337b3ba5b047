import type { Client } from '../../lib/actor.js';
import type { RecoveryCodesAfter } from '../account/credential-revocation.js';
import type { IssuedToken } from '../one-time-token.service.js';

/** A token that a mail has a link with. Its life begins when the mail is sent. */
type MailedToken = Pick<IssuedToken, 'tokenId' | 'token' | 'minutes'>;

/** Something that was done to an account, from where and when. */
interface Notice {
  readonly client: Pick<Client, 'ip' | 'userAgent'>;
  readonly at: Date;
}

/** What allowed a password to be set. */
export type PasswordSetBy = 'current_password' | 'password_reset' | 'invitation' | 'recovery_code';

/** Every mail that is sent, by what it is for. A username is in a mail only where its reader needs it. */
export type Mail =
  /** `rejection` removes the unverified address from the account. */
  | ({ readonly purpose: 'email_verification'; readonly rejection: MailedToken } & MailedToken)
  | ({ readonly purpose: 'password_reset' } & MailedToken)
  | ({ readonly purpose: 'invitation'; readonly username: string } & MailedToken)
  /** To the owner of a verified address that another account claims. */
  | ({ readonly purpose: 'email_claimed' } & Notice)
  | ({ readonly purpose: 'new_device' } & Notice)
  | ({ readonly purpose: 'password_changed'; readonly how: PasswordSetBy; readonly codes: RecoveryCodesAfter } & Notice)
  /** To the address that was replaced or removed. */
  | ({ readonly purpose: 'email_changed' } & Notice)
  /** To the verified address, when another one is pending. */
  | ({ readonly purpose: 'email_pending' } & Notice)
  /** To an address that was verified without a session of the account. */
  | ({ readonly purpose: 'email_verified'; readonly codes: RecoveryCodesAfter } & Notice)
  /** `username` is the former name. */
  | ({ readonly purpose: 'username_changed'; readonly username: string; readonly newUsername: string } & Notice)
  | ({ readonly purpose: 'recovery_codes_created' } & Notice)
  | ({ readonly purpose: 'recovery_codes_deleted' } & Notice)
  | ({ readonly purpose: 'account_deleted' } & Notice);

export type MailPurpose = Mail['purpose'];

/**
 * Reports whether a mail only tells a user of an action on their account, which must not fail for want of it. A mail with a
 * token is what was asked for; the notice of a claimed address takes its place, and must not be distinguishable from it.
 */
export const isSecurityNotice = (mail: Mail): boolean => !('token' in mail) && mail.purpose !== 'email_claimed';
