import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { AppError } from '../errors/app-error.js';
import type { Actor, Caller, Client } from '../lib/actor.js';
import { isServiceKey, type ServiceKeyService } from '../services/service-key.service.js';
import type { SessionService } from '../services/session/session.service.js';
import type { Middleware } from './locals.js';

const unreadable = (detail: string): AppError => new AppError('malformed_request', { details: { detail, challenge: true } });

/**
 * The Bearer token that came with a request (RFC 6750 §2); undefined where there is none. Throws `malformed_request`
 * where it is sent twice, in the query, or without its two words.
 */
export function bearerToken(request: Pick<IncomingMessage, 'url' | 'headersDistinct'>): string | undefined {
  if (/[?&]access_token=/i.test(request.url ?? '')) throw unreadable('An access token is not taken from the query');
  const headers = request.headersDistinct['authorization'] ?? [];
  if (headers.length > 1) throw unreadable('The Authorization header was sent twice');
  const [header = ''] = headers;
  if (!/^bearer(?: |$)/i.test(header)) return undefined;
  const token = /^bearer +(\S+)$/i.exec(header)?.[1];
  if (token === undefined) throw unreadable('The Authorization header must be: Bearer, a space, the token');
  return token;
}

/** What the connection tells of who is at the other end. */
export const clientOf = (req: Pick<Request, 'ip' | 'headers'>, requestId: string): Client => ({
  // As one client has one address, whichever way its connection came in.
  ip: req.ip?.replace(/^::ffff:(?=\d+\.)/i, '') ?? null,
  userAgent: req.headers['user-agent'] ?? null,
  requestId,
});

interface Parts {
  readonly sessions: Pick<SessionService, 'authenticate'>;
  readonly serviceKeys: Pick<ServiceKeyService, 'authenticate'>;
}

/** What a route asks of whoever calls it. */
export interface Guards {
  /** Lets only signed-in users pass, by their access token. */
  readonly user: Middleware;
  /** Lets everybody pass, and says who it is where a Bearer token tells. */
  readonly anybody: Middleware;
  /** Lets services and users pass whose key or token has that scope. */
  withScope(scope: string): Middleware;
}

/** The guards of the routes; all throw `malformed_request` for credentials that can't be read, and `unavailable`. */
export function createGuards({ sessions, serviceKeys }: Parts): Guards {
  const actorOf = async (token: string, client: Client): Promise<{ actor: Actor; scopes: string[] }> => {
    const { sub, sid, scope } = await sessions.authenticate(token);
    return { actor: { ...client, userId: Number(sub), sessionId: sid }, scopes: scope.split(' ') };
  };
  const callerOf = async (token: string, client: Client): Promise<Caller> => {
    if (isServiceKey(token)) return { kind: 'service', ...(await serviceKeys.authenticate(token)) };
    return { kind: 'user', ...(await actorOf(token, client)) };
  };
  return {
    user: async (req, res, next) => {
      const token = bearerToken(req);
      if (token === undefined) throw new AppError('authentication_required');
      res.locals.actor = (await actorOf(token, clientOf(req, res.locals.requestId))).actor;
      next();
    },
    anybody: async (req, res, next) => {
      const token = bearerToken(req);
      if (token !== undefined) {
        res.locals.caller = await callerOf(token, clientOf(req, res.locals.requestId)).catch(unknownCaller);
        if (res.locals.caller.kind === 'user') res.locals.actor = res.locals.caller.actor;
      }
      next();
    },
    withScope: (scope) => async (req, res, next) => {
      const token = bearerToken(req);
      if (token === undefined) throw new AppError('authentication_required');
      const caller = await callerOf(token, clientOf(req, res.locals.requestId));
      if (caller.kind === 'user') res.locals.actor = caller.actor;
      if (!('scopes' in caller) || !caller.scopes.includes(scope)) throw new AppError('insufficient_scope', { details: { scope } });
      next();
    },
  };
}

const unknownCaller = (error: unknown): Caller => {
  if (error instanceof AppError && error.code === 'invalid_token') return { kind: 'unknown' };
  throw error;
};

/** Refuses credentials in the header and in the form at once, as they could be two people's (RFC 6750 §2.2). */
export const oneCredential: Middleware = (req, res, next) => {
  const { body } = res.locals;
  const inBody = typeof body === 'object' && body !== null && Object.hasOwn(body, 'access_token');
  if (inBody && req.headers.authorization !== undefined) throw unreadable('An access token was sent in the header and in the body');
  next();
};
