import { randomUUID } from 'node:crypto';
import type { Request } from 'express';
import type { Client } from '../lib/actor.js';
import type { Logger } from '../observability/logger.js';
import { loggablePath } from '../observability/logger.js';
import type { Middleware } from './locals.js';

const OURS = /^[A-Za-z0-9._-]{1,128}$/;

/** As one client has one address, whichever way its connection came in. */
const plainAddress = (ip: string): string => (/^::ffff:\d+\./i.test(ip) ? ip.slice('::ffff:'.length) : ip);

/** What the connection tells of who is at the other end. */
const clientOf = (req: Pick<Request, 'ip' | 'headers'>, requestId: string): Client => ({
  ip: req.ip === undefined ? null : plainAddress(req.ip),
  userAgent: req.headers['user-agent'] ?? null,
  requestId,
});

interface Context {
  readonly publicPath?: string | undefined;
  readonly names?: boolean;
}

const usernameIn = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && 'username' in body && typeof body.username === 'string' ? body.username : undefined;

/**
 * Gives each request an id, answered as X-Request-Id, and writes one line when it is over. `publicPath` is the prefix of the URLs in
 * responses; without it, that is where the app is mounted, which a proxy that strips or adds a prefix does not tell. `names` adds the
 * username in the body of a successful request: for development, as it is personal data.
 */
export function requestContext(logger: Logger, { publicPath, names = false }: Context = {}): Middleware {
  const logs = logger.isLevelEnabled('info');
  return (req, res, next) => {
    const sent = req.headers['x-request-id'];
    const requestId = typeof sent === 'string' && OURS.test(sent) ? sent : randomUUID();
    const client = clientOf(req, requestId);
    res.locals.requestId = requestId;
    res.locals.client = client;
    res.locals.base = publicPath ?? req.baseUrl;
    res.setHeader('X-Request-Id', requestId);
    res.setHeader('Cache-Control', 'no-store');
    if (logs) {
      const start = performance.now();
      const { method } = req;
      const url = req.originalUrl;
      res.once('close', () => {
        logger.info(
          {
            request_id: requestId,
            method,
            path: res.locals.route ?? loggablePath(url),
            status: res.writableFinished ? res.statusCode : undefined,
            fault: res.locals.fault,
            ms: Math.round((performance.now() - start) * 10) / 10,
            ip: client.ip,
            user_id: res.locals.actor?.userId,
            ...(names && res.statusCode < 400 ? { username: usernameIn(res.locals.body) } : {}),
          },
          res.writableFinished ? 'request' : 'request aborted',
        );
      });
    }
    next();
  };
}
