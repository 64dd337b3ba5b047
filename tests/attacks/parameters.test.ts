import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { entriesOf, expectProblem, faultsOf, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
type Method = (typeof METHODS)[number];

interface Parameter {
  readonly method: Method;
  readonly path: string;
  readonly name: string;
}

/** The query's parameters of an operation. */
const parametersOf = (operation: unknown): string[] => {
  const parameters = member(operation, 'parameters');
  return (Array.isArray(parameters) ? parameters : [])
    .filter((one: unknown) => member(one, 'in') === 'query')
    .map((one: unknown) => text(one, 'name'));
};

const PASSWORD = 'correct horse battery staple';

describe('parameters', () => {
  let auth: TestApp;
  let token: string;
  let parameters: Parameter[];
  beforeAll(async () => {
    auth = await createTestApp();
    token = await auth.token(await auth.createUser({ username: 'ada', password: PASSWORD, roles: ['user', 'admin', 'introspect'] }));
    const document: unknown = (await auth.http().get('/openapi.json')).body;
    parameters = entriesOf(member(document, 'paths')).flatMap(([path, operations]) =>
      METHODS.flatMap((method) => parametersOf(member(operations, method)).map((name) => ({ method, path, name }))),
    );
  });
  afterAll(() => auth.close());

  const ask = (method: Method, path: string) => {
    const request = auth.http()[method](path).set('Authorization', `Bearer ${token}`);
    return path.startsWith('/admin/users/import') ? request.type('application/x-ndjson').send('{"username":"eve"}\n') : request;
  };

  test('of the query that are sent twice break a rule, on every route: no reader may take the one and another the other', async () => {
    expect(parameters.length).toBeGreaterThan(15);
    for (const { method, path, name } of parameters) {
      const answer = await ask(method, `${path}?${name}=1&${name}=2`);
      expect([path, answer.status, faultsOf(answer)]).toEqual([path, 422, expect.arrayContaining([`${name}: type`])]);
    }
  });

  test.each(['limit[]=1', 'limit[0]=1', 'limit[x]=1', 'limit.x=1', '__proto__[limit]=1', 'constructor[prototype][limit]=1'])(
    'of the query in brackets are names like any other: ?%s',
    async (query) => {
      const plain: unknown = (await ask('get', '/users/me/sessions')).body;
      const answer = await ask('get', `/users/me/sessions?${query}`);
      expect([answer.status, answer.body]).toEqual([200, plain]);
      expect(Object.prototype).not.toHaveProperty('limit');
    },
  );

  test('are taken from where they belong: not from the query, a cookie or a header in place of the body', async () => {
    const query = new URLSearchParams({ username: 'ada', password: PASSWORD, grant_type: 'password' }).toString();
    const elsewhere = { Cookie: `username=ada; password=${encodeURIComponent(PASSWORD)}`, username: 'ada', password: PASSWORD };
    const answer = await auth.http().post(`/token?${query}`).set(elsewhere).send({});
    expectProblem(answer, 422, 'validation_failed', {
      oauth: 'invalid_request',
      errors: [
        ['username', 'required'],
        ['password', 'required'],
      ],
    });
  });

  test('of the path are not those of the query', async () => {
    const own: unknown = (await ask('get', '/admin/users/1')).body;
    expect((await ask('get', '/admin/users/1?id=2')).body).toEqual(own);
    expectProblem(await ask('get', '/admin/users/999?id=1'), 404, 'not_found');
  });
});
