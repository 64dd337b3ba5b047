import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express, { type Express } from 'express';
import supertest from 'supertest';
import { expectInvalidToken, expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'correct horse battery staple';

type Around = (auth: TestApp) => Express;
const AROUND: [string, string, Around][] = [
  ['alone', '', ({ app }) => app],
  ['under a prefix', '/auth', ({ app }) => express().use('/auth', app)],
  ['under a deep prefix', '/api/v1/auth', ({ app }) => express().use('/api/v1', express.Router().use('/auth', app))],
  ['before express.json()', '/auth', ({ app }) => express().use('/auth', app).use(express.json())],
  ['after express.json()', '/auth', ({ app }) => express().use(express.json()).use('/auth', app)],
  [
    'after express.json() and express.urlencoded()',
    '/auth',
    ({ app }) => express().use(express.json(), express.urlencoded()).use('/auth', app),
  ],
  [
    'after express.raw() and express.text()',
    '/auth',
    ({ app }) =>
      express()
        .use(express.raw({ type: '*/*' }), express.text())
        .use('/auth', app),
  ],
];

describe.each(AROUND)('an app %s', (_how, base, around) => {
  let auth: TestApp;
  let app: Express;
  beforeAll(async () => {
    auth = await createTestApp();
    app = around(auth);
  });
  afterAll(() => auth.close());

  const logIn = (body: object) => supertest(app).post(`${base}/token`).send(body);

  test('registers, logs in by JSON and by form, verifies and shows the user', async () => {
    const credentials = { username: 'Ada', password: PASSWORD };
    const registered = await supertest(app).post(`${base}/register`).send(credentials);
    expect([registered.status, registered.headers['location']]).toEqual([201, `${base}/users/me`]);
    expect((await supertest(app).post(`${base}/token`).type('form').send(credentials)).status).toBe(200);
    const token = text((await logIn(credentials)).body, 'access_token');
    const valid = [200, { message: 'Token is valid' }];
    const byPath = await supertest(app).get(`${base}/verify-token/${token}`);
    const byHeader = await supertest(app).get(`${base}/verify-token`).set('Authorization', `Bearer ${token}`);
    expect([byPath.status, byPath.body]).toEqual(valid);
    expect([byHeader.status, byHeader.body]).toEqual(valid);
    const me = await supertest(app).get(`${base}/users/me`).set('Authorization', `Bearer ${token}`);
    expect([me.status, me.body]).toEqual([200, { ...Object(registered.body), pending_email: null, display_name: null }]);
    expect(auth.log.some((line) => line.includes(token))).toBe(false);
  });

  test('answers errors in its own shape, which points to its own list', async () => {
    expectProblem(await supertest(app).get(`${base}/nothing`), 404, 'not_found', { base });
    expectProblem(await supertest(app).get(`${base}/users/me`), 401, 'authentication_required', { base });
    expectProblem(await supertest(app).post(`${base}/register`).send({ username: 'Bob' }), 422, 'validation_failed', {
      base,
      errors: [['password', 'required']],
    });
    expectProblem(await supertest(app).post(`${base}/token`).type('text/plain').send('x'), 415, 'unsupported_media_type', {
      base,
      oauth: 'invalid_request',
    });
    expectProblem(await logIn({ username: 'nobody', password: PASSWORD }), 401, 'invalid_credentials', { base, oauth: 'invalid_grant' });
  });

  test('takes chunks without a byte for no body', async () => {
    const token = await auth.token(await auth.createUser());
    for (const type of ['application/json', 'text/plain']) {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': type, 'Transfer-Encoding': 'chunked' };
      expect((await supertest(app).post(`${base}/logout?scope=others`).set(headers)).status).toBe(204);
    }
  });

  test('takes a body with __proto__ for what it is', async () => {
    const body = `{"username":"proto","password":"${PASSWORD}","__proto__":{"roles":["admin"]}}`;
    const response = await supertest(app).post(`${base}/register`).type('json').send(body);
    expectProblem(response, 422, 'validation_failed', { base, errors: [['__proto__', 'unknown']] });
  });

  test('links to where it is', async () => {
    const body: unknown = (await supertest(app).get(base === '' ? '/' : base)).body;
    expect(member(body, 'links', 'docs')).toBe(`${base}/docs`);
    expect((await supertest(app).get(`${base}/`)).body).toEqual(body);
    const openapi = await supertest(app).get(`${base}/openapi.json`);
    expect(member(openapi.body, 'servers')).toEqual([{ url: base === '' ? '/' : base }]);
    expect((await supertest(app).get(`${base}/docs/docs.js`)).status).toBe(200);
    const redirected = await supertest(app).get(`${base}/docs/`).redirects(1);
    expect([redirected.status, redirected.redirects.map((url) => new URL(url).pathname)]).toEqual([200, [`${base}/docs`]]);
    const environment = await supertest(app).get(`${base}/postman-environment.json`);
    expect(environment.text).toContain(`"key":"base_url","value":"http://localhost:8000${base}"`);
  });
});

describe('two apps in one process', () => {
  let one: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    [one, other] = await Promise.all([createTestApp(), createTestApp()]);
  });
  afterAll(() => Promise.all([one.close(), other.close()]));

  test('a user of one is unknown to the other', async () => {
    const { username, password } = await one.createUser({ username: 'only-here' });
    const response = await other.http().post('/token').send({ username, password });
    expectProblem(response, 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    expect((await other.http().post('/register').send({ username, password })).status).toBe(201);
  });

  test('a token of one is nothing to the other', async () => {
    const token = await one.token(await one.createUser());
    await other.createUser();
    expect((await one.http().get(`/verify-token/${token}`)).status).toBe(200);
    expectInvalidToken(await other.http().get(`/verify-token/${token}`));
    expectInvalidToken(await other.http().get('/users/me').set('Authorization', `Bearer ${token}`));
  });

  test('both mounted in one app keep to themselves', async () => {
    const outer = express().use('/one', one.app).use('/other', other.app);
    const { username, password } = await one.createUser({ username: 'of-one' });
    expect((await supertest(outer).post('/one/token').send({ username, password })).status).toBe(200);
    expect((await supertest(outer).post('/other/token').send({ username, password })).status).toBe(401);
  });

  test('the clock of one is not that of the other', async () => {
    const token = await one.token(await one.createUser());
    other.clock.advance(10_000);
    expect((await one.http().get(`/verify-token/${token}`)).status).toBe(200);
  });
});
