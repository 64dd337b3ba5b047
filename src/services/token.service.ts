import jwt from 'jsonwebtoken';
import type { Algorithm } from '../../config/index.js';
import { AppError } from '../errors/app-error.js';
import type { AccessTokenClaims } from '../lib/access-token-claims.js';
import { type Acr, DEFAULT_ACR, isAcr } from '../lib/acr.js';
import type { Clock } from '../lib/clock.js';
import type { RootKeys } from '../lib/derived-key.js';
import { MAX_SCOPE_CHARACTERS } from '../lib/roles.js';
import { isUuid } from '../lib/uuid.js';
import type { KeyService } from './key/key.service.js';
import { createTokenIds } from './token-id.js';

/** Longer tokens are refused unread. Those that are issued have about 500 characters, and 6,000 with the longest scope. */
const MOST_CHARACTERS = 8192;
/** How far another instance's clock may be ahead of ours when it signs. */
export const CLOCK_SKEW_SECONDS = 5;

/** Of a signature: 64 bytes (RFC 7518 §3.4). */
const ES256_CHARACTERS = 86;

/** The claims as they stand in a token: those that were added after 0.1 may be absent for one release. */
type AccessTokenPayload = Omit<AccessTokenClaims, 'acr'> & { readonly acr?: Acr };

/** Whom a token is for, and how and when they last authenticated. */
export interface TokenSubject {
  readonly userId: number;
  readonly username: string;
  readonly scope: string;
  readonly sessionId: string;
  readonly refreshCounter: number;
  readonly amr: readonly string[];
  readonly acr: Acr;
  readonly authenticatedAt: Date;
  /** It lives no longer than its session. */
  readonly sessionEndsAt: Date;
}

export interface IssuedToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

export interface TokenService {
  /**
   * Issues a signed access token, valid from now on. Throws an Error where the scope does not fit, as `verify` would refuse the
   * token: ROLES gave a role more scopes after the user got it. `doctor` lists such users.
   */
  issue(subject: TokenSubject): IssuedToken;
  /**
   * The claims of a token that is ours, whole, and in its time. Throws `invalid_token` for any other, whatever the
   * cause (RFC 8725, RFC 9068 §4; ASVS 9.1.1–9.2.4). Says nothing of its session: that is `session.service`'s.
   */
  verify(token: string): AccessTokenClaims;
  /**
   * Reports whether verified claims are those of a token that this service issued, by their `jti`. A holder of SECRET_KEY can
   * sign any claims, but can't compute their `jti`.
   */
  isOwn(claims: AccessTokenClaims): boolean;
  /** Returns the claims of a token that is ours and whole, also of one that has expired; undefined for any other. */
  identify(token: string): AccessTokenClaims | undefined;
  /** Reports whether the time of a token with these claims is over. */
  hasExpired(claims: Pick<AccessTokenClaims, 'iat' | 'exp'>): boolean;
}

interface TokenSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly lifetimeSeconds: number;
}

interface Parts {
  readonly keys: Pick<KeyService, 'algorithm' | 'signing' | 'find'>;
  readonly rootKeys: RootKeys;
  readonly clock: Clock;
  readonly settings: TokenSettings;
}

export function createTokenService({ keys, rootKeys, clock, settings }: Parts): TokenService {
  const { issuer, audience, clientId, lifetimeSeconds } = settings;
  const ids = createTokenIds(rootKeys);
  const seconds = (): number => Math.floor(clock.now() / 1000);
  /** Throws `invalid_token` for a token that is not ours or not whole. */
  const read = (token: string, { ignoreExpiration = false } = {}): AccessTokenClaims => {
    const key = token.length <= MOST_CHARACTERS ? keys.find(token.slice(0, token.indexOf('.'))) : undefined;
    if (key === undefined || !isSignature(token.slice(token.lastIndexOf('.') + 1), keys.algorithm)) throw new AppError('invalid_token');
    const now = seconds();
    const options = { algorithms: [keys.algorithm], issuer, audience, clockTimestamp: now, ignoreExpiration };
    const payload = refusing(() => jwt.verify(token, key, options));
    if (!isAccessTokenPayload(payload) || payload.iat > now + CLOCK_SKEW_SECONDS) throw new AppError('invalid_token');
    return toClaims(payload);
  };
  // The second where the setting was lowered: what is kept of revoked sessions is kept for this long.
  const hasExpired: TokenService['hasExpired'] = ({ iat, exp }) => Math.min(exp, iat + lifetimeSeconds) <= seconds();

  return {
    hasExpired,
    identify: (token) => {
      try {
        return read(token, { ignoreExpiration: true });
      } catch (error) {
        if (error instanceof AppError) return undefined;
        throw error;
      }
    },
    issue: ({ userId, username, scope, sessionId, refreshCounter, amr, acr, authenticatedAt, sessionEndsAt }) => {
      if (scope.length > MAX_SCOPE_CHARACTERS)
        throw new Error(`the scopes of user ${userId} do not fit an access token: take scopes out of ROLES, or roles from the user`);
      const iat = seconds();
      const exp = Math.min(iat + lifetimeSeconds, Math.floor(sessionEndsAt.getTime() / 1000));
      const vouched = {
        sub: String(userId),
        sid: sessionId,
        refresh_counter: refreshCounter,
        scope,
        iat,
        exp,
        auth_time: Math.floor(authenticatedAt.getTime() / 1000),
        amr,
        acr,
      };
      const claims: AccessTokenClaims = {
        iss: issuer,
        aud: audience,
        username,
        client_id: clientId,
        jti: ids.of(vouched),
        ...vouched,
      };
      const { key, header } = keys.signing();
      return { accessToken: jwt.sign(claims, key, { algorithm: keys.algorithm, header }), expiresInSeconds: exp - iat };
    },
    verify: (token) => {
      const claims = read(token);
      if (hasExpired(claims)) throw new AppError('invalid_token');
      return claims;
    },
    isOwn: (claims) => ids.matches(claims),
  };
}

/** How the last character of base64url may be, by how many characters are over: its unused bits are 0 (RFC 4648 §3.5). */
const LAST_CHARACTER: readonly RegExp[] = [/./, /(?!)/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/];

/** One spelling alone of base64url, as the library takes others; and of ECDSA one length, as it throws a TypeError at any other. */
const isSignature = (text: string, algorithm: Algorithm): boolean =>
  LAST_CHARACTER[text.length % 4]?.test(text) === true && (algorithm !== 'ES256' || text.length === ES256_CHARACTERS);

/** A payload that is no JSON makes the library throw the parser's own SyntaxError. */
function refusing<T>(verify: () => T): T {
  try {
    return verify();
  } catch (error) {
    if (error instanceof jwt.JsonWebTokenError || error instanceof SyntaxError) throw new AppError('invalid_token', { cause: error });
    throw error;
  }
}

const isWhole = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value);

/** Each claim is there, unless it may be absent, and of its type; the library checks `aud`, `iss` and `exp` only for what they hold. */
export function isAccessTokenPayload(payload: unknown): payload is AccessTokenPayload {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false;
  const claims: Partial<Record<keyof AccessTokenClaims, unknown>> = payload;
  return (
    typeof claims.iss === 'string' &&
    typeof claims.aud === 'string' &&
    typeof claims.sub === 'string' &&
    /^[1-9]\d{0,15}$/.test(claims.sub) &&
    typeof claims.username === 'string' &&
    typeof claims.scope === 'string' &&
    typeof claims.sid === 'string' &&
    isUuid(claims.sid) &&
    isWhole(claims.refresh_counter) &&
    claims.refresh_counter > 0 &&
    typeof claims.jti === 'string' &&
    isWhole(claims.iat) &&
    isWhole(claims.exp) &&
    isWhole(claims.auth_time) &&
    Array.isArray(claims.amr) &&
    claims.amr.every((method) => typeof method === 'string') &&
    (claims.acr === undefined || isAcr(claims.acr)) &&
    (claims.client_id === undefined || typeof claims.client_id === 'string')
  );
}

/** Fills in what tokens of 0.1 leave out. A token that has everything is not copied: every verification passes here. */
export const toClaims = (payload: AccessTokenPayload): AccessTokenClaims => (hasAcr(payload) ? payload : { ...payload, acr: DEFAULT_ACR });

const hasAcr = (payload: AccessTokenPayload): payload is AccessTokenClaims => payload.acr !== undefined;
