import type { Acr } from './acr.js';

/** The claims of an access token (RFC 9068 §2.2); times are NumericDates, in seconds. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly username: string;
  readonly scope: string;
  /** Of the session that it belongs to. */
  readonly sid: string;
  /** Of the refresh token that it came with: seeing this one in use shows that the other arrived. */
  readonly refresh_counter: number;
  /** See `TokenIds`. */
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  /** When the user last authenticated, by `amr` (RFC 8176) and with the strength `acr`. */
  readonly auth_time: number;
  readonly amr: readonly string[];
  readonly acr: Acr;
  /** Absent in tokens of 0.1. */
  readonly client_id?: string;
}
