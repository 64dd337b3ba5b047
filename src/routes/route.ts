import type Joi from 'joi';
import type { Asked, Reply, SentText } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import type { Code } from '../errors/codes.js';
import type { Actor } from '../lib/actor.js';
import type { TextKind } from '../middleware/read-body.js';
import { checker } from '../middleware/validate.js';
import type { LimitUse } from '../services/limit/counted.js';

/** A request on its way to its handler: input still as it was sent. */
export interface Received extends Asked<unknown, unknown, unknown> {
  readonly actor: Actor | undefined;
  /** Authenticates the user by the Bearer token, for a handler on a public route. */
  signIn(): Promise<Actor>;
  /** Throws `reauthentication_required` where the actor has not authenticated recently. */
  readonly requireRecent: (actor: Actor) => Promise<void>;
  /** Does the work as one attempt under these limits, or refuses to begin it with `rate_limited`. */
  limited(uses: readonly LimitUse[], work: () => Promise<Reply>): Promise<Reply>;
}

/** A controller's method together with the schemas of what it takes. */
export interface Handler {
  /** Each form that the body may have; the first is the usual one. */
  readonly bodies?: readonly Joi.ObjectSchema[];
  /** Where the body is another text than JSON. */
  readonly text?: TextKind & {
    /** An example of each type. */ readonly examples: Readonly<Record<string, string>>;
  };
  readonly params?: Joi.ObjectSchema;
  readonly query?: Joi.ObjectSchema;
  /** Whether it may be asked only so often. */
  readonly limited?: boolean;
  /** Whether it authenticates the user itself, by the Bearer token, on a public route. */
  readonly signsIn?: boolean;
  /** Whether it may require a recent authentication. */
  readonly recent?: boolean;
  run(received: Received): Reply | Promise<Reply>;
}

type Answer = Reply | Promise<Reply>;

/** What a handler takes; what is left out it does not meet. */
interface Input<Body, Params, Query> {
  readonly body?: Joi.ObjectSchema<Body>;
  readonly params?: Joi.ObjectSchema<Params>;
  readonly query?: Joi.ObjectSchema<Query>;
}

/** Under which limits an attempt falls, and whom it is counted against. */
interface Limited<Body, Params, Query, Who extends readonly unknown[] = []> extends Input<Body, Params, Query> {
  readonly limit?: (asked: Asked<Body, Params, Query>, ...who: Who) => readonly LimitUse[];
}

/** Only what falls under a limit pays for one. */
const within = (received: Received, uses: readonly LimitUse[] | undefined, work: () => Answer): Answer =>
  uses === undefined || uses.length === 0 ? work() : received.limited(uses, async () => work());

/** Without a schema the type is left at its default, `undefined`, and so is the value. */
function readerOf<T>(schema: Joi.ObjectSchema<T> | undefined): (input: unknown) => T;
function readerOf(schema: Joi.ObjectSchema | undefined): (input: unknown) => unknown {
  return schema === undefined ? () => undefined : checker(schema);
}

/**
 * Each part of a path is a string that is not empty before any schema sees it: one that asks for no more than that is
 * taken as met, as holding it against Joi's takes a twentieth of a verification.
 */
function paramsReaderOf<T>(schema: Joi.ObjectSchema<T> | undefined): (input: unknown) => T;
function paramsReaderOf(schema: Joi.ObjectSchema | undefined): (input: unknown) => unknown {
  const keys: unknown = schema?.describe().keys;
  const asksForMore = Object.values(keys ?? {}).some(
    (key: object) => 'rules' in key || 'allow' in key || !('type' in key) || key.type !== 'string',
  );
  return schema === undefined || asksForMore ? readerOf(schema) : (input) => input;
}

/** What the schemas of a handler are, and how its input is read by them. */
function reading<Body, Params, Query>({ body, params, query }: Input<Body, Params, Query>) {
  const [readBody, readParams, readQuery] = [readerOf(body), paramsReaderOf(params), readerOf(query)];
  const schemas: Omit<Handler, 'run'> = { ...(body ? { bodies: [body] } : {}), ...(params ? { params } : {}), ...(query ? { query } : {}) };
  const read = (received: Received): Asked<Body, Params, Query> => {
    const { client, caller, page, base, wantsHtml } = received;
    // What names the thing comes before what is to be done with it.
    const readableParams = readParams(received.params);
    const readableQuery = readQuery(received.query);
    return { params: readableParams, query: readableQuery, body: readBody(received.body), client, caller, page, base, wantsHtml };
  };
  return { schemas, read };
}

/** A handler for whoever the guard lets pass; it meets only input that its schemas let through. */
export function handler<Body = undefined, Params = undefined, Query = undefined>(
  { limit, ...input }: Limited<Body, Params, Query>,
  handle: (asked: Asked<Body, Params, Query>) => Answer,
): Handler {
  const { schemas, read } = reading(input);
  return {
    ...schemas,
    limited: limit !== undefined,
    run: (received) => {
      const asked = read(received);
      return within(received, limit?.(asked), () => handle(asked));
    },
  };
}

interface ForUser<Body, Params, Query> extends Limited<Body, Params, Query, [Actor]> {
  /** Which requests need a recent authentication, where not all do; where all do, the route's row says so. */
  readonly recent?: (asked: Asked<Body, Params, Query>, actor: Actor) => boolean;
}

/** The same for the signed-in user, whom the guard has let pass. */
export function userHandler<Body = undefined, Params = undefined, Query = undefined>(
  { limit, recent, ...input }: ForUser<Body, Params, Query>,
  handle: (asked: Asked<Body, Params, Query>, actor: Actor) => Answer,
): Handler {
  const { schemas, read } = reading(input);
  return {
    ...schemas,
    limited: limit !== undefined,
    recent: recent !== undefined,
    run: (received) => {
      const { actor } = received;
      if (actor === undefined) throw new TypeError('a handler for a user stands on a public route');
      const asked = read(received);
      const work = (): Answer => within(received, limit?.(asked, actor), () => handle(asked, actor));
      return recent?.(asked, actor) === true ? received.requireRecent(actor).then(work) : work();
    },
  };
}

/** The same on a public route, for one of its forms that needs a signed-in user. */
export function signInHandler<Body = undefined, Params = undefined, Query = undefined>(
  { limit, ...input }: Limited<Body, Params, Query, [Actor]>,
  handle: (asked: Asked<Body, Params, Query>, actor: Actor) => Answer,
): Handler {
  const { schemas, read } = reading(input);
  return {
    ...schemas,
    limited: limit !== undefined,
    signsIn: true,
    run: async (received) => {
      const actor = await received.signIn();
      const asked = read(received);
      return within(received, limit?.(asked, actor), () => handle(asked, actor));
    },
  };
}

/** The same where the body is a text for the service to read. */
export function userTextHandler<Query = undefined>(
  {
    text,
    query,
    limit,
  }: { text: NonNullable<Handler['text']>; limit: (asked: unknown, actor: Actor) => readonly LimitUse[]; query?: Joi.ObjectSchema<Query> },
  handle: (asked: Asked<SentText, undefined, Query>, actor: Actor) => Answer,
): Handler {
  const { schemas, read } = reading<undefined, undefined, Query>(query ? { query } : {});
  return {
    ...schemas,
    text,
    limited: true,
    run: (received) => {
      const { actor, body } = received;
      if (actor === undefined || !isSentText(body)) throw new TypeError('a handler for text stands on a route without');
      const asked = read(received);
      return within(received, limit(asked, actor), () => handle({ ...asked, body }, actor));
    },
  };
}

const isSentText = (body: unknown): body is SentText =>
  typeof body === 'object' &&
  body !== null &&
  'data' in body &&
  Buffer.isBuffer(body.data) &&
  'type' in body &&
  typeof body.type === 'string';

/** For the token endpoint: the body's `grant_type` (the first, where it is left out or empty) says who takes it. */
export function byGrantType(handlers: Readonly<Record<string, Handler>>): Handler {
  const [usual] = Object.values(handlers);
  if (usual?.bodies === undefined) throw new TypeError('a grant takes a body');
  const choose = (body: unknown): Handler => {
    const type = typeof body === 'object' && body !== null && 'grant_type' in body ? body.grant_type : undefined;
    // One that is no string is told by the usual handler's schema.
    if (typeof type !== 'string' || type === '') return usual;
    const chosen = Object.hasOwn(handlers, type) ? handlers[type] : undefined;
    if (chosen === undefined) throw new AppError('unsupported_grant_type');
    return chosen;
  };
  const bodies = Object.values(handlers).flatMap((one) => one.bodies ?? []);
  const limited = Object.values(handlers).every((one) => one.limited);
  const signsIn = Object.values(handlers).some((one) => one.signsIn);
  return { bodies, limited, signsIn, run: (received) => choose(received.body).run(received) };
}

/**
 * Combines the handlers of one path whose requests come with different members: the first of these members that the body has
 * selects the handler, and where it has none, the first handler runs. A member that is null is absent, also to the handler of
 * another one.
 */
export function byMember(handlers: readonly (readonly [member: string, handler: Handler])[]): Handler {
  const [usual] = handlers;
  if (usual === undefined) throw new TypeError('somebody has to take it');
  const choose = (body: object): Handler => (handlers.find(([member]) => Object.entries(body).some(isValueOf(member))) ?? usual)[1];
  const run: Handler['run'] = (received) => {
    if (!isObject(received.body)) return usual[1].run(received);
    const chosen = choose(received.body);
    const others = handlers.flatMap(([member, one]) => (one === chosen ? [] : [member]));
    const isLeftOut = ([name, value]: [string, unknown]): boolean => value === null && others.includes(name);
    const members = Object.entries(received.body);
    if (!members.some(isLeftOut)) return chosen.run(received);
    return chosen.run({ ...received, body: Object.fromEntries(members.filter((member) => !isLeftOut(member))) });
  };
  const bodies = [...new Set(handlers.flatMap(([, one]) => one.bodies ?? []))];
  const limited = handlers.every(([, one]) => one.limited);
  return { bodies, limited, run };
}

const isObject = (body: unknown): body is object => typeof body === 'object' && body !== null;
const isValueOf =
  (member: string) =>
  ([name, value]: [string, unknown]): boolean =>
    name === member && value !== null;

/** A good answer, as the documentation shows it. */
export interface Documented {
  readonly description: string;
  readonly schema?: Joi.Schema;
  readonly type?: string;
  /** It is JSON lines, each as the schema has it. */
  readonly lines?: true;
  /** A browser gets a page of it. */
  readonly page?: true;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A further request to a route, with a body of its own. */
export interface PostmanVariant {
  readonly summary: string;
  readonly body: Readonly<Record<string, string>>;
  /** The variable that it bears as Bearer token, where the route bears none. */
  readonly auth?: 'access_token';
  /** In place of what the route keeps. */
  readonly keeps?: Readonly<Record<string, string>>;
}

/** How the Postman collection calls a route and what it checks beyond status and time. */
export interface PostmanNotes {
  /** JavaScript lines that run before the request. */
  readonly before?: readonly string[];
  /** Members of the JSON body that are sent in place of the schema's examples. */
  readonly body?: Readonly<Record<string, string>>;
  /** The whole JSON body, in place of the schema's examples. */
  readonly onlyBody?: Readonly<Record<string, string>>;
  /** Members of the answer that are kept in variables: variable → member. */
  readonly keeps?: Readonly<Record<string, string>>;
  /** JavaScript lines that assert what the answer says. */
  readonly asserts?: readonly string[];
  /** Further requests to it. */
  readonly variants?: readonly PostmanVariant[];
  /** Path parameters that are sent in place of the schema's examples. */
  readonly params?: Readonly<Record<string, string>>;
  /** Changes or ends something that another program could need, and so stands in a folder apart. */
  readonly destructive?: true;
  /** Ends the session that the others need, and so comes behind all of them, in the folder apart. */
  readonly last?: true;
  /** The variable whose value it bears in place of the access token. */
  readonly auth?: 'service_key' | 'admin_token';
}

/** One line of the map of the API: who may call what, with which input, and what the documentation says of it. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Express's form: parts with a colon are parameters. */
  readonly path: string;
  /** Another path that redirects to this one, and the relative reference from there to here (RFC 9110 §10.2.2), right under any prefix. */
  readonly redirectsFrom?: { readonly path: string; readonly location: string };
  /**
   * Needs a signed-in user, by an access token that this service issued, unless it says otherwise: `public` looks at no
   * credentials, `anybody` says who calls where they tell, `access-token` takes any that verifies, `this-machine` is not there for
   * programs elsewhere, and a scope lets services and users pass that have it.
   */
  readonly guard?: 'public' | 'anybody' | 'access-token' | 'this-machine' | { readonly scope: string };
  /**
   * Whether its user must have authenticated within REAUTHENTICATION_MINUTES: `true` is checked with the guard, before the body is
   * read; `or-current-password` by the service, as a right `current_password` in the body counts as an authentication now.
   */
  readonly recent?: true | 'or-current-password';
  /** Whether its body may be left out. */
  readonly bodyOptional?: true;
  /** Whether it answers without the database. */
  readonly standalone?: true;
  /** Whether it speaks OAuth: takes forms too, and answers errors as RFC 6749 §5.2 has them. */
  readonly oauth?: true;
  readonly handler: Handler;
  readonly id: string;
  readonly tag: 'Accounts' | 'Sessions' | 'Tokens' | 'Administration' | 'Operations' | 'Documentation';
  readonly summary: string;
  readonly description?: string;
  readonly replies: Readonly<Record<number, Documented>>;
  /** Codes beyond those that its guard and its input bring with them. */
  readonly errors?: readonly Code[];
  /** An answer without content stands in the collection only where this is there. */
  readonly postman?: PostmanNotes;
}

/** Whether it answers JSON, which a client may say that it does not take. */
export const answersJson = ({ replies }: Route): boolean =>
  Object.values(replies).some(({ schema, lines }) => schema !== undefined && !lines);
