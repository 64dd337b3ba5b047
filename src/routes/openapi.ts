import type Joi from 'joi';
import { createRequire } from 'node:module';
import { CODES, type Code } from '../errors/codes.js';
import { showingNulls } from '../middleware/validate.js';
import { oauthProblemResponse, problemResponse } from '../validators/meta.validator.js';
import { problemExample } from './problem-examples.js';
import { answersJson, type Documented, type Handler, type Route } from './route.js';

// Its types tell of named exports; what it exports is one function.
const require = createRequire(import.meta.url);
const convert: unknown = require('joi-to-json');

function toJsonSchema(schema: Joi.Schema): unknown {
  if (typeof convert !== 'function') throw new TypeError('joi-to-json exports no function');
  return Reflect.apply(convert, undefined, [schema, 'open-api-3.1']);
}

/** A piece of an OpenAPI document. */
type JsonArray = readonly Json[];
export type Json = string | number | boolean | null | JsonArray | { readonly [member: string]: Json | undefined };
export type JsonObject = Readonly<Record<string, Json | undefined>>;

const TAGS: Readonly<Record<Route['tag'], string>> = {
  Accounts: 'Users and what they are',
  Sessions: 'Where a user is logged in',
  Tokens: 'Logging in and out, and tokens (RFC 6749, RFC 7009, RFC 7662, RFC 9068)',
  Administration: 'Everybody’s accounts, for those with the scope `admin`',
  Operations: 'For those who run it',
  Documentation: 'This API, described by itself',
};

/** The JSON Schema of a Joi schema, with what `x-rules` adds lifted to where it belongs. */
export function jsonSchemaOf(schema: Joi.Schema): JsonObject {
  const parsed: unknown = JSON.parse(JSON.stringify(toJsonSchema(schema)), (name, value: unknown) => {
    // The default; written out, documentation pages make up members named additionalProp1.
    if (name === 'additionalProperties' && value === true) return undefined;
    if (typeof value !== 'object' || value === null || !('x-rules' in value)) return value;
    const { 'x-rules': rules, ...rest } = value;
    return { ...rest, ...(typeof rules === 'object' ? rules : {}) };
  });
  if (!isJsonObject(parsed)) throw new TypeError('a Joi schema became no JSON Schema');
  return parsed;
}

export const isJsonObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An example of a schema's own, if it has one. */
export function exampleOf(schema: Json | undefined): Json | undefined {
  const examples = isJsonObject(schema) ? schema['examples'] : undefined;
  return isJsonArray(examples) ? examples[0] : undefined;
}

/** A value as JSON has it. */
function plain(value: object): JsonObject {
  const parsed: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(parsed)) throw new TypeError('an example is an object');
  return parsed;
}

const isJsonArray = (value: Json | undefined): value is JsonArray => Array.isArray(value);

/** `/verify-token/:token` as OpenAPI writes it. */
const templateOf = (path: string): string => path.replace(/:(\w+)/g, '{$1}');

/** The codes that every route of its kind can answer with, and its own. */
export function codesOf(route: Route): Code[] {
  const { guard, recent, standalone, handler, errors = [] } = route;
  const needsToken = handler.signsIn === true || !(asksNobody(guard) || guard === 'anybody');
  const guarded: Code[] = needsToken ? ['authentication_required', 'invalid_token'] : [];
  const reauthenticated: Code[] = [
    ...(recent !== undefined || handler.recent ? (['reauthentication_required'] as const) : []),
    ...(recent === 'or-current-password' ? (['current_password_invalid'] as const) : []),
  ];
  const scoped: Code[] = typeof guard === 'object' ? ['insufficient_scope'] : [];
  const withQuery: Code[] = handler.query ? ['validation_failed'] : [];
  const withBody: Code[] =
    handler.bodies || handler.text ? ['request_timeout', 'payload_too_large', 'unsupported_media_type', 'validation_failed'] : [];
  const withParams: Code[] = handler.params ? ['not_found'] : [];
  const limited: Code[] = handler.limited || guard === 'anybody' || typeof guard === 'object' ? ['rate_limited'] : [];
  const withDatabase: Code[] = standalone ? [] : ['unavailable', 'overloaded'];
  const negotiated: Code[] = answersJson(route) ? ['not_acceptable'] : [];
  return [
    ...new Set<Code>([
      'malformed_request',
      ...guarded,
      ...reauthenticated,
      ...scoped,
      ...withQuery,
      ...withBody,
      ...withParams,
      ...errors,
      ...limited,
      ...negotiated,
      'internal_error',
      ...withDatabase,
    ]),
  ];
}

/** The major version of the HTTP contract. The package's version would reveal known vulnerabilities (ASVS 13.4.6). */
export const CONTRACT_VERSION = '1';

/** This API as an OpenAPI 3.1 document, made of the routes and their Joi schemas alone. */
export function openApiDocument(routes: readonly Route[]): JsonObject {
  const schemas: Record<string, JsonObject> = {};
  const refer = (schema: Joi.Schema): JsonObject => {
    const name = labelOf(schema);
    schemas[name] ??= { ...jsonSchemaOf(schema), title: name };
    return { $ref: `#/components/schemas/${name}` };
  };
  const examples: Record<string, JsonObject> = {};
  const referExample: ReferExample = (code, oauth) => {
    const name = oauth ? `oauth.${code}` : code;
    examples[name] ??= { value: plain(problemExample(code, { status: CODES[code].status, oauth })) };
    return { $ref: `#/components/examples/${name}` };
  };
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of routes) (paths[templateOf(route.path)] ??= {})[route.method] = operationOf(route, refer, referExample);
  const tags = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lingomate Auth',
      version: CONTRACT_VERSION,
      description: 'Authentication and user management for single-page apps. Every error has one shape; its `code` is stable.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags,
    paths,
    components: {
      schemas,
      examples,
      securitySchemes: securitySchemesAt(''),
    },
  };
}

/** Returns the same document for a service that is mounted at `base`. */
export function documentAt(document: JsonObject, base: string): JsonObject {
  const components = isJsonObject(document['components']) ? document['components'] : {};
  return { ...document, servers: [{ url: base }], components: { ...components, securitySchemes: securitySchemesAt(base) } };
}

const securitySchemesAt = (base: string): JsonObject => ({
  accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Access token of a user.' },
  logIn: {
    type: 'oauth2',
    description: 'Logs a user in by `POST /token` and sends the access token. Client id and secret stay empty.',
    flows: { password: { tokenUrl: `${base}/token`, scopes: {} } },
  },
  serviceKey: { type: 'http', scheme: 'bearer', description: 'Key of another service: `lingomate-auth service-keys create`.' },
});

function labelOf(schema: Joi.Schema): string {
  const label: unknown = schema.$_getFlag('label');
  if (typeof label !== 'string') throw new TypeError('a schema in the documentation needs a label');
  return label;
}

type Refer = (schema: Joi.Schema) => JsonObject;
type ReferExample = (code: Code, oauth: boolean) => JsonObject;

function operationOf(route: Route, refer: Refer, referExample: ReferExample): JsonObject {
  const { handler, replies } = route;
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: securityOf(route),
    ...(handler.params || handler.query ? { parameters: parametersOf(handler) } : {}),
    ...(handler.bodies
      ? { requestBody: { required: !route.bodyOptional, content: contentOf(handler.bodies, refer, route.oauth === true) } }
      : {}),
    ...(handler.text ? { requestBody: { required: true, content: textContentOf(handler.text) } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(replies).map(([status, reply]) => [
          status,
          replyOf({ ...reply, headers: { ...(handler.limited ? LIMIT_HEADERS : {}), ...reply.headers } }, refer),
        ]),
      ),
      ...faultsOf(route, refer, referExample),
    },
  };
}

/** Whether credentials are not looked at. */
const asksNobody = (guard: Route['guard']): boolean => guard === 'public' || guard === 'this-machine';

function securityOf({ guard, handler }: Route): Json[] {
  const user = [{ accessToken: [] }, { logIn: [] }];
  if (guard === 'anybody' || handler.signsIn) return [{}, ...user];
  if (asksNobody(guard)) return [];
  return guard === undefined || guard === 'access-token' ? user : [{ serviceKey: [] }, ...user];
}

function contentOf(schemas: readonly Joi.ObjectSchema[], refer: Refer, forms: boolean): JsonObject {
  const [only, ...more] = schemas.map((schema) => refer(showingNulls(schema)));
  const schema = more.length === 0 ? only : { anyOf: [only ?? {}, ...more] };
  return Object.fromEntries(
    ['application/json', ...(forms ? ['application/x-www-form-urlencoded'] : [])].map((type) => [type, { schema }]),
  );
}

const textContentOf = ({ types, examples }: NonNullable<Handler['text']>): JsonObject =>
  Object.fromEntries(
    types.map((type) => [type, { schema: { type: 'string' }, ...(examples[type] === undefined ? {} : { example: examples[type] }) }]),
  );

const parametersOf = ({ params, query }: Handler): Json[] => [...parametersIn('path', params), ...parametersIn('query', query)];

function parametersIn(place: 'path' | 'query', schema: Joi.ObjectSchema | undefined): Json[] {
  const { properties } = schema ? jsonSchemaOf(schema) : {};
  return Object.entries(isJsonObject(properties) ? properties : {}).map(([name, described]) => {
    const { description, ...rest } = isJsonObject(described) ? described : {};
    return { name, in: place, required: place === 'path', ...(description === undefined ? {} : { description }), schema: rest };
  });
}

const headersOf = (headers: Readonly<Record<string, string>>): JsonObject =>
  Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]));

const LIMIT_HEADERS = {
  'RateLimit-Policy': 'The limits that this falls under: how many (`q`) in how many seconds (`w`).',
  RateLimit: 'How many are left of each (`r`), and in how many seconds there are all again (`t`).',
};

const REQUEST_ID = { 'X-Request-Id': 'Names this request in the log.' };

function replyOf({ description, schema, type = 'application/json', lines, page, headers }: Documented, refer: Refer): JsonObject {
  const hasContent = schema !== undefined || type !== 'application/json';
  return {
    description,
    headers: headersOf({ ...REQUEST_ID, ...headers }),
    ...(hasContent
      ? {
          content: {
            [type]: { schema: schema ? inLines(refer(schema), lines) : { type: 'string' } },
            ...(page ? { 'text/html': { schema: { type: 'string' } } } : {}),
          },
        }
      : {}),
  };
}

/** OpenAPI 3.1 has no words for JSON lines; 3.2 describes them as the list of what stands in them. */
const inLines = (schema: JsonObject, lines?: true): JsonObject => (lines ? { type: 'array', items: schema } : schema);

const detailOf = (code: Code, { handler }: Route): string =>
  code === 'payload_too_large' && handler.text ? handler.text.tooLarge : CODES[code].detail;

function exampleOfCode(code: Code, route: Route, referExample: ReferExample): JsonObject {
  const [detail, oauth] = [detailOf(code, route), route.oauth === true];
  return detail === CODES[code].detail
    ? referExample(code, oauth)
    : { value: plain(problemExample(code, { status: CODES[code].status, oauth, detail })) };
}

/** One answer a status, which lists the codes it can bear. */
function faultsOf(route: Route, refer: Refer, referExample: ReferExample): JsonObject {
  const answers: Record<string, JsonObject> = {};
  const codes = codesOf(route);
  for (const status of new Set(codes.map((code) => CODES[code].status))) {
    const here = codes.filter((code) => CODES[code].status === status);
    const headers = {
      ...REQUEST_ID,
      ...(status === 401 ? { 'WWW-Authenticate': 'A Bearer challenge (RFC 6750, RFC 9470).' } : {}),
      ...(status === 503 || status === 429 ? { 'Retry-After': 'Seconds to wait.' } : {}),
      ...(status === 429 ? LIMIT_HEADERS : {}),
    };
    answers[status] = {
      description: here.map((code) => `\`${code}\`: ${detailOf(code, route)}.`).join(' '),
      headers: headersOf(headers),
      content: {
        [route.oauth ? 'application/json' : 'application/problem+json']: {
          schema: refer(route.oauth ? oauthProblemResponse : problemResponse),
          examples: Object.fromEntries(here.map((code) => [code, exampleOfCode(code, route, referExample)])),
        },
      },
    };
  }
  return answers;
}
