import type { Request } from 'express';
import { AppError } from '../errors/app-error.js';
import { countHeader } from '../lib/raw-headers.js';
import type { Middleware } from './locals.js';

/** Browsers and proxies send some twenty or thirty. */
const MOST_HEADERS = 100;
/** What the name of a host, an address and a port are made of (RFC 3986 §3.2.2). */
const HOST = /^[\w.~!$&'()*+,;=%[\]:-]*$/;

/**
 * Refuses a request whose head a proxy before us could have read another way (ASVS 4.2.1), and one with more headers than
 * anybody needs (ASVS 13.1.2); and closes, as what comes behind it could be read another way too.
 */
export const checkHead: Middleware = (req, res, next) => {
  const fault = faultOf(req);
  if (fault !== undefined) res.setHeader('Connection', 'close');
  next(fault);
};

const faulty = (detail: string): AppError => new AppError('malformed_request', { details: { detail } });

function faultOf(req: Pick<Request, 'rawHeaders' | 'headers' | 'httpVersion'>): AppError | undefined {
  const { rawHeaders, headers, httpVersion } = req;
  if (rawHeaders.length > 2 * MOST_HEADERS) return new AppError('header_too_large');
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return faulty('The request is not in HTTP/1.1');
  const coding = headers['transfer-encoding'];
  // Node finds the end of others too, as long as chunked comes last, and leaves them undone (RFC 9112 §6.1).
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked'))
    return faulty('The only Transfer-Encoding is chunked, in HTTP/1.1');
  // RFC 9112 §3.2.
  const hosts = countHeader(rawHeaders, 'host');
  if (hosts !== 1 && (httpVersion === '1.1' || hosts > 1)) return faulty('The request needs one Host header');
  if (!HOST.test(headers.host ?? '')) return faulty('The Host header names no host');
  return undefined;
}
