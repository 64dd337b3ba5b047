import type { User } from '../models/user.model.js';

/** A user as they and nobody else see themselves. */
export interface UserShape {
  readonly id: number;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly roles: readonly string[];
  readonly created_at: string;
}

export const presentUser = (user: User): UserShape => ({
  id: user.id,
  username: user.username,
  email: user.email,
  email_verified: user.email_verified_at !== null,
  roles: user.roles,
  created_at: user.created_at.toISOString(),
});
