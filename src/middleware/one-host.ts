import { AppError } from '../errors/app-error.js';
import type { Middleware } from './locals.js';

/** Refuses an HTTP/1.1 request without exactly one Host, as two readers could take it for two (RFC 9112 §3.2). */
export const oneHost: Middleware = (req, _res, next) => {
  const hosts = req.rawHeaders.filter((text, index) => index % 2 === 0 && text.length === 4 && text.toLowerCase() === 'host').length;
  if (hosts !== 1 && req.httpVersion === '1.1')
    throw new AppError('malformed_request', { details: { detail: 'The request needs one Host header' } });
  next();
};
