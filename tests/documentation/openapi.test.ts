import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import type Joi from 'joi';
import { loadConfig } from '../../config/index.js';
import { createContainer, type Container } from '../../src/container.js';
import { createRoutes } from '../../src/routes/index.js';
import { cookieNames, createCookies } from '../../src/presenters/cookie.presenter.js';
import { CODES } from '../../src/errors/codes.js';
import { codesOf, documentAt, isJsonObject, openApiDocument, type JsonObject } from '../../src/routes/openapi.js';
import type { Route } from '../../src/routes/route.js';
import { createTestApp } from '../support/test-app.js';

let container: Container;
let routes: Route[];
beforeAll(() => {
  container = createContainer(loadConfig({ NODE_ENV: 'test', DATABASE_URL: 'sqlite::memory:', LOG_LEVEL: 'silent' }));
  const { services, health, version } = container;
  routes = createRoutes({
    services,
    health,
    version,
    settings: {
      ...container.config.token,
      publicUrl: 'http://localhost:8000',
      hasMailbox: true,
      cookies: createCookies(cookieNames(container.config.http.cookieName)),
      clearsStorage: false,
      passwordMinLength: 8,
    },
  });
});
afterAll(() => container.close());

/** What opens a route: a scope may be a service's, and where anybody may come a token is a choice. */
function securityOf({ guard, handler }: Route): object[] {
  const user = [{ accessToken: [] }, { logIn: [] }];
  if (guard === 'anybody' || handler.signsIn) return [{}, ...user];
  if (guard === 'public' || guard === 'this-machine') return [];
  return guard === undefined || guard === 'access-token' ? user : [{ serviceKey: [] }, ...user];
}

const member = (value: unknown, name: string): unknown => (isJsonObject(value) ? value[name] : undefined);

describe('the OpenAPI document', () => {
  let text: string;
  let document: unknown;
  beforeAll(async () => {
    const auth = await createTestApp();
    const answer = await auth.http().get('/openapi.json');
    ({ text } = answer);
    document = answer.body;
    await auth.close();
  });

  test("breaks none of the linter's recommended rules, not even one that only warns", async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const problems = await lintFromString({ source: text, absoluteRef: '/openapi.json', config });
    expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? ''})`)).toEqual([]);
  });

  test('holds every route under its own name, and nothing else', () => {
    const shown = Object.entries(isJsonObject(document) && isJsonObject(document['paths']) ? document['paths'] : {}).flatMap(
      ([path, item]) =>
        Object.entries(item ?? {}).map(([method, operation]) => `${method} ${path} ${String(member(operation, 'operationId'))}`),
    );
    const routed = routes.map(({ method, path, id }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')} ${id}`);
    expect(shown.sort()).toEqual(routed.sort());
    expect(new Set(routes.map(({ id }) => id)).size).toBe(routes.length);
  });

  it('has no schema for which documentation pages make up members, and no variable', () => {
    expect(text.match(/"additionalProperties":true|\{\{/g) ?? []).toEqual([]);
  });

  test('is answered as the routes make it', () => {
    expect(document).toEqual(JSON.parse(JSON.stringify(openApiDocument(routes))));
  });

  test('asks for an access token on every route with a guard, and on no other', () => {
    for (const route of routes) {
      const { method, path } = route;
      const operation = member(member(member(document, 'paths'), path.replace(/:(\w+)/g, '{$1}')), method);
      expect(member(operation, 'security')).toEqual(securityOf(route));
    }
  });
});

/** Every `{status, code, example}` of the document, with references resolved. */
function errorExamples(document: unknown): { status: string; code: string; example: unknown }[] {
  const members = (value: unknown): [string, unknown][] => (isJsonObject(value) ? Object.entries(value) : []);
  const shared = member(member(document, 'components'), 'examples');
  const resolve = (example: unknown): unknown => {
    const name = String(member(example, '$ref')).replace('#/components/examples/', '');
    return member(member(example, '$ref') === undefined ? example : member(shared, name), 'value');
  };
  return members(member(document, 'paths'))
    .flatMap(([, item]) => members(item))
    .flatMap(([, operation]) => members(member(operation, 'responses')))
    .flatMap(([status, response]) =>
      members(member(response, 'content')).flatMap(([, content]) =>
        members(member(content, 'examples')).map(([code, example]) => ({ status, code, example: resolve(example) })),
      ),
    );
}

describe('the error responses', () => {
  it('show for each code that they name an example of that code and status', () => {
    const document = openApiDocument(routes);
    const examples = errorExamples(document);
    for (const { status, code, example } of examples) {
      expect(example).toMatchObject({ type: `/errors#${code}`, status: Number(status), code });
    }
    expect(examples).toHaveLength(routes.reduce((sum, route) => sum + codesOf(route).length, 0));
  });

  it('name no code that the service never returns', () => {
    const root = new URL('../../src/', import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const text = files.map((name) => readFileSync(new URL(name, root), 'utf8')).join('\n');
    expect(Object.keys(CODES).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });
});

describe('the security schemes', () => {
  it.each([
    ['at the root', '', '/token'],
    ['under a prefix', '/auth', '/auth/token'],
  ])('log in by the password flow of this service %s', (_, base, tokenUrl) => {
    const document = documentAt(openApiDocument(routes), base);
    const scheme = member(member(member(document, 'components'), 'securitySchemes'), 'logIn');
    expect(scheme).toMatchObject({ type: 'oauth2', flows: { password: { tokenUrl, scopes: {} } } });
  });
});

describe('the examples of a schema', () => {
  /** Whole values made of the examples: each example stands in one of them. Undefined where a part has none. */
  function wholes(description: unknown): unknown[] {
    const [examples, allowed] = [member(description, 'examples'), member(description, 'allow')];
    if (Array.isArray(examples)) return examples;
    if (member(member(description, 'flags'), 'only') === true && Array.isArray(allowed)) return allowed;
    const keys = member(description, 'keys');
    if (isJsonObject(keys)) return wholeObjects(keys);
    const items = member(description, 'items');
    if (Array.isArray(items)) return items.flatMap(wholes).map((item) => [item]);
    return member(description, 'type') === 'object' ? [{}] : [];
  }

  function wholeObjects(keys: JsonObject): unknown[] {
    const variants = Object.entries(keys).map(([name, part]) => ({ name, values: wholes(part) }));
    const first = Object.fromEntries(variants.flatMap(({ name, values }) => (values.length === 0 ? [] : [[name, values[0]]])));
    return [first, ...variants.flatMap(({ name, values }) => values.slice(1).map((value) => ({ ...first, [name]: value })))];
  }

  test('are values that it takes, with every member that it asks for', () => {
    const schemas = new Set<Joi.Schema>();
    for (const { handler, replies } of routes) {
      for (const schema of [
        ...(handler.bodies ?? []),
        handler.params,
        handler.query,
        ...Object.values(replies).map((reply) => reply.schema),
      ])
        if (schema) schemas.add(schema);
    }
    expect(schemas.size).toBeGreaterThan(5);
    for (const schema of schemas) {
      for (const whole of wholes(schema.describe())) {
        expect({ whole, fault: schema.validate(whole, { convert: false }).error?.message }).toEqual({ whole, fault: undefined });
      }
    }
  });
});
