import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { createApp, createVerifier, requireAuth, type RequireAuthOptions } from '../../src/index.js';
import { createTestAuth } from '../../src/testing.js';
import { text } from '../support/answers.js';
import { createLiveAuth, type LiveAuth } from '../support/live-auth.js';
import { serve } from '../support/live-server.js';
import { exchange, get as getBytes } from '../support/raw-http.js';
import { createResourceServer, expectRefusal, INVALID, INVALID_CHALLENGE, UNAVAILABLE } from '../support/resource-server.js';
import { useTempFolder } from '../support/temp-folder.js';
import { OPERATOR } from '../../src/lib/actor.js';

const NO_TOKEN = [401, 'authentication_required'] as const;
const UNREADABLE = [400, 'malformed_request'] as const;
const TOO_LITTLE = [403, 'insufficient_scope'] as const;

describe('a route behind requireAuth', () => {
  let auth: LiveAuth;
  let options: RequireAuthOptions;
  let token: string;
  beforeAll(async () => {
    auth = await createLiveAuth();
    options = { issuer: auth.issuer, secretKey: auth.secretKey };
    token = await auth.newToken();
  });
  afterAll(() => auth.close());

  test('asks for a token where none came, or other credentials', async () => {
    const server = createResourceServer(options);
    expectRefusal(await server.get(), auth.issuer, NO_TOKEN, 'Bearer');
    expectRefusal(await supertest(server.app).get('/orders').set('Authorization', 'Basic YTpi'), auth.issuer, NO_TOKEN, 'Bearer');
  });

  test.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer\ta'])('can’t read "%s"', async (header) => {
    const response = await supertest(createResourceServer(options).app).get('/orders').set('Authorization', header);
    const asked = /^Bearer(?: |$)/.test(header);
    expectRefusal(response, auth.issuer, asked ? UNREADABLE : NO_TOKEN, asked ? 'Bearer error="invalid_request"' : 'Bearer');
  });

  test('takes no token from the query, and none that came twice', async () => {
    const { app } = createResourceServer(options);
    const response = await supertest(app).get(`/orders?access_token=${token}`);
    expectRefusal(response, auth.issuer, UNREADABLE, 'Bearer error="invalid_request"');
    const server = await serve(app);
    const twice = [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`];
    expect((await exchange(Number(new URL(server.url).port), getBytes('/orders', ...twice))).status).toBe(400);
    await server.close();
  });

  test('takes "bearer" in any case, and more than one space', async () => {
    const { app } = createResourceServer(options);
    for (const word of ['bearer', 'BEARER ', 'Bearer  ']) {
      expect((await supertest(app).get('/orders').set('Authorization', `${word} ${token}`)).status).toBe(200);
    }
  });

  test('refuses a service key as it does any other nonsense', async () => {
    const response = await createResourceServer(options).get(await auth.serviceKey());
    expectRefusal(response, auth.issuer, INVALID, INVALID_CHALLENGE);
  });

  test('names the scope that is missing, and takes a token that has it among others', async () => {
    const user = await auth.createUser();
    await auth.services.admin.change(user.id, { roles: ['user', 'admin'] }, OPERATOR);
    const admins = createResourceServer({ ...options, scope: 'admin' });
    expectRefusal(await admins.get(token), auth.issuer, TOO_LITTLE, 'Bearer error="insufficient_scope", scope="admin"');
    expect(await admins.status(await auth.token(user))).toBe(200);
    expect(await createResourceServer({ ...options, scope: 'user' }).status(token)).toBe(200);
    for (const scope of ['use', 'User']) expect(await createResourceServer({ ...options, scope }).status(token)).toBe(403);
  });

  test.each(['', 'user admin', 'a"b'])('that asks for the scope "%s" is a fault of the program', (scope) => {
    expect(() => requireAuth({ ...options, scope })).toThrow(TypeError);
  });

  test('gives the app’s own request id, and its own verifier may be shared', async () => {
    const app = express();
    const verifier = createVerifier({ issuer: `${auth.issuer}/`, secretKey: auth.secretKey });
    app.use((_req, res, next) => {
      res.setHeader('X-Request-Id', 'mine-1');
      next();
    });
    app.use(requireAuth({ verifier }));
    const response = await supertest(app).get('/');
    expectRefusal(response, auth.issuer, NO_TOKEN, 'Bearer');
    expect(response.body).toMatchObject({ request_id: 'mine-1' });
  });

  test('leaves what is no fault of the token to the app', async () => {
    const app = express();
    const fault = new Error('a bug');
    app.use(requireAuth({ verifier: { issuer: '', verify: () => Promise.reject(fault) } }));
    const seen: unknown[] = [];
    const last: express.ErrorRequestHandler = (error, _req, res, _next) => {
      seen.push(error);
      res.sendStatus(500);
    };
    app.use(last);
    expect((await supertest(app).get('/').set('Authorization', `Bearer ${token}`)).status).toBe(500);
    expect(seen).toEqual([fault]);
  });
});

describe('an app that mounts the service', () => {
  const folder = useTempFolder();
  const makeApp = (database: string) => {
    const key = (): string => randomBytes(64).toString('base64url');
    const settings = { DATABASE_URL: database, SECRET_KEY: key(), ROOT_KEY: key(), BCRYPT_ROUNDS: 4, LOG_LEVEL: 'silent' };
    const auth = createApp({ ...settings, NODE_ENV: 'test' });
    const app = express();
    app.use('/auth', auth);
    app.get('/orders', requireAuth({ verifier: auth.verifier }), (_req, res) => res.json({ of: res.locals.auth.username }));
    app.get('/admin', requireAuth({ verifier: auth.verifier, scope: 'admin' }), (_req, res) => res.json({}));
    return { auth, http: supertest(app) };
  };

  test('guards its own routes with it, and a log-out takes effect on the very next request', async () => {
    const { auth, http } = makeApp('sqlite::memory:');
    const credentials = { username: 'ada', password: 'a password of my own' };
    expect((await http.post('/auth/register').send(credentials)).status).toBe(201);
    const bearer = { Authorization: `Bearer ${text((await http.post('/auth/token').send(credentials)).body, 'access_token')}` };
    expect(await http.get('/orders').set(bearer)).toMatchObject({ status: 200, body: { of: 'ada' } });
    expectRefusal(
      await http.get('/admin').set(bearer),
      'http://localhost:8000',
      TOO_LITTLE,
      'Bearer error="insufficient_scope", scope="admin"',
    );
    expect((await http.post('/auth/logout').set(bearer)).status).toBe(204);
    expectRefusal(await http.get('/orders').set(bearer), 'http://localhost:8000', INVALID, INVALID_CHALLENGE);
    await auth.close();
  });

  test('answers 503 while the database is away, and serves when it is back', async () => {
    mkdirSync(folder.file('auth.db'));
    const { auth, http } = makeApp(`sqlite:${folder.file('auth.db')}`);
    const ask = () => http.get('/orders').set('Authorization', 'Bearer nonsense');
    expectRefusal(await ask(), 'http://localhost:8000', UNAVAILABLE);
    rmdirSync(folder.file('auth.db'));
    expectRefusal(await ask(), 'http://localhost:8000', INVALID, INVALID_CHALLENGE);
    await auth.close();
  });
});

test('an app under test takes the tokens of the kit, by its clock', async () => {
  const auth = await createTestAuth();
  const server = createResourceServer({ verifier: auth.verifier });
  const user = await auth.createUser();
  const token = await auth.token(user);
  expect(await server.status(token)).toBe(200);
  auth.clock.advance(31 * 60);
  expect(await server.status(token)).toBe(401);
  expect(await server.status(await auth.token(user))).toBe(200);
  await auth.close();
});
