/** What a client is told of a fault: the status, the public text, and the OAuth error it maps to (RFC 6749 §5.2). */
export interface CodeEntry {
  readonly status: number;
  readonly detail: string;
  /** Left out where the code itself is the OAuth error. */
  readonly oauth?: 'invalid_request' | 'invalid_grant' | 'temporarily_unavailable';
}

const define = <Code extends string>(codes: Record<Code, CodeEntry>): Readonly<Record<Code, CodeEntry>> => codes;

/** Every code a client can meet, once: the error handler, `/errors` and the OpenAPI document read it here. */
export const CODES = define({
  malformed_request: { status: 400, detail: 'The request cannot be read', oauth: 'invalid_request' },
  invalid_grant: { status: 400, detail: 'The grant is not valid' },
  refresh_token_reused: { status: 400, detail: 'The refresh token was used before: its session has ended', oauth: 'invalid_grant' },
  session_revoked: { status: 400, detail: 'The session has ended', oauth: 'invalid_grant' },
  token_invalid_or_expired: { status: 400, detail: 'The token is invalid, used or expired' },
  unsupported_grant_type: { status: 400, detail: 'This grant_type is not offered' },
  invalid_credentials: { status: 401, detail: 'Incorrect username or password', oauth: 'invalid_grant' },
  invalid_token: { status: 401, detail: 'Token is invalid or expired' },
  authentication_required: { status: 401, detail: 'A Bearer access token is required' },
  reauthentication_required: { status: 401, detail: 'A recent authentication is required; log in again or step up' },
  insufficient_scope: { status: 403, detail: 'The access token does not cover this' },
  current_password_invalid: { status: 403, detail: 'The current password is wrong' },
  account_disabled: { status: 403, detail: 'This account is disabled', oauth: 'invalid_grant' },
  not_found: { status: 404, detail: 'There is nothing at this address' },
  method_not_allowed: { status: 405, detail: 'This address does not take this method; see the Allow header', oauth: 'invalid_request' },
  not_acceptable: { status: 406, detail: 'The answer is JSON, which the Accept header refuses', oauth: 'invalid_request' },
  request_timeout: { status: 408, detail: 'The request took too long to arrive', oauth: 'invalid_request' },
  username_taken: { status: 409, detail: 'Username already registered' },
  conflict: { status: 409, detail: 'The change conflicts with what is there' },
  last_administrator: { status: 409, detail: 'The last administrator cannot be demoted, disabled or deleted' },
  payload_too_large: { status: 413, detail: 'The body is larger than 100 kB', oauth: 'invalid_request' },
  unsupported_media_type: {
    status: 415,
    detail: 'The body must be of a type, charset and encoding that this address takes',
    oauth: 'invalid_request',
  },
  validation_failed: { status: 422, detail: 'The request breaks a rule; see errors', oauth: 'invalid_request' },
  password_too_short: { status: 422, detail: 'The password is too short', oauth: 'invalid_request' },
  password_too_long: { status: 422, detail: 'The password may have 256 characters at most', oauth: 'invalid_request' },
  password_too_common: {
    status: 422,
    detail: 'The password is a common one, or little more than a name that goes with this service',
    oauth: 'invalid_request',
  },
  password_contains_username: { status: 422, detail: 'The password must not be the username', oauth: 'invalid_request' },
  header_too_large: { status: 431, detail: 'The address and headers are larger than 16 kB, or more than 100', oauth: 'invalid_request' },
  rate_limited: { status: 429, detail: 'Too many tries; wait as long as Retry-After says', oauth: 'invalid_request' },
  internal_error: { status: 500, detail: 'Something went wrong on our side' },
  unavailable: { status: 503, detail: 'A part this needs is away; try again shortly', oauth: 'temporarily_unavailable' },
  overloaded: { status: 503, detail: 'Too much work is waiting; try again shortly', oauth: 'temporarily_unavailable' },
});

export type Code = keyof typeof CODES;
export type PasswordCode = Extract<Code, `password_${string}`>;
