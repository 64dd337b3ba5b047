import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.js';
import { type Actor, byClient, byService, byUser, type Caller, type Client } from '../lib/actor.js';
import type { NewAuditEvent } from '../services/audit/audit-events.js';
import type { AuditService } from '../services/audit/audit.service.js';
import type { LimitUse } from '../services/limit/counted.js';
import type { LimitService } from '../services/limit/limit.service.js';
import { isServiceKey, type ServiceKeyService } from '../services/service-key.service.js';
import type { SessionService } from '../services/session/session.service.js';
import type { AccessTokenClaims } from '../services/token.service.js';
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

interface Parts {
  readonly sessions: Pick<SessionService, 'authenticate'>;
  readonly serviceKeys: Pick<ServiceKeyService, 'authenticate'>;
  readonly limits: Pick<LimitService, 'during'>;
  readonly audit: Pick<AuditService, 'recordNow'>;
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

/** The guards of the routes; all throw `malformed_request` for credentials that can't be read, `rate_limited` where service keys are
 * guessed, and `unavailable`. */
export function createGuards({ sessions, serviceKeys, limits, audit }: Parts): Guards {
  const callerOf = async (token: string, client: Client): Promise<Caller> => {
    if (isServiceKey(token)) {
      // Counted when it has failed: nobody guesses a key, and who has one does not wait for those who try.
      const counted = (error: unknown) =>
        isInvalid(error) ? limits.during([{ limit: 'service_key' }], client, () => rethrow(error), untold) : rethrow(error);
      return { kind: 'service', ...(await serviceKeys.authenticate(token).catch(counted)) };
    }
    const claims = await sessions.authenticate(token);
    return { kind: 'user', actor: actorOf(claims, client), scopes: claims.scope.split(' ') };
  };
  const deny = async (caller: Caller, scope: string, client: Client): Promise<never> => {
    await audit.recordNow(denialOf(caller, scope, client));
    throw new AppError('insufficient_scope', { details: { scope } });
  };
  return {
    user: async (req, res, next) => {
      const token = bearerToken(req);
      if (token === undefined) throw new AppError('authentication_required');
      res.locals.actor = actorOf(await sessions.authenticate(token), res.locals.client);
      next();
    },
    anybody: async (req, res, next) => {
      const token = bearerToken(req);
      if (token !== undefined) {
        const caller = await callerOf(token, res.locals.client).catch(unknownCaller);
        res.locals.caller = caller;
        if (caller.kind === 'user') res.locals.actor = caller.actor;
      }
      next();
    },
    withScope: (scope) => async (req, res, next) => {
      const token = bearerToken(req);
      if (token === undefined) throw new AppError('authentication_required');
      const caller = await callerOf(token, res.locals.client);
      res.locals.caller = caller;
      if (caller.kind === 'user') res.locals.actor = caller.actor;
      if ('scopes' in caller && caller.scopes.includes(scope)) {
        next();
        return;
      }
      const { client } = res.locals;
      await limits.during([denialLimit(caller)], client, () => deny(caller, scope, client), untold);
    },
  };
}

const rethrow = (error: unknown): Promise<never> => {
  throw error;
};

/** The answer is about what was asked for. */
const untold = (): void => undefined;

/** Written out, as it is made for each request: a spread takes its time. */
const actorOf = ({ sub, sid, auth_time }: AccessTokenClaims, { ip, userAgent, requestId }: Client): Actor => ({
  userId: Number(sub),
  sessionId: sid,
  loggedInAt: auth_time * 1000,
  ip,
  userAgent,
  requestId,
});

/** A recorded refusal is a write: it counts with the others of its caller. */
const denialLimit = (caller: Caller): LimitUse => {
  if (caller.kind === 'user') return { limit: 'write', account: caller.actor.userId, key: caller.actor.sessionId };
  return { limit: 'write', key: caller.kind === 'service' ? `service ${caller.keyId}` : caller.kind };
};

/** Who asked for what they may not (ASVS 16.3.2). */
const denialOf = (caller: Caller, scope: string, client: Client): NewAuditEvent => {
  const details = { scope };
  if (caller.kind === 'service') return { type: 'access.denied', by: byService(caller.keyId, client), details };
  if (caller.kind !== 'user') return { type: 'access.denied', by: byClient(client), details };
  const { userId, sessionId } = caller.actor;
  return { type: 'access.denied', by: byUser(caller.actor), userId, sessionId, details };
};

const isInvalid = (error: unknown): boolean => error instanceof AppError && error.code === 'invalid_token';

const unknownCaller = (error: unknown): Caller => {
  if (isInvalid(error)) return { kind: 'unknown' };
  throw error;
};

/** Refuses credentials in the header and in the form at once, as they could be two people's (RFC 6750 §2.2). */
export const oneCredential: Middleware = (req, res, next) => {
  const { body } = res.locals;
  const inBody = typeof body === 'object' && body !== null && Object.hasOwn(body, 'access_token');
  if (inBody && req.headers.authorization !== undefined) throw unreadable('An access token was sent in the header and in the body');
  next();
};
