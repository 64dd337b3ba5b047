import type { MadeAccount } from '../services/admin.service.js';
import { type AccountShape, presentAccount } from './user.presenter.js';

/** A new account, with the invitation where somebody has to hand it over. */
export interface MadeAccountShape extends AccountShape {
  readonly invitation?: { readonly token: string; readonly expires_at: string };
}

export const presentMadeAccount = ({ user, invitation }: MadeAccount): MadeAccountShape => ({
  ...presentAccount(user),
  ...(invitation === undefined ? {} : { invitation: { token: invitation.token, expires_at: invitation.expiresAt.toISOString() } }),
});
