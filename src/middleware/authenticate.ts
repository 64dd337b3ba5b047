import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.js';
import type { TokenService } from '../services/token.service.js';
import type { Middleware } from './locals.js';

const unreadable = (detail: string): AppError => new AppError('malformed_request', { details: { detail, challenge: true } });

/**
 * The access token that came with a request (RFC 6750 §2). Throws `authentication_required` where there is none, and
 * `malformed_request` where it is sent twice, in the query, or without its two words.
 */
function bearerToken(request: IncomingMessage): string {
  if (/[?&]access_token=/i.test(request.url ?? '')) throw unreadable('An access token is not taken from the query');
  const headers = request.headersDistinct['authorization'] ?? [];
  if (headers.length > 1) throw unreadable('The Authorization header was sent twice');
  const [header = ''] = headers;
  if (!/^bearer(?: |$)/i.test(header)) throw new AppError('authentication_required');
  const token = /^bearer +(\S+)$/i.exec(header)?.[1];
  if (token === undefined) throw unreadable('The Authorization header must be: Bearer, a space, the token');
  return token;
}

/** Lets only signed-in users pass, by their access token; throws `invalid_token` for one that is not valid. */
export function authenticate(tokens: TokenService): Middleware {
  return (req, res, next) => {
    res.locals.userId = Number(tokens.verify(bearerToken(req)).sub);
    next();
  };
}
