import type { HandedLink, MadeAccount } from '../services/admin.service.js';
import { type AccountShape, presentAccount } from './user.presenter.js';

/** A link that an administrator hands over. */
export interface HandedLinkShape {
  readonly link: string;
  readonly expires_at: string;
}

/** A new account, with the invitation where an administrator hands it over. */
export interface MadeAccountShape extends AccountShape {
  readonly invitation?: HandedLinkShape & { readonly token: string };
}

export const presentHandedLink = ({ link, expiresAt }: HandedLink): HandedLinkShape => ({ link, expires_at: expiresAt.toISOString() });

export const presentMadeAccount = ({ user, invitation }: MadeAccount): MadeAccountShape => ({
  ...presentAccount(user),
  ...(invitation === undefined ? {} : { invitation: { ...presentHandedLink(invitation), token: invitation.token } }),
});
