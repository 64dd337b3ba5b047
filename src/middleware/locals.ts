import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Code } from '../errors/codes.js';
import type { Actor, Caller, Client } from '../lib/actor.js';

/** What one middleware learns of a request for those behind it. */
export interface Locals {
  requestId: string;
  client: Client;
  /** What clients put before every path of this service: '' at the root of its host. */
  base: string;
  /** The matched route's pattern: logged in place of the path, which may hold a token. */
  route?: string;
  /** Whether errors also carry what OAuth clients read (RFC 6749 §5.2). */
  oauth?: boolean;
  /** The signed-in user, where one was asked for or is known. */
  actor?: Actor;
  caller?: Caller;
  /** Why it was refused, or failed. */
  fault?: Code;
  body?: unknown;
}

export type Middleware = RequestHandler<Record<string, string>, unknown, unknown, unknown, Locals & Record<string, unknown>>;
export type ErrorMiddleware = ErrorRequestHandler<Record<string, string>, unknown, unknown, unknown, Locals & Record<string, unknown>>;
export type LocalResponse = Response<unknown, Locals & Record<string, unknown>>;
