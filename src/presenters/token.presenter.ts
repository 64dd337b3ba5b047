import type { LogIn } from '../services/auth.service.js';

/** The answer of the token endpoint (RFC 6749 §5.1), and who logged in. */
export interface TokenShape {
  readonly access_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  readonly scope: string;
  readonly user: { readonly id: number; readonly username: string };
}

export const presentLogIn = ({ accessToken, expiresInSeconds, scope, user }: LogIn): TokenShape => ({
  access_token: accessToken,
  token_type: 'bearer',
  expires_in: expiresInSeconds,
  scope,
  user,
});
