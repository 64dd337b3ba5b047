import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../errors/app-error.js';
import { isLoopbackAddress, isLoopbackName } from '../lib/loopback.js';
import type { Middleware } from './locals.js';

/**
 * Lets only direct requests of programs on this machine pass, and throws `not_found` for all others. A loopback peer alone
 * proves nothing: a proxy on this machine connects from loopback for any client, and adds a forwarding header (RFC 7239;
 * `Via`, RFC 9110 §7.6.3). The Host must be loopback as well, because a web page may point its own name at this machine
 * and read the response in its visitor's browser (DNS rebinding).
 */
export const thisMachineOnly: Middleware = ({ headers, socket }, _res, next) => {
  const isDirect = isLoopbackAddress(socket.remoteAddress ?? '') && !isForwarded(headers);
  if (!isDirect || !isLoopbackName(hostOf(headers))) throw new AppError('not_found');
  next();
};

const isForwarded = (headers: IncomingHttpHeaders): boolean =>
  Object.keys(headers).some((name) => name.startsWith('x-forwarded-') || ['forwarded', 'x-real-ip', 'via'].includes(name));

const hostOf = ({ host = '' }: IncomingHttpHeaders): string => host.replace(/:\d*$/, '');
