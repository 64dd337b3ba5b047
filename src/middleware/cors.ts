import cors from 'cors';
import type { Middleware } from './locals.js';

const EXPOSED = ['Retry-After', 'X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Location', 'WWW-Authenticate'];
const PREFLIGHT_SECONDS = 600;

/** Allows exactly the listed origins, with credentials; `Vary: Origin` on every answer, so that no cache mixes them up (ASVS 3.4.2). */
export function allowOrigins(origins: readonly string[]): Middleware {
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
    if (req.headers.origin === undefined) next();
    else answer(req, res, next);
  };
}
