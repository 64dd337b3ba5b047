import type Joi from 'joi';
import type { Asked, Reply } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import type { Code } from '../errors/codes.js';
import { checker } from '../middleware/validate.js';

/** A request on its way to its handler: input still as it was sent. */
export interface Received extends Asked<unknown, unknown> {
  readonly userId: number | undefined;
}

/** A controller's method together with the schemas of what it takes. */
export interface Handler {
  readonly body?: Joi.ObjectSchema;
  readonly params?: Joi.ObjectSchema;
  run(received: Received): Reply | Promise<Reply>;
}

type Answer = Reply | Promise<Reply>;

/** For a handler that takes no input. */
export const plain = (handle: (asked: Asked) => Answer): Handler => ({
  run: (received) => handle({ ...received, body: undefined, params: undefined }),
});

/** For a handler that takes a body; it meets only one that its schema lets through. */
export function withBody<Body>(body: Joi.ObjectSchema<Body>, handle: (asked: Asked<Body>) => Answer): Handler {
  const check = checker(body);
  return { body, run: (received) => handle({ ...received, body: check(received.body), params: undefined }) };
}

/** For a handler that takes parts of the path. */
export function withParams<Params>(params: Joi.ObjectSchema<Params>, handle: (asked: Asked<undefined, Params>) => Answer): Handler {
  const check = checker(params);
  return { params, run: (received) => handle({ ...received, body: undefined, params: check(received.params) }) };
}

/** For the token endpoint: the body's `grant_type` (the first, where it is left out or empty) says who takes it. */
export function byGrantType(handlers: Readonly<Record<string, Handler>>): Handler {
  const [usual] = Object.values(handlers);
  if (usual?.body === undefined) throw new TypeError('a grant takes a body');
  const choose = (body: unknown): Handler => {
    const type = typeof body === 'object' && body !== null && 'grant_type' in body ? body.grant_type : undefined;
    // One that is no string is told by the usual handler's schema.
    if (typeof type !== 'string' || type === '') return usual;
    const chosen = Object.hasOwn(handlers, type) ? handlers[type] : undefined;
    if (chosen === undefined) throw new AppError('unsupported_grant_type');
    return chosen;
  };
  return { body: usual.body, run: (received) => choose(received.body).run(received) };
}

/** For a handler that acts for the signed-in user. */
export const forUser = (handle: (asked: Asked, userId: number) => Answer): Handler => ({
  run: (received) => {
    if (received.userId === undefined) throw new TypeError('a handler for a user stands on a public route');
    return handle({ ...received, body: undefined, params: undefined }, received.userId);
  },
});

/** A good answer, as the documentation shows it. */
export interface Documented {
  readonly description: string;
  readonly schema?: Joi.Schema;
  readonly type?: string;
  /** A browser gets a page of it. */
  readonly page?: true;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How the Postman collection calls a route and what it checks beyond status and time. */
export interface PostmanNotes {
  /** JavaScript lines that run before the request. */
  readonly before?: readonly string[];
  /** Members of the JSON body that are sent in place of the schema's examples. */
  readonly body?: Readonly<Record<string, string>>;
  /** Members of the answer that are kept in variables: variable → member. */
  readonly keeps?: Readonly<Record<string, string>>;
  /** JavaScript lines that assert what the answer says. */
  readonly asserts?: readonly string[];
}

/** One line of the map of the API: who may call what, with which input, and what the documentation says of it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Express's form: parts with a colon are parameters. */
  readonly path: string;
  /** Needs a signed-in user unless it says `public`. */
  readonly guard?: 'public';
  /** Whether it answers without the database. */
  readonly standalone?: true;
  /** Whether it speaks OAuth: takes forms too, and answers errors as RFC 6749 §5.2 has them. */
  readonly oauth?: true;
  readonly handler: Handler;
  readonly id: string;
  readonly tag: 'Accounts' | 'Tokens' | 'Operations' | 'Documentation';
  readonly summary: string;
  readonly description?: string;
  readonly replies: Readonly<Record<number, Documented>>;
  /** Codes beyond those that its guard and its input bring with them. */
  readonly errors?: readonly Code[];
  readonly postman?: PostmanNotes;
}

/** Whether it answers JSON, which a client may say that it does not take. */
export const answersJson = ({ replies }: Route): boolean => Object.values(replies).some((reply) => reply.schema !== undefined);
