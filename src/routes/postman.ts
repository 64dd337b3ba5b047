import { CONTRACT_VERSION, exampleOf, isJsonObject, type Json, type JsonObject, jsonSchemaOf } from './openapi.js';
import { answersJson, type PostmanVariant, type Route } from './route.js';

const SCHEMA = 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json';

const DESCRIPTION = `Registers a user, logs in, keeps the tokens, uses them and logs out. Run it as it stands, or request by request.

It acts on users and service keys that it has created itself. The folder "Destructive requests" ends sessions, deletes that account, revokes that key and logs out; run it last, or leave it out.

A request is skipped while a variable that it uses is empty. Import the environment /postman-environment.json, select it, and fill in by hand, as current values:

- \`base_url\`: the URL of the service.
- \`admin_token\`: the \`access_token\` of an administrator's log-in, for the requests under \`/admin\`. Writes there need a log-in of the last five minutes (\`REAUTHENTICATION_MINUTES\`).
- \`service_key\`: the output of \`npm run -s cli -- service-keys create --name postman --scope introspect\`, for \`/introspect\` and \`/revocations\`.

The requests themselves fill in the others: "Register a new user" \`username\`, "Log in" \`access_token\` and \`refresh_token\`, "Make an account" \`created_user_id\`, "Create a service key" \`created_service_key_id\`. After 401 \`reauthentication_required\` send "Step up".`;

/** Returns this API as a Postman collection (v2.1): every route in the order of a first visit, each with its assertions. */
export function postmanCollection(routes: readonly Route[]): JsonObject {
  const shown = routes.filter((route) => route.postman !== undefined || answersJson(route));
  const itemsIn = (places: readonly number[]): Json[] =>
    places.flatMap((place) => shown.filter((route) => placeOf(route) === place)).flatMap(itemsOf);
  return {
    info: { name: 'Lingomate Auth', version: CONTRACT_VERSION, schema: SCHEMA, description: DESCRIPTION },
    auth: bearer('access_token'),
    // What logs in stands among the public ones, and so before everything that needs its token; what logs out comes last.
    item: [
      { name: 'Requests', item: itemsIn([0, 1]) },
      { name: 'Destructive requests', item: itemsIn([2, 3]) },
    ],
  };
}

function placeOf({ guard, postman }: Route): number {
  if (postman?.last) return 3;
  if (postman?.destructive) return 2;
  return guard === 'public' || guard === 'this-machine' ? 0 : 1;
}

/** Returns the collection's variables. */
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
      variable('service_key', '', 'secret'),
      variable('admin_token', '', 'secret'),
      variable('created_username', ''),
      variable('created_user_id', ''),
      variable('created_service_key_id', ''),
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
  const path = route.path.replace(
    /:(\w+)/g,
    (_all, parameter: string) => route.postman?.params?.[parameter] ?? parameterOf(route, parameter),
  );
  const request = {
    method: route.method.toUpperCase(),
    ...(auth === undefined ? authOf(route) : { auth: bearer(auth) }),
    header: [{ key: 'Accept', value: 'application/json' }, ...(body ? [{ key: 'Content-Type', value: 'application/json' }] : [])],
    url: { raw: `{{base_url}}${path}`, host: ['{{base_url}}'], path: path.split('/').filter((part) => part !== '') },
    ...(body ? { body: { mode: 'raw', raw: JSON.stringify(body, null, 2) } } : {}),
    ...(route.description === undefined ? {} : { description: route.description }),
  };
  const before = [...(route.postman?.before ?? []), ...skipsUnlessFilled(request)];
  return {
    name,
    event: [...(before.length > 0 ? [script('prerequest', before)] : []), script('test', assertionsOf(route, keeps))],
    request,
  };
}

/** Returns the line that skips a request while a variable is empty: it would be refused, or meet another resource than its own. */
function skipsUnlessFilled(request: JsonObject): string[] {
  // Without `auth` a request bears the collection's own.
  const used = JSON.stringify({ auth: bearer('access_token'), ...request }).matchAll(/\{\{(\w+)\}\}/g);
  const names = [...new Set([...used].map(([, name = '']) => name))].filter((name) => name !== 'base_url');
  const isEmpty = `${JSON.stringify(names).replaceAll('"', "'").replaceAll(',', ', ')}.some((name) => !pm.variables.get(name))`;
  return names.length === 0 ? [] : [`if (${isEmpty}) pm.execution.skipRequest();`];
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
  return [
    ...(reply?.schema ? ['const answer = pm.response.json();'] : []),
    `pm.test('answers ${status}', () => pm.response.to.have.status(${status}));`,
    named,
    ...(postman?.asserts ?? []).map((line) => `pm.test(${JSON.stringify(line)}, () => { ${line} });`),
    ...Object.entries(keeps).map(([variable, member]) => `pm.environment.set('${variable}', answer.${member});`),
  ];
}
