import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Express } from 'express';
import type { WorkQueue } from '../adapters/work-queue.js';
import type { Reply } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import { acceptsJson, prefersHtml } from '../lib/accept.js';
import type { Caller } from '../lib/actor.js';
import { errorCode } from '../lib/error-code.js';
import { askingPage, type CookieUse } from '../middleware/asking-page.js';
import { type Guards, oneCredential } from '../middleware/authenticate.js';
import type { LocalResponse, Middleware } from '../middleware/locals.js';
import type { Limiter } from '../middleware/rate-limit.js';
import { readBody, readText } from '../middleware/read-body.js';
import { thisMachineOnly } from '../middleware/this-machine.js';
import { answersJson, type Received, type Route } from './route.js';

interface Steps {
  readonly guards: Guards;
  readonly limiter: Limiter;
  readonly cookies: CookieUse;
  /** Passes when it is the request's turn. */
  readonly turn: Middleware;
  /** Passes once the database can be used. */
  readonly ready: Middleware;
  /** Has only so many requests worked on at once, and refuses the others. */
  readonly requests: Pick<WorkQueue, 'run'>;
}

const CHUNK_CHARACTERS = 16 * 1024;

/**
 * Adds the table to the app: every route with its guard and body reader, and 405 and OPTIONS for every path. The app's own
 * router has them, because a request that leaves a nested one waits for `setImmediate`, which fake timers of a test never call.
 */
export function mountRoutes(app: Express, routes: readonly Route[], steps: Steps): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const here = routes.filter((route) => route.path === path);
    const methods = here.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    const allow = [...methods, 'OPTIONS'].join(', ');
    const entry: Middleware = (_req, res, next) => {
      res.locals.route = path;
      if (here[0]?.oauth) res.locals.oauth = true;
      next();
    };
    // One layer a path: a request is held against each path once, not once for each of its steps.
    const layer = app.route(path).all(entry);
    if (here[0]?.guard === 'this-machine') layer.all(thisMachineOnly);
    for (const route of here) layer[route.method](...stepsOf(route, steps));
    layer.options((_req, res) => {
      res.setHeader('Allow', allow);
      res.statusCode = 204;
      res.end();
    });
    layer.all(() => {
      throw new AppError('method_not_allowed', { details: { allow } });
    });
  }
  for (const { redirectsFrom } of routes) if (redirectsFrom) mountRedirect(app, redirectsFrom);
  const methods = [...new Set(routes.map(({ method }) => method.toUpperCase()))];
  // Behind the routes, so that their requests do not pay for it.
  app.use(answerServerOptions(['HEAD', ...methods, 'OPTIONS'].join(', ')));
}

/** Redirects GET and HEAD permanently, and leaves other methods to the 404 of an unknown path. */
function mountRedirect(app: Express, { path, location }: NonNullable<Route['redirectsFrom']>): void {
  const redirect: Middleware = (_req, res) => {
    res.locals.route = path;
    send(res, { status: 308, headers: { Location: location } });
  };
  app.get(path, redirect);
}

/** Answers `OPTIONS *`, which asks about the server as a whole (RFC 9110 §9.3.7), with the methods of all routes. */
const answerServerOptions =
  (allow: string): Middleware =>
  (req, res, next) => {
    if (req.method === 'OPTIONS' && req.url === '*') send(res, { status: 204, headers: { Allow: allow } });
    else next();
  };

const NOBODY: Caller = { kind: 'nobody' };

/** What a request to a route passes, in order. */
function stepsOf(route: Route, { guards, limiter, cookies, turn, ready, requests }: Steps): Middleware[] {
  const { handler, oauth = false, bodyOptional = false } = route;
  const answer: Middleware = async (req, res) => {
    const { actor, caller = NOBODY, body, client } = res.locals;
    const wantsHtml = prefersHtml(req.headers.accept);
    // Written out, here and in `reading`: spreading one object into another takes a tenth of a small answer's time.
    const received: Received = {
      body,
      params: req.params,
      query: handler.query ? req.query : undefined,
      actor,
      caller,
      client,
      signIn: () => guards.signIn(req, client),
      requireRecent: guards.requireRecent,
      limited: (uses, work) => limiter(res, uses, work),
      page: () => askingPage(cookies, req),
      base: res.locals.base,
      wantsHtml,
    };
    const reply = await handler.run(received);
    const { content } = reply;
    if (content !== undefined && isPieces(content.data)) await sendPieces(req.method, res, reply, content.data);
    else send(res, reply);
  };
  const bounded = boundedBy(requests);
  return [
    ...(route.standalone ? [] : [turn, ready]),
    ...(answersJson(route) ? [assertAcceptsJson] : []),
    ...guardOf(route, guards).map(bounded),
    ...(handler.bodies ? [...readBody({ forms: oauth, optional: bodyOptional }), oneCredential] : []),
    ...(handler.text ? readText(handler.text) : []),
    route.standalone ? answer : bounded(answer),
  ];
}

/**
 * A step that only so many requests are in at once. The steps between are none: bodies come as slowly as their senders
 * like, who would keep everybody else out.
 */
const boundedBy =
  ({ run }: Steps['requests']) =>
  (step: Middleware): Middleware =>
  async (req, res, next) => {
    let pass: (() => void) | undefined;
    await run(async () => {
      await step(req, res, (error?: unknown) => {
        pass = () => {
          next(error);
        };
      });
    });
    pass?.();
  };

function guardOf({ guard, recent }: Route, guards: Guards): Middleware[] {
  if (guard === 'public' || guard === 'this-machine') return [];
  if (guard === 'anybody') return [guards.anybody];
  if (guard === 'access-token') return [guards.accessToken];
  return [guard === undefined ? guards.user : guards.withScope(guard.scope), ...(recent === true ? [guards.recent] : [])];
}

const assertAcceptsJson: Middleware = (req, _res, next) => {
  if (!acceptsJson(req.headers.accept)) throw new AppError('not_acceptable');
  next();
};

function send(res: LocalResponse, reply: Reply): void {
  const { status, json, content } = reply;
  const whole = content === undefined || isPieces(content.data) ? '' : content.data;
  const data = json === undefined ? whole : JSON.stringify(json);
  writeHead(res, reply);
  // A 204 has no content, and so no length (RFC 9110 §8.6).
  if (status !== 204) res.setHeader('Content-Length', Buffer.byteLength(data));
  res.end(data);
}

function writeHead(res: LocalResponse, { status, headers = {}, json, content }: Reply): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, typeof value === 'string' ? value : [...value]);
  if (json !== undefined) res.setHeader('Content-Type', 'application/json; charset=utf-8');
  else if (content !== undefined) res.setHeader('Content-Type', content.type);
  res.statusCode = status;
}

type Pieces = AsyncIterable<string>;
const isPieces = (data: string | Buffer | Pieces): data is Pieces => typeof data === 'object' && Symbol.asyncIterator in data;

/**
 * Sends pieces as they come, no faster than they are read. What fails before the first is answered as a fault; what fails
 * later cuts the answer off, so that nobody takes it for whole. Who hangs up ends the work behind it.
 */
async function sendPieces(method: string, res: LocalResponse, reply: Reply, pieces: Pieces): Promise<void> {
  if (method === 'HEAD') {
    writeHead(res, reply);
    res.end();
    return;
  }
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  writeHead(res, reply);
  try {
    await pipeline(Readable.from(rest(first, iterator)), res);
  } catch (error) {
    if (errorCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** In chunks: each is a system call. */
async function* rest(first: IteratorResult<string>, iterator: AsyncIterator<string>): AsyncGenerator<string> {
  let chunk = '';
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) {
      chunk += next.value;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = '';
    }
    yield chunk;
  } finally {
    await iterator.return?.();
  }
}
