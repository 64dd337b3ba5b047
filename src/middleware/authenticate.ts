import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.js';
import type { AccessTokenClaims } from '../lib/access-token-claims.js';
import { type Actor, byService, byUser, type Caller, type Client } from '../lib/actor.js';
import type { NewAuditEvent } from '../services/audit/audit-events.js';
import type { AuditService } from '../services/audit/audit.service.js';
import { countHeader } from '../lib/raw-headers.js';
import { ADMIN } from '../lib/roles.js';
import type { LimitUse } from '../services/limit/counted.js';
import type { LimitService } from '../services/limit/limit.service.js';
import type { ReauthenticationService } from '../services/reauthentication.service.js';
import { isServiceKey, type ServiceKeyService } from '../services/service-key.service.js';
import type { SessionService } from '../services/session/session.service.js';
import type { Middleware } from './locals.js';

const unreadable = (detail: string): AppError => new AppError('malformed_request', { details: { detail, challenge: true } });

type RequestHead = Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>;

/**
 * The Bearer token that came with a request (RFC 6750 §2); undefined where there is none. Throws `malformed_request`
 * where it is sent twice, in the query, or without its two words.
 */
export function bearerToken({ url = '', headers, rawHeaders }: RequestHead): string | undefined {
  if (/[?&]access_token=/i.test(url)) throw unreadable('An access token is not taken from the query');
  if (countHeader(rawHeaders, 'authorization') > 1) throw unreadable('The Authorization header was sent twice');
  const header = headers.authorization ?? '';
  if (!/^bearer(?: |$)/i.test(header)) return undefined;
  const token = /^bearer +(\S+)$/i.exec(header)?.[1];
  if (token === undefined) throw unreadable('The Authorization header must be: Bearer, a space, the token');
  return token;
}

interface Parts {
  readonly sessions: Pick<SessionService, 'authenticate' | 'assertOwn' | 'assertInForce'>;
  readonly serviceKeys: Pick<ServiceKeyService, 'authenticate'>;
  readonly limits: Pick<LimitService, 'during'>;
  readonly audit: Pick<AuditService, 'recordRefusal'>;
  readonly reauthentication: Pick<ReauthenticationService, 'requireRecent'>;
}

/** What a route asks of whoever calls it. */
export interface Guards {
  /** Lets only signed-in users pass, by an access token that this service issued. */
  readonly user: Middleware;
  /** The same by any access token that verifies, also one that a holder of SECRET_KEY has signed: for routes that only tell its validity. */
  readonly accessToken: Middleware;
  /** Lets everybody pass, and says who it is where a Bearer token tells. */
  readonly anybody: Middleware;
  /**
   * Lets services and users pass whose key or token has that scope. For the scope `admin` the token must be one that this service
   * issued, its session live, and its user enabled and still an administrator by their row.
   */
  withScope(scope: string): Middleware;
  /** Behind one of those, lets only users pass who have authenticated recently (RFC 9470). */
  readonly recent: Middleware;
  /** Authenticates the user of a request as `user` does. */
  signIn(request: RequestHead, client: Client): Promise<Actor>;
  /** See `ReauthenticationService.requireRecent`. */
  readonly requireRecent: (actor: Actor) => Promise<void>;
}

/** The guards of the routes; all throw `malformed_request` for credentials that can't be read, `rate_limited` where service keys are
 * guessed, and `unavailable`. */
export function createGuards({ sessions, serviceKeys, limits, audit, reauthentication }: Parts): Guards {
  const callerOf = async (token: string, client: Client): Promise<UserCaller | ServiceCaller> => {
    if (isServiceKey(token)) {
      // Counted when it has failed: nobody guesses a key, and who has one does not wait for those who try.
      const counted = (error: unknown) =>
        isInvalid(error) ? limits.during([{ limit: 'service_key' }], client, () => rethrow(error), untold) : rethrow(error);
      return { kind: 'service', ...(await serviceKeys.authenticate(token, client).catch(counted)) };
    }
    const claims = await sessions.authenticate(token, client);
    const assertOwn = (): Promise<void> => sessions.assertOwn(claims, client);
    return { kind: 'user', actor: actorOf(claims, client), scopes: claims.scope.split(' '), assertOwn };
  };
  const signIn: Guards['signIn'] = async (request, client) => {
    const claims = await sessions.authenticate(requiredToken(request), client);
    await sessions.assertOwn(claims, client);
    return actorOf(claims, client);
  };
  const requireRecent = (actor: Actor): Promise<void> => reauthentication.requireRecent(actor);
  const deny = createDenial({ audit, limits });
  return {
    signIn,
    requireRecent,
    user: async (req, res, next) => {
      res.locals.actor = await signIn(req, res.locals.client);
      next();
    },
    accessToken: async (req, res, next) => {
      res.locals.actor = actorOf(await sessions.authenticate(requiredToken(req), res.locals.client), res.locals.client);
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
      const caller = await callerOf(requiredToken(req), res.locals.client);
      if (scope === ADMIN && caller.kind === 'user') await caller.assertOwn();
      res.locals.caller = caller;
      if (caller.kind === 'user') res.locals.actor = caller.actor;
      if (!caller.scopes.includes(scope)) await deny(caller, scope, res.locals.client);
      if (scope === ADMIN && caller.kind === 'user') await sessions.assertInForce(caller.actor, scope);
      next();
    },
    recent: async (_req, res, next) => {
      const { actor } = res.locals;
      if (actor === undefined) throw new TypeError('a recent authentication is required on a route without a user');
      await requireRecent(actor);
      next();
    },
  };
}

/** Refuses a caller without the scope: recorded, and limited, so that no caller fills the audit trail. */
const createDenial =
  ({ audit, limits }: Pick<Parts, 'audit' | 'limits'>) =>
  (caller: UserCaller | ServiceCaller, scope: string, client: Client): Promise<never> => {
    const deny = async (): Promise<never> => {
      await audit.recordRefusal(denialOf(caller, scope, client));
      throw new AppError('insufficient_scope', { details: { scope } });
    };
    return limits.during([denialLimit(caller)], client, deny, untold);
  };

type UserCaller = Extract<Caller, { kind: 'user' }>;
type ServiceCaller = Extract<Caller, { kind: 'service' }>;

function requiredToken(request: RequestHead): string {
  const token = bearerToken(request);
  if (token === undefined) throw new AppError('authentication_required');
  return token;
}

const rethrow = (error: unknown): Promise<never> => {
  throw error;
};

/** The answer is about what was asked for. */
const untold = (): void => undefined;

/** The user of an access token. Written out, as it is made for each request: a spread takes its time. */
export const actorOf = ({ sub, sid, refresh_counter, auth_time, acr }: AccessTokenClaims, { ip, userAgent, requestId }: Client): Actor => ({
  userId: Number(sub),
  sessionId: sid,
  generation: refresh_counter,
  authenticatedAt: auth_time * 1000,
  acr,
  ip,
  userAgent,
  requestId,
});

/** A recorded refusal is a write: it counts with the others of its caller. */
const denialLimit = (caller: UserCaller | ServiceCaller): LimitUse =>
  caller.kind === 'user'
    ? { limit: 'write', account: caller.actor.userId, key: caller.actor.sessionId }
    : { limit: 'write', key: `service ${caller.keyId}` };

/** Who asked for what they may not (ASVS 16.3.2). */
const denialOf = (caller: UserCaller | ServiceCaller, scope: string, client: Client): NewAuditEvent => {
  const details = { scope };
  if (caller.kind === 'service') return { type: 'access.denied', by: byService(caller.keyId, client), details };
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
