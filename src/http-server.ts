import { createServer, IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { AppError } from './errors/app-error.js';
import { CODES, type Code } from './errors/codes.js';
import { BODY_FAULT } from './middleware/read-body.js';
import { presentProblem } from './presenters/problem.presenter.js';

/** What a client may send, in bytes, and how slowly, in milliseconds (ASVS 13.1.2, 15.2.2). */
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** How often node looks for requests that are over their time. */
  connectionsCheckingInterval: 2_000,
  /** A client that takes nothing of its answer for so long is left. */
  stallTimeout: 30_000,
};
type Limits = typeof LIMITS;

const CODE_OF_FAULT: Readonly<Record<string, Code>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/**
 * A server whose requests and responses are born with the prototypes that Express would give them one by one, which
 * costs more than half of its speed. What never becomes a request (too long, too slow, no HTTP) is answered in the
 * contract's shape too.
 */
export function createHttpServer(app: Express, { stallTimeout, ...limits }: Limits = LIMITS): Server {
  class Request extends IncomingMessage {}
  class Response<Message extends IncomingMessage> extends ServerResponse<Message> {}
  Object.setPrototypeOf(Request.prototype, app.request);
  Object.setPrototypeOf(Response.prototype, app.response);
  Object.assign(app, { request: Request.prototype, response: Response.prototype });

  // The app looks at Host itself, so that its absence is answered in the contract's shape.
  const server = createServer({ IncomingMessage: Request, ServerResponse: Response, requireHostHeader: false, ...limits }, app);
  server.on('clientError', answerUnreadable);
  // Node would answer an Expect it doesn't know with a bare 417; a server may as well ignore it (RFC 9110 §10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.timeout = stallTimeout;
  server.on('request', leaveWhoTakesNothing);
  return server;
}

/** Resets a connection whose answer nobody reads, so that it holds no memory. An answer that is still being made may take its time. */
function leaveWhoTakesNothing(_request: IncomingMessage, response: ServerResponse): void {
  // With a listener node leaves the connection as it is.
  response.on('timeout', () => {
    if (response.writableLength > 0) response.socket?.resetAndDestroy();
  });
}

function answerUnreadable(error: Error, socket: Duplex): void {
  const reason = 'code' in error ? String(error.code) : '';
  const fault = new AppError(CODE_OF_FAULT[reason] ?? 'malformed_request');
  const pending = '_httpMessage' in socket && socket._httpMessage instanceof ServerResponse ? socket._httpMessage : undefined;
  const owner: unknown = pending?.req;
  const request = owner instanceof IncomingMessage ? owner : undefined;
  if (pending?.headersSent === false && request?.complete === false && request.listenerCount(BODY_FAULT) > 0) {
    pending.setHeader('Connection', 'close');
    request.emit(BODY_FAULT, fault);
    return;
  }
  // Where it is gone, or still owes an answer to what came before, nothing more can be said.
  if (!socket.writable || reason === 'ECONNRESET' || request?.complete === true) {
    socket.destroy();
    return;
  }
  const { status } = CODES[fault.code];
  const requestId = randomUUID();
  const body = JSON.stringify(presentProblem(fault, { status, requestId, base: '', oauth: false }));
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Vary: Origin',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`);
}
