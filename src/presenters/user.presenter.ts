import type { User } from '../models/user.model.js';
import type { RecoveryCodeSummary } from '../services/recovery-code.service.js';

/** A user as they register. */
export interface UserShape {
  readonly id: number;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly roles: readonly string[];
  readonly created_at: string;
}

/** A user as they see themselves. */
export interface ProfileShape extends UserShape {
  /** The address that replaces `email` once it is verified. */
  readonly pending_email: string | null;
  readonly display_name: string | null;
}

/** A user as administrators see them. */
export interface AccountShape extends ProfileShape {
  readonly disabled: boolean;
  /** Whether they can log in with one: whoever was invited can't, until they set it. */
  readonly has_password: boolean;
  readonly updated_at: string;
}

export const presentUser = (user: User): UserShape => ({
  id: user.id,
  username: user.username,
  email: user.email,
  email_verified: user.email_verified_at !== null,
  roles: user.roles,
  created_at: user.created_at.toISOString(),
});

export const presentProfile = (user: User): ProfileShape => ({
  ...presentUser(user),
  pending_email: user.pending_email,
  display_name: user.display_name,
});

export const presentAccount = (user: User): AccountShape => ({
  ...presentProfile(user),
  disabled: user.disabled_at !== null,
  has_password: user.hashed_password !== null,
  updated_at: user.updated_at.toISOString(),
});

/** How many recovery codes a user has left, and when they were made. */
export interface RecoveryCodesShape {
  readonly remaining: number;
  readonly created_at: string | null;
}

export const presentRecoveryCodes = ({ remaining, createdAt }: RecoveryCodeSummary): RecoveryCodesShape => ({
  remaining,
  created_at: createdAt?.toISOString() ?? null,
});
