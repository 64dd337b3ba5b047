import type { ServerResponse } from 'node:http';
import { AppError, type FaultDetails } from '../errors/app-error.js';
import { CODES, type Code } from '../errors/codes.js';
import type { Logger } from '../observability/logger.js';
import { presentProblem } from '../presenters/problem.presenter.js';
import type { ErrorMiddleware } from './locals.js';

const RETRY_AFTER_SECONDS = 5;

/** Faults of Express and its body reader, by their status; anything else of theirs is ours to mend: 500. */
const CODE_OF_STATUS: Readonly<Record<number, Code>> = {
  400: 'malformed_request',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

/** What a fault is to the client; `databaseFault` tells an outage from a bug. */
function toAppError(error: unknown, databaseFault: (error: unknown) => AppError | undefined): AppError {
  if (error instanceof AppError) return error;
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 0;
  const code = CODE_OF_STATUS[status];
  return databaseFault(error) ?? new AppError(code ?? 'internal_error', { cause: error });
}

/** RFC 6750 §3: a challenge with an error only where credentials came. */
function challengeOf({ code, details }: AppError): string | undefined {
  if (code === 'invalid_token') return `Bearer error="invalid_token", error_description="${CODES.invalid_token.detail}"`;
  if (code === 'insufficient_scope')
    return `Bearer error="insufficient_scope"${details.scope === undefined ? '' : `, scope="${details.scope}"`}`;
  if (details.reauthentication !== undefined) return stepUpChallenge(code, details.reauthentication);
  if (details.challenge) return 'Bearer error="invalid_request"';
  return CODES[code].status === 401 ? 'Bearer' : undefined;
}

/** RFC 9470 §3. */
function stepUpChallenge(code: Code, { maxAgeSeconds, acrValues }: NonNullable<FaultDetails['reauthentication']>): string {
  const acr = acrValues.length === 0 ? '' : `, acr_values="${acrValues.join(' ')}"`;
  return `Bearer error="insufficient_user_authentication", error_description="${CODES[code].detail}", max_age="${maxAgeSeconds}"${acr}`;
}

/** What an answer says beside the fault itself. */
interface Circumstances {
  readonly requestId: string;
  /** Where `/errors` is. */
  readonly base: string;
  readonly oauth: boolean;
}

/** Answers with a fault, in the contract's shape. The only place that turns a code into a status. */
export function answerFault(res: ServerResponse, fault: AppError, { requestId, base, oauth }: Circumstances): void {
  const { status } = CODES[fault.code];
  const challenge = challengeOf(fault);
  if (challenge !== undefined) res.setHeader('WWW-Authenticate', challenge);
  if (fault.details.allow !== undefined) res.setHeader('Allow', fault.details.allow);
  if (fault.details.setCookie !== undefined) res.setHeader('Set-Cookie', fault.details.setCookie);
  if (status === 503 || status === 429) res.setHeader('Retry-After', String(fault.details.retryAfterSeconds ?? RETRY_AFTER_SECONDS));
  // A body left unread would be taken for the next request.
  if (status === 413) res.setHeader('Connection', 'close');
  const body = JSON.stringify(presentProblem(fault, { status, requestId, base, oauth }));
  res.statusCode = status;
  res.setHeader('Content-Type', `${oauth ? 'application/json' : 'application/problem+json'}; charset=utf-8`);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  if (status === 413) endOnceTaken(res, body);
  else res.end(body);
}

/** So much, and for so long, is taken of a body that was refused. */
const LINGER = { bytes: 1024 * 1024, ms: 1000 };

/**
 * Answers at once, and closes when the client has sent what it was sending: closed earlier, the connection would be reset,
 * and the answer be lost on its way (RFC 9112 §9.6).
 */
function endOnceTaken(res: ServerResponse, body: string): void {
  const { req } = res;
  res.write(body);
  let bytes = 0;
  const end = (): void => {
    clearTimeout(patience);
    res.end();
  };
  const patience = setTimeout(end, LINGER.ms);
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER.bytes) end();
  });
  req.once('end', end);
  req.once('close', end);
  req.resume();
}

/** Turns whatever was thrown into the contract's answer. */
export function errorHandler({
  logger,
  databaseFault,
}: {
  logger: Logger;
  databaseFault: (error: unknown) => AppError | undefined;
}): ErrorMiddleware {
  return (error: unknown, req, res, next) => {
    const fault = toAppError(error, databaseFault);
    const { status } = CODES[fault.code];
    const { requestId } = res.locals;
    res.locals.fault = fault.code;
    // In a storm, where each cause written out would cost more than the refusal itself.
    if (fault.code === 'overloaded') logger.warn({ fault: fault.code, request_id: requestId }, 'request refused');
    else if (status >= 500) logger.error({ err: fault.cause ?? fault, fault: fault.code, request_id: requestId }, 'request failed');
    if (res.headersSent) {
      next(error);
      return;
    }
    answerFault(res, fault, { requestId, base: res.locals.base, oauth: res.locals.oauth === true });
  };
}
