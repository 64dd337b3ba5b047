import { isUtf8 } from 'node:buffer';
import express, { type Request } from 'express';
import type { SentText } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import { parseStrictForm } from '../lib/form-text.js';
import { parseStrictJson } from '../lib/json-text.js';
import type { Middleware } from './locals.js';

const MOST_BYTES = 100 * 1024;
/** Emitted on a request by the server where the rest of its body can't come, so that it is answered and logged as that request's. */
export const BODY_FAULT = 'body-fault';
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

/**
 * Reads a body into `res.locals.body`: an object, of no more than 100 kB, with no member twice. Also takes one that an
 * app around this one has parsed already; and, where it is optional, none. A body of no bytes is none, whatever its framing and
 * its type (RFC 9110 §6.4). Throws `unsupported_media_type`, `payload_too_large` or `malformed_request`.
 */
export function readBody({ forms, optional }: { forms: boolean; optional: boolean }): Middleware[] {
  const types = forms ? [JSON_TYPE, FORM_TYPE] : [JSON_TYPE];
  const collect = collectBytes(MOST_BYTES);
  const parse: Middleware = (req, res, next) => {
    if (isEmpty(req.body)) {
      if (!optional) throw unreadable('The body is empty');
      res.locals.body = {};
      next();
      return;
    }
    const value = parseBody(req.body, mediaType(req, types));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable('The body must be an object');
    res.locals.body = value;
    next();
  };
  return [assertType(types), collect, parse];
}

/**
 * Reads a body into `req.body`, and goes on as soon as one is too large, said or shown: express alone would read all the rest of
 * it first, however slowly that comes. Goes on once, whatever happens to the connection afterwards.
 */
function collectBytes(mostBytes: number, tooLarge?: string): Middleware {
  const raw: Middleware = express.raw({ type: () => true, limit: mostBytes });
  return (req, res, next) => {
    const beyond = (cause?: unknown): AppError =>
      new AppError('payload_too_large', { cause, details: tooLarge === undefined ? {} : { detail: tooLarge } });
    if (Number(req.headers['content-length']) > mostBytes) throw beyond();
    let isOver = false;
    let bytes = 0;
    const goOn = (error?: unknown): void => {
      if (isOver) return;
      isOver = true;
      req.off('data', count);
      req.off(BODY_FAULT, goOn);
      next(isTooLarge(error) ? beyond(error) : error);
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > mostBytes) goOn(beyond());
    };
    req.once(BODY_FAULT, goOn);
    req.on('data', count);
    raw(req, res, goOn);
  };
}

const isTooLarge = (error: unknown): boolean => typeof error === 'object' && error !== null && 'status' in error && error.status === 413;

/** What text a route takes, and how much of it. */
export interface TextKind {
  readonly types: readonly string[];
  readonly mostBytes: number;
  /** Said of a body that is larger. */
  readonly tooLarge: string;
}

/**
 * Reads a body that the service is to make something of into `res.locals.body`, with its type: bytes, or what an app
 * around this one has read. Throws `unsupported_media_type`, `payload_too_large` or `malformed_request`.
 */
export function readText({ types, mostBytes, tooLarge }: TextKind): Middleware[] {
  const collect = collectBytes(mostBytes, tooLarge);
  const keep: Middleware = (req, res, next) => {
    const body: unknown = req.body ?? '';
    // A document may be empty, but nothing without a type is one.
    const isNone = isEmpty(body) && req.headers['content-type'] === undefined;
    if (isNone || (typeof body !== 'string' && !Buffer.isBuffer(body))) throw unreadable('The body is empty');
    const sent: SentText = { type: mediaType(req, types), data: Buffer.from(body) };
    res.locals.body = sent;
    next();
  };
  return [assertType(types), collect, keep];
}

/** Refuses a body of another type before it is read, where its length says that there is one: that of chunks shows at their end. */
const assertType =
  (types: readonly string[]): Middleware =>
  (req, _res, next) => {
    if (Number(req.headers['content-length'] ?? 0) > 0) mediaType(req, types);
    next();
  };

const isEmpty = (body: unknown): boolean =>
  body === undefined || ((typeof body === 'string' || Buffer.isBuffer(body)) && body.length === 0);

const unreadable = (detail: string, cause?: unknown): AppError => new AppError('malformed_request', { cause, details: { detail } });

/** The body's type, where it is one that we take and in UTF-8. */
function mediaType(req: Pick<Request, 'headers'>, types: readonly string[]): string {
  const [type = '', ...parameters] = (req.headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (!types.includes(type) || (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8'))
    throw new AppError('unsupported_media_type');
  return type;
}

function parseBody(body: unknown, type: string): unknown {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) return body;
  if (typeof body !== 'string' && !isUtf8(body)) throw unreadable('The body is not in UTF-8');
  try {
    const text = body.toString();
    return type === FORM_TYPE ? parseStrictForm(text) : parseStrictJson(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    // The parsers' own messages quote the text, which may hold a password: neither told nor kept.
    if (error instanceof SyntaxError || error instanceof URIError) {
      throw unreadable(`The body is not ${type === FORM_TYPE ? 'a form' : 'JSON'} that names each member once`);
    }
    throw error;
  }
}
