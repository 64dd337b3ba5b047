import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, expectRawProblem, get, postJson, request } from '../support/raw-http.js';
import { createServedApp, type ServedApp } from '../support/served-app.js';
import { OPERATOR } from '../../src/lib/actor.js';

const PATHS = ['/users/me', '/verify-token'];

describe('how an access token may come (RFC 6750)', () => {
  let auth: ServedApp;
  let port: number;
  let good: string;
  beforeAll(async () => {
    auth = await createServedApp();
    ({ port } = auth);
    good = await auth.token(await auth.createUser());
  });
  afterAll(() => auth.close());

  const put = (lines: readonly string[]): string[] => lines.map((line) => line.replaceAll('GOOD', good));

  test.each(['Authorization: Bearer GOOD', 'authorization: bearer GOOD', 'AUTHORIZATION: BEARER GOOD', 'Authorization: Bearer GOOD  '])(
    '%s is taken',
    async (line) => {
      for (const path of PATHS) expect((await exchange(port, get(path, ...put([line])))).status).toBe(200);
    },
  );

  const absent: [string, string[]][] = [
    ['no header', []],
    ['an empty header', ['Authorization:']],
    ['Basic', ['Authorization: Basic YWRhOnBhc3N3b3Jk']],
    ['Basic with the token', ['Authorization: Basic GOOD']],
    ['the token without a scheme', ['Authorization: GOOD']],
    ['another scheme', ['Authorization: Token GOOD']],
    ['a colon behind the scheme', ['Authorization: Bearer: GOOD']],
    ['a tab behind the scheme', ['Authorization: Bearer\tGOOD']],
    ['a cookie', ['Cookie: access_token=GOOD; token=GOOD']],
    ['a header of another name', ['X-Access-Token: GOOD', 'Proxy-Authorization: Bearer GOOD']],
  ];
  const expectNoCredentials = async (target: string, lines: readonly string[] = []): Promise<void> => {
    const answer = await exchange(port, get(target, ...lines));
    expectRawProblem(answer, 401, 'authentication_required');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  };
  test.each(absent)('%s is no credentials: 401 without an error code', async (_what, lines) => {
    for (const path of PATHS) await expectNoCredentials(path, put(lines));
  });

  test('spaces between the scheme and the token may be several (§2.1)', async () => {
    for (const path of PATHS) expect((await exchange(port, get(path, `Authorization: Bearer   ${good}`))).status).toBe(200);
  });

  const unreadable: [string, string[]][] = [
    ['the scheme alone', ['Authorization: Bearer']],
    ['the scheme and spaces', ['Authorization: Bearer   ']],
    ['two words', ['Authorization: Bearer GOOD GOOD']],
    ['a good token and a word', ['Authorization: Bearer GOOD x']],
    ['two headers', ['Authorization: Bearer GOOD', 'Authorization: Bearer GOOD']],
    ['two headers of two schemes', ['Authorization: Basic YWRhOnBhc3N3b3Jk', 'Authorization: Bearer GOOD']],
    ['two headers, the second one bad', ['Authorization: Bearer GOOD', 'authorization: Bearer x']],
  ];
  test.each(unreadable)('%s can not be read: 400', async (_what, lines) => {
    for (const path of PATHS) {
      const answer = await exchange(port, get(path, ...put(lines)));
      expectRawProblem(answer, 400, 'malformed_request');
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_request"');
    }
  });

  test.each(['?access_token=GOOD', '?x=1&access_token=GOOD', '?ACCESS_TOKEN=GOOD', '?access_token='])(
    'a token in the query (%s) is refused, with and without one in the header',
    async (query) => {
      for (const path of PATHS) {
        const target = path + query.replace('GOOD', good);
        for (const lines of [[], put(['Authorization: Bearer GOOD'])])
          expectRawProblem(await exchange(port, get(target, ...lines)), 400, 'malformed_request');
      }
    },
  );

  test.each(['?access%5Ftoken=GOOD', '?token=GOOD', '?%61ccess_token=GOOD'])(
    'a token in the query by another name (%s) is no credentials',
    async (query) => {
      for (const path of PATHS) await expectNoCredentials(path + query.replace('GOOD', good));
    },
  );

  const refused: [string, string][] = [
    ['two tokens by a comma', 'Bearer GOOD,GOOD'],
    ['quotes', 'Bearer "GOOD"'],
    ['a letter outside ASCII', 'Bearer GOOD\u00e9'],
    ['a parameter', 'Bearer token=GOOD'],
  ];
  test.each(refused)('%s around a good token makes it invalid', async (_what, value) => {
    const [line = ''] = put([`Authorization: ${value}`]);
    for (const path of PATHS) expectRawProblem(await exchange(port, Buffer.from(get(path, line), 'latin1')), 401, 'invalid_token');
  });

  test('a control character in the header is no HTTP', async () => {
    for (const character of ['\0', '\x01', '\x7f']) {
      const answer = await exchange(port, get('/users/me', `Authorization: Bearer ${good}${character}`));
      expectRawProblem(answer, 400, 'malformed_request');
    }
  });

  test('no token of all these is in the log', () => {
    expect(auth.log.length).toBeGreaterThan(0);
    expect(auth.log.filter((line) => line.includes(good))).toEqual([]);
  });
});

describe('where the guard asks for more, or for less, a Bearer comes in the same ways', () => {
  let auth: ServedApp;
  let port: number;
  let good: string;
  let serviceKey: string;
  /** Of the user whose tokens are presented; nothing here may end it. */
  let refreshToken: string;
  beforeAll(async () => {
    auth = await createServedApp();
    ({ port } = auth);
    const user = await auth.createUser();
    await auth.services.admin.change(user.id, { roles: ['user', 'introspect'] }, OPERATOR);
    good = await auth.token(user);
    ({ refreshToken } = await auth.session(user));
    serviceKey = (await auth.services.serviceKeys.create({ name: 'a resource server', scopes: ['introspect'] })).key;
  });
  afterAll(() => auth.close());

  type Send = (lines: readonly string[], query?: string) => Promise<Awaited<ReturnType<typeof exchange>>>;
  const sending =
    (method: string, path: string): Send =>
    (lines, query = '') =>
      exchange(port, request(method, path + query, { headers: lines }));
  const introspect: Send = (lines, query = '') =>
    exchange(port, postJson(`/introspect${query}`, JSON.stringify({ token: refreshToken }), ...lines));
  const revoke: Send = (lines, query = '') => exchange(port, postJson(`/revoke${query}`, JSON.stringify({ token: 'x' }), ...lines));

  const SCOPED: [string, Send][] = [
    ['POST /introspect', introspect],
    ['GET /revocations', sending('GET', '/revocations')],
  ];
  const GUARDED: [string, Send][] = [
    ...SCOPED,
    ['GET /users/me/sessions', sending('GET', '/users/me/sessions')],
    ['DELETE /users/me/sessions', sending('DELETE', '/users/me/sessions')],
    ['DELETE /users/me/sessions/{id}', sending('DELETE', '/users/me/sessions/x')],
    ['POST /logout', sending('POST', '/logout')],
  ];
  const ALL: [string, Send][] = [...GUARDED, ['POST /revoke', revoke]];
  const put = (line: string): string => line.replaceAll('GOOD', good);

  afterEach(async () => {
    const body = JSON.stringify({ token: refreshToken });
    const answer = await exchange(port, postJson('/introspect', body, `Authorization: Bearer ${serviceKey}`));
    expect(JSON.parse(answer.body)).toMatchObject({ active: true });
  });

  test.each(GUARDED)('%s without credentials is 401 without an error code', async (_what, send) => {
    for (const lines of [
      [],
      ['Authorization:'],
      ['Authorization: Basic GOOD'],
      ['Authorization: GOOD'],
      ['Cookie: access_token=GOOD'],
      ['Proxy-Authorization: Bearer GOOD'],
    ]) {
      const answer = await send(lines.map(put));
      expectRawProblem(answer, 401, 'authentication_required');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  test.each(ALL)('%s with a Bearer that can not be read is 400', async (_what, send) => {
    for (const lines of [
      ['Authorization: Bearer'],
      ['Authorization: Bearer GOOD x'],
      ['Authorization: Bearer GOOD', 'Authorization: Bearer GOOD'],
      ['Authorization: Basic x', 'Authorization: Bearer GOOD'],
    ]) {
      const answer = await send(lines.map(put));
      expectRawProblem(answer, 400, 'malformed_request');
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_request"');
    }
  });

  test.each(ALL)('%s with a token in the query is 400, with and without one in the header', async (_what, send) => {
    for (const query of ['?access_token=GOOD', '?scope=this&ACCESS_TOKEN=GOOD'].map(put))
      for (const lines of [[], ['Authorization: Bearer GOOD'].map(put)])
        expectRawProblem(await send(lines, query), 400, 'malformed_request');
  });

  test.each(GUARDED)('%s with a Bearer that is not valid is 401 invalid_token', async (_what, send) => {
    const tokens = [
      'x',
      'GOOD,GOOD',
      '"GOOD"',
      'GOODx',
      refreshToken,
      'lingomate_sk_',
      `${serviceKey}A`,
      serviceKey.slice(0, -1),
      serviceKey.toUpperCase(),
    ];
    for (const token of tokens) {
      const answer = await send([put(`Authorization: Bearer ${token}`)]);
      expectRawProblem(answer, 401, 'invalid_token');
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="invalid_token"/);
    }
  });

  test.each(SCOPED)(
    '%s takes the token of a user who has the scope, and a service key, whatever the spelling of the scheme',
    async (_what, send) => {
      for (const token of [good, serviceKey])
        for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer  '])
          expect((await send([`Authorization: ${scheme} ${token}`])).status).toBe(200);
    },
  );

  test.each(GUARDED.filter(([what]) => what.includes('/users/me') || what.includes('/logout')))(
    '%s is not for a service key',
    async (_what, send) => {
      expectRawProblem(await send([`Authorization: Bearer ${serviceKey}`]), 401, 'invalid_token');
    },
  );

  test('POST /introspect with a token in the header and in the body is 400, as JSON and as a form', async () => {
    const form = `token=x&access_token=${good}`;
    const headers = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${form.length}`, `Authorization: Bearer ${good}`];
    for (const bytes of [
      request('POST', '/introspect', { headers, body: form }),
      postJson('/introspect', JSON.stringify({ token: 'x', access_token: good }), `Authorization: Bearer ${good}`),
    ]) {
      const answer = await exchange(port, bytes);
      expectRawProblem(answer, 400, 'malformed_request');
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_request"');
    }
  });

  test('POST /introspect with a token in the body alone is without credentials', async () => {
    const answer = await exchange(port, postJson('/introspect', JSON.stringify({ token: 'x', access_token: good })));
    expectRawProblem(answer, 401, 'authentication_required');
  });

  test('no token of all these is in the log', () => {
    expect(auth.log.filter((line) => [good, refreshToken, serviceKey].some((token) => line.includes(token)))).toEqual([]);
  });
});
