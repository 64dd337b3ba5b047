import { CONTRACT_VERSION, exampleOf, isJsonObject, type Json, type JsonObject, jsonSchemaOf } from './openapi.js';
import { answersJson, type PostmanVariant, type Route } from './route.js';

const SCHEMA = 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json';

/** This API as a Postman collection (v2.1): every route in the order of a first visit, each with its assertions. */
export function postmanCollection(routes: readonly Route[]): JsonObject {
  const shown = routes.filter((route) => route.postman !== undefined || answersJson(route));
  return {
    info: {
      name: 'Lingomate Auth',
      version: CONTRACT_VERSION,
      schema: SCHEMA,
      description:
        'Registers a user, logs in, keeps the tokens, uses them and logs out. Run it as it stands, or request by request. A request that is answered 401 `reauthentication_required` needs a recent authentication: send "Step up" first. `admin_token` is an access token of an administrator, for writes under `/admin` one of the last five minutes (`REAUTHENTICATION_MINUTES`): log in as one, or step up with that token and the administrator’s password.',
    },
    auth: bearer('access_token'),
    // What logs in stands among the public ones, and so before everything that needs its token; what logs out comes last.
    item: [0, 1, 2].flatMap((place) => shown.filter((route) => placeOf(route) === place)).flatMap(itemsOf),
  };
}

const placeOf = ({ guard, postman }: Route): number => (postman?.last ? 2 : guard === 'public' || guard === 'this-machine' ? 0 : 1);

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
      variable('refresh_token', '', 'secret'),
      variable('service_key', 'none', 'secret'),
      variable('admin_token', 'none', 'secret'),
    ],
    _postman_variable_scope: 'environment',
  };
}

const bearer = (variable: string): JsonObject => ({ type: 'bearer', bearer: [{ key: 'token', value: `{{${variable}}}`, type: 'string' }] });

const script = (listen: string, exec: readonly string[]): Json => ({ listen, script: { type: 'text/javascript', exec } });

/** The request of a route, and its variants behind it. */
const itemsOf = (route: Route): Json[] => [
  itemOf(route, route.summary, bodyOf(route)),
  ...(route.postman?.variants ?? []).map((variant) => itemOf(route, variant.summary, variant.body, variant)),
];

function itemOf(route: Route, name: string, body: JsonObject | undefined, { auth, keeps }: Partial<PostmanVariant> = {}): Json {
  const path = route.path.replace(/:(\w+)/g, (_all, parameter: string) => parameterOf(route, parameter));
  return {
    name,
    event: [...(route.postman?.before ? [script('prerequest', route.postman.before)] : []), script('test', assertionsOf(route, keeps))],
    request: {
      method: route.method.toUpperCase(),
      ...(auth === undefined ? authOf(route) : { auth: bearer(auth) }),
      header: [{ key: 'Accept', value: 'application/json' }, ...(body ? [{ key: 'Content-Type', value: 'application/json' }] : [])],
      url: { raw: `{{base_url}}${path}`, host: ['{{base_url}}'], path: path.split('/').filter((part) => part !== '') },
      ...(body ? { body: { mode: 'raw', raw: JSON.stringify(body, null, 2) } } : {}),
      ...(route.description === undefined ? {} : { description: route.description }),
    },
  };
}

function authOf({ guard, postman }: Route): JsonObject {
  if (postman?.auth !== undefined) return { auth: bearer(postman.auth) };
  return guard === 'public' || guard === 'this-machine' ? { auth: { type: 'noauth' } } : {};
}

const propertiesOf = (schema: JsonObject): JsonObject => (isJsonObject(schema['properties']) ? schema['properties'] : {});

function parameterOf(route: Route, name: string): string {
  const example = route.handler.params ? exampleOf(propertiesOf(jsonSchemaOf(route.handler.params))[name]) : undefined;
  if (typeof example !== 'string') throw new TypeError(`${route.id}: the parameter ${name} needs an example`);
  return example;
}

function bodyOf({ handler, postman }: Route): JsonObject | undefined {
  if (postman?.onlyBody !== undefined) return postman.onlyBody;
  const [usual] = handler.bodies ?? [];
  if (usual === undefined) return undefined;
  const examples: Record<string, Json | undefined> = {};
  for (const [name, schema] of Object.entries(propertiesOf(jsonSchemaOf(usual)))) examples[name] = exampleOf(schema);
  return { ...examples, ...postman?.body };
}

function assertionsOf({ replies, postman }: Route, keeps = postman?.keeps ?? {}): string[] {
  const [[status, reply] = ['', undefined]] = Object.entries(replies);
  const named = "pm.test('names its request', () => pm.response.to.have.header('X-Request-Id'));";
  if (postman?.auth !== undefined) {
    const expected = `pm.environment.get('${postman.auth}') === 'none' ? 401 : ${status}`;
    return [`pm.test('answers ${status} with a key, 401 without', () => pm.response.to.have.status(${expected}));`, named];
  }
  return [
    ...(reply?.schema ? ['const answer = pm.response.json();'] : []),
    `pm.test('answers ${status}', () => pm.response.to.have.status(${status}));`,
    named,
    ...(postman?.asserts ?? []).map((line) => `pm.test(${JSON.stringify(line)}, () => { ${line} });`),
    ...Object.entries(keeps).map(([variable, member]) => `pm.environment.set('${variable}', answer.${member});`),
  ];
}
