import { randomUUID } from 'node:crypto';
import type { Logger } from '../observability/logger.js';
import { loggablePath } from '../observability/logger.js';
import type { Middleware } from './locals.js';

const OURS = /^[A-Za-z0-9._-]{1,128}$/;

/** Gives each request an id, answered as X-Request-Id, and writes one line when it is over. */
export function requestContext(logger: Logger): Middleware {
  const logs = logger.isLevelEnabled('info');
  return (req, res, next) => {
    const sent = req.headers['x-request-id'];
    const requestId = typeof sent === 'string' && OURS.test(sent) ? sent : randomUUID();
    res.locals.requestId = requestId;
    res.setHeader('X-Request-Id', requestId);
    res.setHeader('Cache-Control', 'no-store');
    if (logs) {
      const start = performance.now();
      const { method, ip } = req;
      const url = req.originalUrl;
      res.once('close', () => {
        logger.info(
          {
            request_id: requestId,
            method,
            path: res.locals.route ?? loggablePath(url),
            status: res.writableFinished ? res.statusCode : undefined,
            ms: Math.round((performance.now() - start) * 10) / 10,
            ip,
            user_id: res.locals.actor?.userId,
          },
          res.writableFinished ? 'request' : 'request aborted',
        );
      });
    }
    next();
  };
}
