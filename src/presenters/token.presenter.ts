import type { Revocation } from '../models/revocation.model.js';
import type { Grant, TokenFacts } from '../services/session/session.service.js';

/** The answer of the token endpoint (RFC 6749 §5.1), and who logged in. */
export interface TokenShape {
  readonly access_token: string;
  readonly token_type: 'bearer';
  readonly expires_in: number;
  /** Absent where it travels in a cookie, and after a step-up. */
  readonly refresh_token?: string;
  readonly refresh_expires_in: number;
  readonly scope: string;
  readonly user: { readonly id: number; readonly username: string };
}

export const presentGrant = (grant: Grant, { withRefreshToken }: { withRefreshToken: boolean }): TokenShape => ({
  access_token: grant.accessToken,
  token_type: 'bearer',
  expires_in: grant.expiresInSeconds,
  ...(withRefreshToken ? { refresh_token: grant.refreshToken } : {}),
  refresh_expires_in: grant.refreshExpiresInSeconds,
  scope: grant.scope,
  user: grant.user,
});

/** What introspection tells (RFC 7662 §2.2); of a token that is not good it tells nothing else. */
export type IntrospectionShape =
  | { readonly active: false }
  | ({ readonly active: true; readonly iss: string; readonly aud: string; readonly token_type: string } & Pick<
      TokenFacts,
      'sub' | 'username' | 'scope' | 'iat' | 'exp' | 'sid' | 'auth_time' | 'amr' | 'acr'
    > & { readonly client_id: string });

export function presentIntrospection(
  facts: TokenFacts | undefined,
  { issuer, audience, clientId }: { issuer: string; audience: string; clientId: string },
): IntrospectionShape {
  if (facts === undefined) return { active: false };
  const { kind, sub, username, scope, iat, exp, sid, auth_time, amr, acr, client_id = clientId } = facts;
  const token_type = kind === 'access' ? 'bearer' : 'refresh_token';
  return { active: true, sub, username, scope, iat, exp, iss: issuer, aud: audience, sid, token_type, auth_time, amr, acr, client_id };
}

/** A session whose access tokens are refused. */
export interface RevocationShape {
  readonly sid: string;
  readonly revoked_at: string;
  /** By then the last of them has expired. */
  readonly expires_at: string;
  /** Where the session goes on: only access tokens up to this `refresh_counter` are refused. */
  readonly through?: number;
}

export const presentRevocation = ({ session_id, revoked_at, through }: Revocation, lifetimeSeconds: number): RevocationShape => ({
  sid: session_id,
  revoked_at: revoked_at.toISOString(),
  expires_at: new Date(revoked_at.getTime() + lifetimeSeconds * 1000).toISOString(),
  ...(through === null ? {} : { through }),
});
