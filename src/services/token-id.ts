import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../lib/derived-key.js';
import type { AccessTokenClaims } from './token.service.js';

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

export function createTokenIds(rootKey: string): TokenIds {
  const key = deriveKey(rootKey, 'access token id');
  const of: TokenIds['of'] = (claims) => createHmac('sha256', key).update(encoded(claims)).digest('base64url');
  return {
    of,
    matches: (claims) => {
      const [expected, presented] = [Buffer.from(of(claims)), Buffer.from(claims.jti)];
      return expected.length === presented.length && timingSafeEqual(expected, presented);
    },
  };
}

/** One JSON array of typed values: no two sets of claims have the same encoding. */
const encoded = ({ sub, sid, refresh_counter, scope, iat, exp, auth_time, amr, acr }: VouchedClaims): string =>
  JSON.stringify([sub, sid, refresh_counter, scope, iat, exp, auth_time, amr, acr]);
