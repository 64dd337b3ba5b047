import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { entriesOf, member } from '../support/answers.js';
import { exchange, expectRawProblem, type RawAnswer, request } from '../support/raw-http.js';
import { createServedApp, type ServedApp } from '../support/served-app.js';

const CHUNKED = 'Transfer-Encoding: chunked';
const FRAMINGS: [string, { headers: string[]; body?: string }][] = [
  ['without a length', { headers: [] }],
  ['with Content-Length: 0', { headers: ['Content-Length: 0'] }],
  ['in chunks', { headers: [CHUNKED], body: '0\r\n\r\n' }],
  ['in chunks, with a chunk extension and a trailer', { headers: [CHUNKED], body: '0;name=value\r\nX: x\r\n\r\n' }],
];
const TYPES = [undefined, 'application/json', 'application/x-www-form-urlencoded', 'text/plain', 'nonsense'];

describe.each(FRAMINGS)('an empty body %s', (_how, framing) => {
  let auth: ServedApp;
  let port: number;
  beforeAll(async () => {
    auth = await createServedApp();
    ({ port } = auth);
  });
  afterAll(() => auth.close());

  const send = (method: string, path: string, type: string | undefined, ...headers: string[]): Promise<RawAnswer> => {
    const typed = type === undefined ? [] : [`Content-Type: ${type}`];
    return exchange(port, request(method, path, { ...framing, headers: [...framing.headers, ...typed, ...headers] }));
  };
  const bearer = async (): Promise<string> => `Authorization: Bearer ${await auth.token(await auth.createUser())}`;

  const OPTIONAL: [string, string, number][] = [
    ['POST', '/logout', 204],
    ['POST', '/logout?scope=others', 204],
    ['POST', '/logout?scope=all', 204],
    ['POST', '/users/me/recovery-codes', 201],
    ['DELETE', '/users/me/recovery-codes', 204],
    // It needs the current password.
    ['DELETE', '/users/me', 422],
  ];
  it.each(OPTIONAL)('is no body for %s %s, of whatever type', async (method, path, status) => {
    for (const type of TYPES) expect([type, (await send(method, path, type, await bearer())).status]).toEqual([type, status]);
  });

  it('ends the session at POST /logout', async () => {
    const authorization = await bearer();
    await send('POST', '/logout', 'application/json', authorization);
    expectRawProblem(await exchange(port, request('GET', '/users/me', { headers: [authorization] })), 401, 'invalid_token');
  });

  it.each(['/register', '/token', '/revoke', '/password/forgot', '/email/verify'])(
    'is refused by %s, which needs a body, as a body that is empty',
    async (path) => {
      for (const type of TYPES) {
        const answer = await send('POST', path, type);
        expectRawProblem(answer, 400, 'malformed_request');
        expect(JSON.parse(answer.body)).toMatchObject({ detail: 'The body is empty' });
      }
    },
  );

  it('is an import of no users where its type is named, and refused where it is not', async () => {
    const authorization = `Authorization: Bearer ${await auth.token(await auth.createUser({ roles: ['user', 'admin'] }))}`;
    expect((await send('POST', '/admin/users/import', 'application/x-ndjson', authorization)).status).toBe(200);
    expectRawProblem(await send('POST', '/admin/users/import', undefined, authorization), 400, 'malformed_request');
  });

  it('is tried on every route whose body may be left out', async () => {
    const document: unknown = (await auth.http().get('/openapi.json')).body;
    const optional = entriesOf(member(document, 'paths')).flatMap(([path, methods]) =>
      entriesOf(methods)
        .filter(([, operation]) => member(operation, 'requestBody', 'required') === false)
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    const tried = new Set(OPTIONAL.map(([method, path]) => `${method} ${path.replace(/\?.*/, '')}`));
    expect(optional.sort()).toEqual([...tried].sort());
  });
});
