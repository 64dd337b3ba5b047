import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { createHttpServer } from '../../src/http-server.js';
import { exchange, get, listen, postJson, request, stop } from '../support/raw-http.js';
import { member, text } from '../support/answers.js';
import { callsOf, type SessionCalls } from '../support/session-calls.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** Is nowhere unless somebody repeats it. */
const CANARY = `Canary-${randomBytes(6).toString('hex')}`;
const TOKEN = [
  'eyJhbGciOiJIUzI1NiJ9',
  Buffer.from(`{"sub":"${CANARY}"}`).toString('base64url'),
  randomBytes(32).toString('base64url'),
].join('.');

const json = (value: unknown): string => JSON.stringify(value);
const form = (path: string, body: string): string =>
  request('POST', path, { headers: ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`], body });
const typed = (path: string, type: string, body: string): string =>
  request('POST', path, { headers: [`Content-Type: ${type}`, `Content-Length: ${body.length}`], body });

const REGISTER: [string, string][] = [
  ['a good password', postJson('/register', json({ username: 'bearer-of-canary', password: CANARY }))],
  ['a good password of a name that is taken', postJson('/register', json({ username: 'ada', password: CANARY }))],
  ['a password with a bad name', postJson('/register', json({ username: 'a', password: CANARY }))],
  ['a password that is too long', postJson('/register', json({ username: 'canary-2', password: CANARY.repeat(20) }))],
  ['a password with NUL', postJson('/register', json({ username: 'canary-2', password: `${CANARY}\0` }))],
  ['a password that is the name, with a fault', postJson('/register', json({ username: `${CANARY} `, password: CANARY }))],
  ['a password in an array', postJson('/register', json({ username: 'canary-2', password: [CANARY] }))],
  ['a password in an object', postJson('/register', json({ username: 'canary-2', password: { value: CANARY } }))],
  ['a password as the e-mail address', postJson('/register', json({ username: 'canary-2', password: CANARY, email: CANARY }))],
  ['a password in an unknown member', postJson('/register', json({ username: 'canary-2', password: 'a good password', passwort: CANARY }))],
  ['a password in a form, which is not taken', form('/register', `username=canary-2&password=${CANARY}`)],
];
const LOG_IN: [string, string][] = [
  ['a wrong password', postJson('/token', json({ username: 'ada', password: CANARY }))],
  ['a password of nobody', postJson('/token', json({ username: 'nobody', password: CANARY }))],
  ['a password as the name', postJson('/token', json({ username: CANARY, password: 'x' }))],
  ['a wrong password in a form', form('/token', `username=ada&password=${CANARY}`)],
  ['a password as the grant_type', postJson('/token', json({ grant_type: CANARY, username: 'ada', password: CANARY }))],
  ['a password in a member of another type', postJson('/token', json({ grant_type: [CANARY], username: 5, password: { x: CANARY } }))],
  ['a refresh token', postJson('/token', json({ grant_type: 'refresh_token', refresh_token: TOKEN }))],
  ['a client secret', form('/token', `grant_type=client_credentials&client_id=x&client_secret=${CANARY}`)],
];
const UNREADABLE: [string, string][] = ['/register', '/token'].flatMap((path): [string, string][] => [
  [`broken JSON to ${path}`, postJson(path, `{"username":"ada","password":"${CANARY}"`)],
  [`JSON to ${path} that breaks at the password`, postJson(path, `{"username":"ada","password":"${CANARY}\n"}`)],
  [`JSON to ${path} without quotes`, postJson(path, `{username:ada,password:${CANARY}}`)],
  [`nothing but the password to ${path}`, postJson(path, CANARY)],
  [`JSON to ${path} that names it twice`, postJson(path, `{"password":"${CANARY}","password":"${CANARY}"}`)],
  [`an array to ${path}`, postJson(path, `["${CANARY}"]`)],
  [`a deep body to ${path}`, postJson(path, `{"x":${'['.repeat(40)}"${CANARY}"${']'.repeat(40)}}`)],
  [`text to ${path}`, typed(path, 'text/plain', CANARY)],
  [`a password as the type to ${path}`, typed(path, CANARY, '{}')],
  [`a password as the charset to ${path}`, typed(path, `application/json; charset=${CANARY}`, '{}')],
  [`a broken form to ${path}`, typed(path, 'application/x-www-form-urlencoded', `password=${CANARY}&x=%zz`)],
  [`a large body to ${path}`, postJson(path, `{"password":"${CANARY.repeat(9000)}"}`)],
  [`another method to ${path}`, request('PUT', path, { headers: [`Content-Length: ${CANARY.length}`], body: CANARY })],
  [`the query of ${path}`, postJson(`${path}?password=${CANARY}&access_token=${TOKEN}`, '{}')],
]);
const ELSEWHERE: [string, string][] = [
  ['a token in the path', get(`/verify-token/${TOKEN}`)],
  ['a password in the path', get(`/verify-token/${CANARY}`)],
  ['a token in the path and more', get(`/verify-token/${TOKEN}/more`)],
  ['a token in the path and a slash', get(`/verify-token/${TOKEN}/`)],
  ['a token in the path in capitals', get(`/VERIFY-TOKEN/${TOKEN}`)],
  ['a token in the path behind two slashes', get(`//verify-token/${TOKEN}`)],
  ['a token in the path and another method', request('DELETE', `/verify-token/${TOKEN}`)],
  ['a token in the path with a bad escape', get(`/verify-token/${TOKEN}%zz`)],
  ['a password in the path with a bad escape', get(`/verify-token/${CANARY}%zz`)],
  ['a token in an unknown path', get(`/nothing/${TOKEN}`)],
  ['a token in a path of ours', get(`/users/${TOKEN}`)],
  ['a token for the whole path', get(`/${TOKEN}`)],
  ['a token in the header', get('/users/me', `Authorization: Bearer ${TOKEN}`)],
  ['a password as the token', get('/users/me', `Authorization: Bearer ${CANARY}`)],
  ['a password in two words', get('/users/me', `Authorization: Bearer ${CANARY} ${TOKEN}`)],
  ['two headers', get('/users/me', `Authorization: Bearer ${TOKEN}`, `Authorization: Bearer ${CANARY}`)],
  ['Basic', get('/users/me', `Authorization: Basic ${CANARY}`)],
  ['a token in the query', get(`/users/me?access_token=${TOKEN}`)],
  ['a password in the query of nothing', get(`/nothing?password=${CANARY}`)],
  ['a password in the query of the documents', get(`/openapi.json?password=${CANARY}`)],
  ['a cookie', get('/users/me', `Cookie: session=${CANARY}`)],
  ['an origin', get('/health/live', `Origin: https://${CANARY.toLowerCase()}.test`)],
  ['a referrer and a browser', get('/health/ready', `Referer: https://x.test/?token=${TOKEN}`, `User-Agent: ${CANARY}`)],
  ['what is accepted', get('/users/me', `Accept: text/${CANARY}`)],
  ['a request id that is none', get('/health/live', `X-Request-Id: ${CANARY} ${TOKEN}`)],
  ['a header that is no HTTP', get('/health/live', `Authorization Bearer ${CANARY}`)],
  ['an address that is too long', get(`/verify-token/${CANARY.repeat(1500)}`)],
  ['a method that is none', request(CANARY.toUpperCase(), '/token')],
];

describe('secrets', () => {
  let auth: StoredApp;
  let server: Server;
  let port: number;
  let good: string;
  beforeAll(async () => {
    auth = await createStoredApp();
    const user = await auth.createUser({ username: 'ada', password: `${CANARY} of ada` });
    good = await auth.token(user);
    server = createHttpServer(auth.app);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  const holdsSecret = (text: string): boolean =>
    [CANARY, TOKEN, good, TOKEN.split('.')[2] ?? TOKEN].some((secret) => text.toLowerCase().includes(secret.toLowerCase()));
  const logged = (): string[] => auth.log.filter((line) => holdsSecret(line) || line.includes('$2b$'));

  test.each([...REGISTER, ...LOG_IN, ...UNREADABLE, ...ELSEWHERE])('%s is in no answer and in no line of the log', async (_what, bytes) => {
    const before = auth.log.length;
    const { wire } = await exchange(port, bytes);
    expect(wire).toMatch(/^HTTP\/1\.1 [2-4]\d\d/);
    expect(wire.toLowerCase()).not.toContain(CANARY.toLowerCase());
    expect(holdsSecret(wire)).toBe(false);
    expect(auth.log.slice(before).filter(holdsSecret)).toEqual([]);
  });

  test('a good password and a good token are in no line of the log', async () => {
    const answers = [
      await exchange(port, postJson('/token', json({ username: 'ada', password: `${CANARY} of ada` }))),
      await exchange(port, get(`/verify-token/${good}`)),
      await exchange(port, get('/verify-token', `Authorization: Bearer ${good}`)),
      await exchange(port, get('/users/me', `Authorization: Bearer ${good}`)),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    for (const { wire } of answers) expect(wire).not.toContain(CANARY);
    expect(auth.log.length).toBeGreaterThan(10);
    expect(logged()).toEqual([]);
  });

  test('a name with line breaks starts no new line in the log', async () => {
    const name = 'ada\r\n{"level":"info","msg":"forged by canary"}';
    const before = auth.log.length;
    await exchange(port, postJson('/token', json({ username: name, password: 'x' })));
    await exchange(port, postJson('/register', json({ username: name, password: 'a good password' })));
    const lines = auth.log.slice(before);
    expect(lines.length).toBe(2);
    for (const line of lines) {
      expect(line.indexOf('\n')).toBe(line.length - 1);
      expect(line).not.toContain('forged by canary');
    }
  });

  test('when the database fails, its statement and its values are in no answer and in no line of the log', async () => {
    await auth.users.sequelize?.query('ALTER TABLE users RENAME TO users_away');
    for (const bytes of [
      postJson('/register', json({ username: 'late-canary', password: CANARY })),
      postJson('/token', json({ username: 'ada', password: `${CANARY} of ada` })),
      get('/users/me', `Authorization: Bearer ${good}`),
    ]) {
      const { status, wire } = await exchange(port, bytes);
      expect(status).toBeGreaterThanOrEqual(500);
      expect(wire).not.toMatch(/users|select|sql|\bat /i);
      expect(holdsSecret(wire)).toBe(false);
    }
    await auth.users.sequelize?.query('ALTER TABLE users_away RENAME TO users');
    expect(auth.log.some((line) => line.includes('"fault":"internal_error"'))).toBe(true);
    expect(logged()).toEqual([]);
  });
});

const COOKIE = '__Host-refresh_token';
const PAGE = 'Origin: http://localhost:3000';

describe('tokens and keys that are good', () => {
  let auth: TestApp;
  let calls: SessionCalls;
  let server: Server;
  let port: number;
  /** What is to be secret of all that was ever given: whole, and the part that can't be guessed. */
  const given = new Set<string>();
  const give = (token: string): string => {
    for (const secret of [token, token.split('.')[2] ?? token, token.replace('lingomate_sk_', '')]) given.add(secret);
    return token;
  };
  const leaks = (said: string): string[] => [...given].filter((secret) => said.includes(secret));
  beforeAll(async () => {
    auth = await createTestApp();
    calls = await callsOf(auth);
    give(calls.serviceKey);
    server = createHttpServer(auth.app);
    port = await listen(server);
  });
  afterAll(async () => {
    await stop(server);
    await auth.close();
  });

  const entriesOf = (value: unknown): [string, unknown][] => (typeof value === 'object' && value !== null ? Object.entries(value) : []);
  /** Every path of the API with its methods, as it tells itself. */
  const endpoints = async (): Promise<[method: string, path: string][]> => {
    const paths: unknown = member((await auth.http().get('/openapi.json')).body, 'paths');
    return entriesOf(paths).flatMap(([path, methods]) =>
      entriesOf(methods).map(([method]): [string, string] => [method.toUpperCase(), path]),
    );
  };
  const MEMBERS = [
    'token',
    'refresh_token',
    'access_token',
    'token_type_hint',
    'grant_type',
    'refresh_transport',
    'username',
    'password',
    'current_password',
    'new_password',
    'anything',
  ];
  const WAYS: [string, (method: string, path: string, secret: string) => string][] = [
    ['as a Bearer', (method, path, secret) => request(method, path, { headers: [`Authorization: Bearer ${secret}`] })],
    [
      'in the refresh cookie of a page of ours',
      (method, path, secret) => request(method, path, { headers: [PAGE, `Cookie: ${COOKIE}=${secret}`] }),
    ],
    [
      'in the refresh cookie of nobody’s page',
      (method, path, secret) => request(method, path, { headers: [`Cookie: ${COOKIE}=${secret}`] }),
    ],
    ['in the query', (method, path, secret) => request(method, `${path}?since=${secret}&cursor=${secret}&limit=${secret}&scope=${secret}`)],
    [
      'in JSON',
      (method, path, secret) => bodied(method, path, 'application/json', json(Object.fromEntries(MEMBERS.map((name) => [name, secret])))),
    ],
    [
      'in a form',
      (method, path, secret) =>
        bodied(method, path, 'application/x-www-form-urlencoded', MEMBERS.map((name) => `${name}=${secret}`).join('&')),
    ],
  ];
  const bodied = (method: string, path: string, type: string, body: string): string =>
    request(method, path, {
      headers: [`Content-Type: ${type}`, `Content-Length: ${body.length}`, `Authorization: Bearer ${calls.serviceKey}`],
      body,
    });

  test.each(WAYS)('%s are repeated by no endpoint, and in no line of the log', async (_way, write) => {
    const all = await endpoints();
    expect(all.length).toBeGreaterThan(20);
    const user = await auth.createUser();
    const { accessToken, refreshToken } = await auth.session(user);
    for (const [method, path] of all) {
      for (const secret of [give(refreshToken), give(accessToken), calls.serviceKey]) {
        const { wire } = await exchange(port, write(method, path.replace(/\{\w+\}/, secret), secret));
        expect(wire).toMatch(/^HTTP\/1\.1 [2-4]\d\d/);
        expect([method, path, leaks(wire)]).toEqual([method, path, []]);
      }
    }
    expect(auth.log.filter((line) => leaks(line).length > 0)).toEqual([]);
  });

  test('are given once by a log-in or a refresh, and are in no other answer and in no line of the log', async () => {
    const { username, password } = await auth.createUser();
    const post = async (path: string, body: object, ...headers: string[]) => exchange(port, postJson(path, json(body), ...headers));
    const first: unknown = JSON.parse((await post('/token', { username, password })).body);
    const second: unknown = JSON.parse(
      (await post('/token', { grant_type: 'refresh_token', refresh_token: give(text(first, 'refresh_token')) })).body,
    );
    const inCookie = await post('/token', { username, password, refresh_transport: 'cookie' }, PAGE);
    const cookie = give(new RegExp(`${COOKIE}=([^;]+)`).exec(inCookie.headers['set-cookie'] ?? '')?.[1] ?? '');
    const access = give(text(second, 'access_token'));
    const bearer = `Authorization: Bearer ${access}`;
    give(text(first, 'access_token'));
    give(text(second, 'refresh_token'));
    const refreshedInCookie = await post('/token', { grant_type: 'refresh_token' }, PAGE, `Cookie: ${COOKIE}=${cookie}`);
    const answers = [
      refreshedInCookie,
      await exchange(port, get('/users/me', bearer)),
      await exchange(port, get('/verify-token', bearer)),
      await exchange(port, get(`/verify-token/${access}`)),
      await exchange(port, get('/users/me/sessions', bearer)),
      await exchange(port, get('/revocations', `Authorization: Bearer ${calls.serviceKey}`)),
      await post('/introspect', { token: access }, `Authorization: Bearer ${calls.serviceKey}`),
      await post('/introspect', { token: text(second, 'refresh_token') }, `Authorization: Bearer ${calls.serviceKey}`),
      await post('/revoke', { token: cookie }),
      await post('/logout?scope=others', {}, bearer),
      await post('/logout', {}, bearer),
    ];
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(9).fill(200), 204, 204]);
    for (const { wire } of answers) expect(leaks(wire)).toEqual([]);
    const successor = new RegExp(`${COOKIE}=([^;]+)`).exec(refreshedInCookie.headers['set-cookie'] ?? '')?.[1] ?? '';
    expect(successor).toMatch(/\.2\./);
    expect(refreshedInCookie.body).not.toContain(give(successor).split('.')[2]);
    expect(inCookie.body).not.toContain(cookie.split('.')[2]);
    expect(auth.log.filter((line) => leaks(line).length > 0)).toEqual([]);
  });

  test('a service key is in no list of service keys, and in no line of the log', async () => {
    const keys = await auth.services.serviceKeys.list();
    expect(keys.length).toBeGreaterThan(0);
    expect(leaks(json(keys))).toEqual([]);
  });
});
