import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error.js';
import { isLoopbackAddress, isLoopbackName } from '../lib/loopback.js';
import type { Middleware } from './locals.js';

/**
 * Lets programs of this machine pass; everybody else finds nothing. Who that is says the socket alone, as headers are
 * whatever their sender wants; and the Host must be this machine's too, or a web page could have its own name lead here
 * and read along in its visitor's browser (DNS rebinding).
 */
export const thisMachineOnly: Middleware = (req, _res, next) => {
  if (!isLoopbackAddress(req.socket.remoteAddress ?? '') || !isLoopbackName(hostOf(req))) throw new AppError('not_found');
  next();
};

const hostOf = ({ headers: { host = '' } }: Pick<IncomingMessage, 'headers'>): string => host.replace(/:\d*$/, '');
