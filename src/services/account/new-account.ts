import type { CreationAttributes } from 'sequelize';
import { foldEmail } from '../../lib/email-address.js';
import { foldName } from '../../lib/names.js';
import type { User } from '../../models/user.model.js';

interface NewAccount {
  readonly username: string;
  readonly email: string | null;
  /** Whether somebody else than the user gave the address. */
  readonly emailSetByAdmin: boolean;
  readonly roles: readonly string[];
  /** Null where its owner has yet to set a password. */
  readonly hash: string | null;
  /** Whether the hash was made elsewhere. */
  readonly imported?: boolean;
}

/** The row of a new account: its address is unverified. */
export const newAccount = (
  { username, email, emailSetByAdmin, roles, hash, imported = false }: NewAccount,
  now: Date,
): CreationAttributes<User> => ({
  username,
  username_fold: foldName(username),
  hashed_password: hash,
  hash_truncates: imported,
  email,
  email_fold: email === null ? null : foldEmail(email),
  email_verified_at: null,
  verified_email_fold: null,
  pending_email: null,
  pending_email_fold: null,
  email_set_by_admin: email !== null && emailSetByAdmin,
  display_name: null,
  display_name_fold: null,
  roles: [...roles],
  disabled_at: null,
  created_at: now,
  updated_at: now,
});
