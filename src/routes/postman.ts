import { exampleOf, isJsonObject, type Json, type JsonObject, jsonSchemaOf } from './openapi.js';
import type { Route } from './route.js';

const SCHEMA = 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json';

/** This API as a Postman collection (v2.1): every route in the order of a first visit, each with its assertions. */
export function postmanCollection(routes: readonly Route[], { version }: { version: string }): JsonObject {
  const shown = routes.filter((route) => Object.values(route.replies).some(({ schema }) => schema !== undefined));
  return {
    info: {
      name: 'Lingomate Auth',
      version,
      schema: SCHEMA,
      description: 'Registers a user, logs in, keeps the access token and verifies it. Run it as it stands, or request by request.',
    },
    auth: { type: 'bearer', bearer: [{ key: 'token', value: '{{access_token}}', type: 'string' }] },
    // What logs in stands among the public ones, and so before everything that needs its token.
    item: [...shown.filter(isPublic), ...shown.filter((route) => !isPublic(route))].map(itemOf),
  };
}

const isPublic = ({ guard }: Route): boolean => guard === 'public';

/** The collection's variables. */
export function postmanEnvironment({ baseUrl }: { baseUrl: string }): JsonObject {
  const variable = (key: string, value: string, type = 'default'): Json => ({ key, value, type, enabled: true });
  return {
    name: 'Lingomate Auth',
    values: [
      variable('base_url', baseUrl),
      variable('username', ''),
      variable('password', 'correct horse battery staple', 'secret'),
      variable('access_token', '', 'secret'),
    ],
    _postman_variable_scope: 'environment',
  };
}

const script = (listen: string, exec: readonly string[]): Json => ({ listen, script: { type: 'text/javascript', exec } });

function itemOf(route: Route): Json {
  const path = route.path.replace(/:(\w+)/g, (_all, name: string) => parameterOf(route, name));
  const body = bodyOf(route);
  return {
    name: route.summary,
    event: [...(route.postman?.before ? [script('prerequest', route.postman.before)] : []), script('test', assertionsOf(route))],
    request: {
      method: route.method.toUpperCase(),
      ...(route.guard === 'public' ? { auth: { type: 'noauth' } } : {}),
      header: [{ key: 'Accept', value: 'application/json' }, ...(body ? [{ key: 'Content-Type', value: 'application/json' }] : [])],
      url: { raw: `{{base_url}}${path}`, host: ['{{base_url}}'], path: path.split('/').filter((part) => part !== '') },
      ...(body ? { body: { mode: 'raw', raw: JSON.stringify(body, null, 2) } } : {}),
      ...(route.description === undefined ? {} : { description: route.description }),
    },
  };
}

const propertiesOf = (schema: JsonObject): JsonObject => (isJsonObject(schema['properties']) ? schema['properties'] : {});

function parameterOf(route: Route, name: string): string {
  const example = route.handler.params ? exampleOf(propertiesOf(jsonSchemaOf(route.handler.params))[name]) : undefined;
  if (typeof example !== 'string') throw new TypeError(`${route.id}: the parameter ${name} needs an example`);
  return example;
}

function bodyOf({ handler, postman }: Route): JsonObject | undefined {
  if (!handler.body) return undefined;
  const examples: Record<string, Json | undefined> = {};
  for (const [name, schema] of Object.entries(propertiesOf(jsonSchemaOf(handler.body)))) examples[name] = exampleOf(schema);
  return { ...examples, ...postman?.body };
}

function assertionsOf({ replies, postman }: Route): string[] {
  const [status] = Object.keys(replies);
  return [
    'const answer = pm.response.json();',
    `pm.test('answers ${status}', () => pm.response.to.have.status(${status}));`,
    "pm.test('names its request', () => pm.response.to.have.header('X-Request-Id'));",
    ...(postman?.asserts ?? []).map((line) => `pm.test(${JSON.stringify(line)}, () => { ${line} });`),
    ...Object.entries(postman?.keeps ?? {}).map(([variable, member]) => `pm.environment.set('${variable}', answer.${member});`),
  ];
}
