import cors from 'cors';
import type { Middleware } from './locals.js';

const EXPOSED = ['Retry-After', 'X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Location', 'WWW-Authenticate'];
const PREFLIGHT_SECONDS = 600;

const isOwn = (origin: string, host: string): boolean => [`http://${host}`, `https://${host}`].includes(origin);

/**
 * Allows exactly the listed origins, with credentials; `Vary: Origin` on every answer, so that no cache mixes them up (ASVS 3.4.2).
 * `onRefusal` is called with each other origin, but for pages of this service itself, which need no permission.
 */
export function allowOrigins(origins: readonly string[], onRefusal?: (origin: string) => void): Middleware {
  const allowed = new Set(origins);
  const answer = cors({
    origin: (origin, done) => {
      done(null, origin !== undefined && allowed.has(origin));
    },
    credentials: true,
    exposedHeaders: EXPOSED,
    maxAge: PREFLIGHT_SECONDS,
    preflightContinue: true,
  });
  return (req, res, next) => {
    res.vary('Origin');
    const { origin, host = '' } = req.headers;
    if (origin === undefined) {
      next();
      return;
    }
    if (!allowed.has(origin) && !isOwn(origin, host)) onRefusal?.(origin);
    answer(req, res, next);
  };
}
