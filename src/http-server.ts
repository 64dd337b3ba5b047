import { createServer, IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import { AppError } from './errors/app-error.js';
import { CODES, type Code } from './errors/codes.js';
import { BODY_FAULT } from './middleware/read-body.js';
import { securityHeaderLines } from './middleware/security-headers.js';
import type { Logger } from './observability/logger.js';
import { presentProblem } from './presenters/problem.presenter.js';

/** What a client may send, in bytes, and how slowly it may send and read, in milliseconds (ASVS 13.1.2, 15.2.2). */
export const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** How long a connection is kept for the next request: longer than balancers keep theirs (60 s), whose requests it would reset. */
  keepAliveTimeout: 70_000,
  /** How long a client may take nothing of an answer that waits for it. */
  unreadTimeout: 30_000,
  /** How long an answer that is whole may wait to be read, however steadily it is read. */
  readTimeout: 60_000,
  /** How long a request may go on, also one whose answer is made while it is read. */
  answerTimeout: 600_000,
  /** How often connections are looked at that are over their time. */
  connectionsCheckingInterval: 2_000,
};
type Limits = typeof LIMITS;

/** Told of what never becomes a request (ASVS 16.3.3), but not of its bytes. */
type Told = Pick<Logger, 'info'>;

const CODE_OF_FAULT: Readonly<Record<string, Code>> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/**
 * A server whose requests and responses are born with the prototypes that Express would give them one by one, which
 * costs more than half of its speed. What never becomes a request (too long, too slow, no HTTP) is answered in the
 * contract's shape too, and who neither sends nor reads is not waited for. `base` is the prefix of the URLs in those responses.
 */
export function createHttpServer(app: Express, limits: Partial<Limits> = {}, logger?: Told, base = ''): Server {
  class Request extends IncomingMessage {}
  class Response<Message extends IncomingMessage> extends ServerResponse<Message> {}
  Object.setPrototypeOf(Request.prototype, app.request);
  Object.setPrototypeOf(Response.prototype, app.response);
  Object.assign(app, { request: Request.prototype, response: Response.prototype });

  const { unreadTimeout, readTimeout, answerTimeout, ...ofNode } = { ...LIMITS, ...limits };
  // The app looks at Host itself, so that its absence is answered in the contract's shape.
  const server = createServer({ IncomingMessage: Request, ServerResponse: Response, requireHostHeader: false, ...ofNode });
  // Those beyond it would be dropped without a word; the app counts them.
  server.maxHeadersCount = 0;
  const underWay = followRequests(server);
  server.on('request', app);
  server.on('clientError', answerUnreadable(underWay, logger, base));
  // Node would answer an Expect it doesn't know with a bare 417; a server may as well ignore it (RFC 9110 §10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  leaveUnread(server, underWay, { unreadTimeout, readTimeout, answerTimeout, every: ofNode.connectionsCheckingInterval });
  return server;
}

/** The last request that came on a connection. */
interface LastRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Since when the connection has owed an answer, by `performance.now()`. */
  readonly since: number;
  /** What it owes, in order: answers that lie behind the first are whole, and can't be read yet. */
  readonly owed: ServerResponse[];
  /** Since when the first of them has been whole, as far as that was looked at. */
  whole: { readonly response: ServerResponse; readonly since: number } | undefined;
}
type UnderWay = ReadonlyMap<Duplex, LastRequest>;

function stillOwed(owed: ServerResponse[]): ServerResponse[] {
  while (owed[0]?.writableFinished === true) owed.shift();
  return owed;
}

function followRequests(server: Server): UnderWay {
  const underWay = new Map<Duplex, LastRequest>();
  server.on('connection', (socket: Duplex) => {
    socket.once('close', () => underWay.delete(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const before = underWay.get(request.socket);
    const owed = before === undefined ? [] : stillOwed(before.owed);
    const since = before === undefined || owed.length === 0 ? performance.now() : before.since;
    owed.push(response);
    if (!request.socket.destroyed) underWay.set(request.socket, { request, response, since, owed, whole: before?.whole });
  });
  return underWay;
}

/** Ends a connection with what is still to be sent on it: the system would keep that for as long as it is not read. */
const reset = (socket: Duplex): void => {
  if (socket instanceof Socket) socket.resetAndDestroy();
  else socket.destroy();
};

/** Node watches what is sent to us; this, how what we send is read. */
function leaveUnread(
  server: Server,
  underWay: UnderWay,
  { unreadTimeout, readTimeout, answerTimeout, every }: Pick<Limits, 'unreadTimeout' | 'readTimeout' | 'answerTimeout'> & { every: number },
): void {
  // Also called for a connection that is idle between two requests, and for one whose answer is still being worked on.
  server.setTimeout(unreadTimeout, (socket) => {
    const [first] = stillOwed(underWay.get(socket)?.owed ?? []);
    const isWorkedOn = first?.writableEnded === false && socket.writableLength === 0;
    if (isWorkedOn) return;
    if (first === undefined) socket.destroy();
    else reset(socket);
  });
  const look = setInterval(() => {
    const now = performance.now();
    for (const [socket, last] of underWay) {
      const [first] = stillOwed(last.owed);
      if (first?.writableEnded !== true) last.whole = undefined;
      else if (last.whole?.response !== first) last.whole = { response: first, since: now };
      const isLate = first !== undefined && now - last.since > answerTimeout;
      if (isLate || now - (last.whole?.since ?? now) > readTimeout) reset(socket);
    }
  }, every);
  look.unref();
  server.once('close', () => {
    clearInterval(look);
  });
}

function answerUnreadable(underWay: UnderWay, logger: Told | undefined, base: string): (error: Error, socket: Duplex) => void {
  const lines = securityHeaderLines();
  return (error, socket) => {
    const reason = 'code' in error ? String(error.code) : '';
    const fault = new AppError(CODE_OF_FAULT[reason] ?? 'malformed_request');
    const last = underWay.get(socket);
    if (last !== undefined && !last.request.complete && !last.response.headersSent && last.request.listenerCount(BODY_FAULT) > 0) {
      last.response.setHeader('Connection', 'close');
      last.request.emit(BODY_FAULT, fault);
      return;
    }
    // Where it is gone, still owes an answer to what came before, or has answered what goes on badly, nothing more can be said.
    const isOver = last === undefined || (last.request.complete && last.response.writableFinished);
    const isUnanswered = last !== undefined && !last.request.complete && !last.response.headersSent;
    if (!socket.writable || reason === 'ECONNRESET' || !(isOver || isUnanswered)) {
      socket.destroy();
      return;
    }
    const requestId = randomUUID();
    const peer = 'remoteAddress' in socket ? socket.remoteAddress : undefined;
    logger?.info({ request_id: requestId, status: CODES[fault.code].status, fault: fault.code, reason, peer }, 'unreadable request');
    socket.end(rawAnswer(fault, { requestId, base }, lines, last === undefined && isHead(error)));
  };
}

/** Whether what could not be read began as a HEAD, whose answer has no content (RFC 9110 §9.3.2). */
const isHead = (error: Error): boolean =>
  'rawPacket' in error && Buffer.isBuffer(error.rawPacket) && error.rawPacket.subarray(0, 5).toString('latin1') === 'HEAD ';

function rawAnswer(
  fault: AppError,
  { requestId, base }: { requestId: string; base: string },
  lines: readonly string[],
  isContentless: boolean,
): string {
  const { status } = CODES[fault.code];
  const body = JSON.stringify(presentProblem(fault, { status, requestId, base, oauth: false }));
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...lines,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Vary: Origin',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  return `${headers.join('\r\n')}\r\n\r\n${isContentless ? '' : body}`;
}
