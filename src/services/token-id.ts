import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AccessTokenClaims } from '../lib/access-token-claims.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';

/** The claims that a `jti` vouches for. */
type VouchedClaims = Pick<AccessTokenClaims, 'sub' | 'sid' | 'refresh_counter' | 'scope' | 'iat' | 'exp' | 'auth_time' | 'amr' | 'acr'>;

/**
 * Token ids (`jti`, RFC 7519 §4.1.7) that only a holder of ROOT_KEY can compute, so that a holder of SECRET_KEY cannot forge a
 * token that is accepted where they are verified.
 */
export interface TokenIds {
  /** Returns the id of a token with these claims: HMAC-SHA-256 in base64url. */
  of(claims: VouchedClaims): string;
  /** Reports, in constant time, whether the `jti` is the id of a token with these claims. */
  matches(claims: VouchedClaims & Pick<AccessTokenClaims, 'jti'>): boolean;
}

export function createTokenIds(rootKeys: RootKeys): TokenIds {
  const keys = deriveKeys(rootKeys, 'access token id');
  const idUnder = (key: Buffer, claims: VouchedClaims): string => createHmac('sha256', key).update(encoded(claims)).digest('base64url');
  const isUnder = (key: Buffer, claims: VouchedClaims & Pick<AccessTokenClaims, 'jti'>): boolean => {
    const [expected, presented] = [Buffer.from(idUnder(key, claims)), Buffer.from(claims.jti)];
    return expected.length === presented.length && timingSafeEqual(expected, presented);
  };
  return {
    of: (claims) => idUnder(keys.current, claims),
    matches: (claims) => keys.all.some((key) => isUnder(key, claims)),
  };
}

/** One JSON array of typed values: no two sets of claims have the same encoding. */
const encoded = ({ sub, sid, refresh_counter, scope, iat, exp, auth_time, amr, acr }: VouchedClaims): string =>
  JSON.stringify([sub, sid, refresh_counter, scope, iat, exp, auth_time, amr, acr]);
