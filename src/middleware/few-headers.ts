import { AppError } from '../errors/app-error.js';
import type { Middleware } from './locals.js';

/** Browsers and proxies send some twenty or thirty. Node would drop those over 2,000 without a word. */
const MOST_HEADERS = 100;

/** Refuses a request with more headers than anybody needs (ASVS 13.1.2, 15.2.2). */
export const fewHeaders: Middleware = (req, _res, next) => {
  if (req.rawHeaders.length > 2 * MOST_HEADERS) throw new AppError('header_too_large');
  next();
};
