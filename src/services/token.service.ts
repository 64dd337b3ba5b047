import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { AppError } from '../errors/app-error.js';
import type { Clock } from '../lib/clock.js';
import type { KeyService } from './key.service.js';

/** Longer ones are refused unread. Ours have about 500 characters. */
const MOST_CHARACTERS = 8192;
/** How far another instance's clock may be ahead of ours when it signs. */
const CLOCK_SKEW_SECONDS = 5;

/** The claims of an access token (RFC 9068 §2.2); times are NumericDates. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly username: string;
  readonly scope: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly auth_time: number;
  readonly amr: readonly string[];
}

/** Whom a token is for, and how they logged in (`amr`: RFC 8176). */
export interface TokenSubject {
  readonly userId: number;
  readonly username: string;
  readonly scope: string;
  readonly amr: readonly string[];
}

export interface IssuedToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

export interface TokenService {
  /** A signed access token for somebody who logged in just now. */
  issue(subject: TokenSubject): IssuedToken;
  /**
   * The claims of a token that is ours, whole, and in its time. Throws `invalid_token` for any other, whatever the
   * cause (RFC 8725, RFC 9068 §4; ASVS 9.1.1–9.2.4).
   */
  verify(token: string): AccessTokenClaims;
}

interface TokenSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
}

export function createTokenService({ keys, clock, settings }: { keys: KeyService; clock: Clock; settings: TokenSettings }): TokenService {
  const { issuer, audience, lifetimeSeconds } = settings;
  const seconds = (): number => Math.floor(clock.now() / 1000);

  return {
    issue: ({ userId, username, scope, amr }) => {
      const iat = seconds();
      const claims: AccessTokenClaims = {
        iss: issuer,
        aud: audience,
        sub: String(userId),
        username,
        scope,
        jti: randomUUID(),
        iat,
        exp: iat + lifetimeSeconds,
        auth_time: iat,
        amr,
      };
      const { key, header } = keys.signing;
      return { accessToken: jwt.sign(claims, key, { algorithm: keys.algorithm, header }), expiresInSeconds: lifetimeSeconds };
    },
    verify: (token) => {
      const key = token.length <= MOST_CHARACTERS ? keys.find(token.slice(0, token.indexOf('.'))) : undefined;
      if (key === undefined) throw new AppError('invalid_token');
      const now = seconds();
      const payload = refusing(() => jwt.verify(token, key, { algorithms: [keys.algorithm], issuer, audience, clockTimestamp: now }));
      if (!isAccessTokenClaims(payload) || payload.iat > now + CLOCK_SKEW_SECONDS) throw new AppError('invalid_token');
      return payload;
    },
  };
}

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

/** Each claim is there and of its type; the library checks `aud`, `iss` and `exp` only for what they hold. */
function isAccessTokenClaims(payload: unknown): payload is AccessTokenClaims {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return false;
  const claims: Partial<Record<keyof AccessTokenClaims, unknown>> = payload;
  return (
    typeof claims.iss === 'string' &&
    typeof claims.aud === 'string' &&
    typeof claims.sub === 'string' &&
    /^[1-9]\d{0,15}$/.test(claims.sub) &&
    typeof claims.username === 'string' &&
    typeof claims.scope === 'string' &&
    typeof claims.jti === 'string' &&
    isWhole(claims.iat) &&
    isWhole(claims.exp) &&
    isWhole(claims.auth_time) &&
    Array.isArray(claims.amr) &&
    claims.amr.every((method) => typeof method === 'string')
  );
}
