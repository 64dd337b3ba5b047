import type { AccessTokenClaims } from '../lib/access-token-claims.js';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../errors/app-error.js';
import { bearerToken } from '../middleware/authenticate.js';
import { answerFault } from '../middleware/error-handler.js';
import { createVerifier, type Verifier, type VerifierSettings } from './verifier.js';

/** What a route behind `requireAuth` finds in `res.locals`. */
export interface AuthLocals extends Record<string, unknown> {
  auth: AccessTokenClaims;
}

interface Requirement {
  /** One that the token must have (RFC 6749 §3.3); left out, any good token will do. */
  readonly scope?: string | undefined;
  /** Called with the cause when a request is answered 503. */
  readonly onUnavailable?: ((cause: unknown) => void) | undefined;
  /** Called with the reason when a token is answered 401 `invalid_token`. The reason is for logs: the client must not learn it. */
  readonly onRefused?: ((reason: Error) => void) | undefined;
}

/** What is required, by a verifier that several routes may share, or by settings for one of its own. */
export type RequireAuthOptions = Requirement & ({ readonly verifier: Verifier } | (VerifierSettings & { readonly verifier?: undefined }));

/**
 * A handler of Express 4 and 5 that types `res.locals.auth` for the handlers of the same call. It names no type of Express, of which
 * a project may have either version.
 */
export interface AuthHandler {
  /** For a call whose other handlers annotate `res` as Express's own `Response`. */
  (req: IncomingMessage, res: ServerResponse & { locals: Record<string, unknown> }, next: (error?: unknown) => void): Promise<void>;
  // TypeScript infers the locals of the other handlers from the last signature; from a union it would infer that `auth` is unknown.
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- one signature with a union would lose the type of res.locals.auth
  (req: IncomingMessage, res: ServerResponse & { locals: AuthLocals }, next: (error?: unknown) => void): Promise<void>;
}

/** A scope-token of RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/**
 * Lets pass who bears a good access token, and puts its claims in `res.locals.auth`. Others it answers as the service
 * would (RFC 6750 §3, RFC 9457): 401, 400 for credentials that can't be read, 403 where the scope is missing, and 503
 * where it can't be known. Throws TypeError for options that can't be.
 */
export function requireAuth(options: RequireAuthOptions = {}): AuthHandler {
  const { scope, onUnavailable, onRefused } = options;
  const verifier = options.verifier ?? createVerifier({ ...options, onRefused: undefined });
  const base = verifier.issuer.replace(/\/$/, '');
  if (Object.hasOwn(options, 'scope') && !SCOPE.test(scope ?? '')) throw new TypeError('scope must be one scope of RFC 6749');

  const claimsOf = async (req: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>): Promise<AccessTokenClaims> => {
    const token = bearerToken(req);
    if (token === undefined) throw new AppError('authentication_required');
    const claims = await verifier.verify(token);
    if (scope !== undefined && !claims.scope.split(' ').includes(scope)) throw new AppError('insufficient_scope', { details: { scope } });
    return claims;
  };
  return async (req, res, next) => {
    try {
      res.locals.auth = await claimsOf(req);
    } catch (error) {
      if (error instanceof AppError) {
        if (error.code === 'unavailable') onUnavailable?.(error.cause);
        if (error.code === 'invalid_token' && error.cause instanceof Error) onRefused?.(error.cause);
        refuse(res, error, base);
      } else next(error);
      return;
    }
    next();
  };
}

function refuse(res: ServerResponse, fault: AppError, base: string): void {
  const requestId = String(res.getHeader('X-Request-Id') ?? randomUUID());
  res.setHeader('X-Request-Id', requestId);
  res.setHeader('Cache-Control', 'no-store');
  answerFault(res, fault, { requestId, base, oauth: false });
}
