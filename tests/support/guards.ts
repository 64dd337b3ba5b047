import type { Guards } from '../../src/middleware/authenticate.js';
import type { Middleware } from '../../src/middleware/locals.js';

const pass: Middleware = (_req, _res, next) => {
  next();
};

/** Guards that let every request pass. */
export const OPEN_GUARDS: Guards = {
  user: pass,
  accessToken: pass,
  anybody: pass,
  withScope: () => pass,
  recent: pass,
  signIn: () => Promise.reject(new TypeError('no user is signed in behind open guards')),
  requireRecent: () => Promise.resolve(),
};
