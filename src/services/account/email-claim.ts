import { foldEmail } from '../../lib/email-address.js';
import type { User } from '../../models/user.model.js';

/** The address of an account that waits to be verified. */
export interface EmailClaim {
  readonly email: string;
  readonly fold: string;
}

type Columns = Pick<User, 'email' | 'verified_email_fold' | 'pending_email'>;

/** The unverified address of an account: the pending one beside a verified address, otherwise the only one; null for none. */
export function emailClaimOf({ email, verified_email_fold, pending_email }: Columns): EmailClaim | null {
  const claimed = verified_email_fold === null ? email : pending_email;
  return claimed === null ? null : { email: claimed, fold: foldEmail(claimed) };
}

/** The column values that make an address the claim of an account. */
export function claimColumns({ verified_email_fold }: Columns, email: string | null, setByAdmin: boolean): Partial<User> {
  const fold = email === null ? null : foldEmail(email);
  const email_set_by_admin = email !== null && setByAdmin;
  return verified_email_fold === null
    ? { email, email_fold: fold, email_set_by_admin }
    : { pending_email: email, pending_email_fold: fold, email_set_by_admin };
}
