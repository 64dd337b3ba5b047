import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Response } from 'supertest';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import { createModels } from '../../src/models/index.js';
import type { TestUser } from '../../src/testing.js';
import { expectInvalidToken, expectProblem, member, text } from '../support/answers.js';
import { freshPlace } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const DAY_SECONDS = 24 * 60 * 60;
const DAY_MS = DAY_SECONDS * 1000;
const NO_KEY = '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11';
const KEY = /^lingomate_sk_[A-Za-z0-9_-]{43}$/;

let auth: TestApp;
let admin: TestUser;
let database: Database;
let place: Awaited<ReturnType<typeof freshPlace>>;
beforeAll(async () => {
  place = await freshPlace();
  const target = parseDatabaseUrl(place.url);
  if (target === undefined) throw new TypeError('not a database');
  database = createDatabase(target);
  auth = await createTestApp({ DATABASE_URL: place.url }, { database });
  admin = await auth.createUser({ roles: ['user', 'admin'] });
});
afterAll(async () => {
  await auth.close();
  await place.drop();
});

const send = async (method: 'get' | 'post' | 'delete', path: string, body?: object, user = admin): Promise<Response> => {
  const token = await auth.token(user);
  const request = auth.http()[method](path).set('Authorization', `Bearer ${token}`);
  return body === undefined ? request : request.send(body);
};
const create = (body: object = {}): Promise<Response> =>
  send('post', '/admin/service-keys', { name: 'shop', scopes: ['introspect'], ...body });
const introspect = async (key: string): Promise<Response> =>
  auth.http().post('/introspect').set('Authorization', `Bearer ${key}`).send({ token: 'none' });
const newestEvent = async (type: 'service_key.created' | 'service_key.revoked') => {
  const { items } = await auth.services.audit.list({ type }, { limit: 1 });
  return items[0];
};
const expectRefused = (response: Response): void => {
  expectProblem(response, 401, 'invalid_token', { detail: 'Token is invalid or expired', oauth: 'invalid_token' });
};

describe('POST /admin/service-keys', () => {
  it('returns 201 with the key, shown once, which expires after a year unless told', async () => {
    const response = await create();
    const expires_at = new Date(auth.clock.now() + 365 * DAY_MS).toISOString();
    expect(response.status).toBe(201);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toEqual({
      id: expect.any(String),
      name: 'shop',
      scopes: ['introspect'],
      key: expect.stringMatching(KEY),
      created_at: new Date(auth.clock.now()).toISOString(),
      expires_at,
      last_used_at: null,
      revoked_at: null,
    });
    expect((await introspect(text(response.body, 'key'))).status).toBe(200);
  });

  it('records the administrator as the actor, and never the key', async () => {
    const response = await create();
    const event = await newestEvent('service_key.created');
    expect(event).toMatchObject({
      actor: { kind: 'user', id: String(admin.id) },
      details: { service_key: text(response.body, 'id'), scopes: ['introspect'], expires_at: text(response.body, 'expires_at') },
    });
    expect(JSON.stringify(event)).not.toContain(text(response.body, 'key'));
    expect(auth.log.join('')).not.toContain(text(response.body, 'key'));
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: ' ' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['admin'] }, 'scopes.0'],
    [{ expires_in_days: 0 }, 'expires_in_days'],
    [{ expires_in_days: 1.5 }, 'expires_in_days'],
    [{ expires_in_days: 1096 }, 'expires_in_days'],
    [{ expires_in_days: '30' }, 'expires_in_days'],
    [{ key: 'mine' }, 'key'],
  ])('returns 422 for %j', async (body, path) => {
    const response = await create(body);
    expect(response).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ path }] } });
  });
});

describe('A service key', () => {
  it('is refused from its expiry on, with the response of an unknown key', async () => {
    const key = text((await create({ expires_in_days: 1 })).body, 'key');
    auth.clock.advance(DAY_SECONDS - 0.001);
    expect((await introspect(key)).status).toBe(200);
    auth.clock.advance(0.001);
    const [expired, unknown] = [await introspect(key), await introspect(`lingomate_sk_${'A'.repeat(43)}`)];
    expectRefused(expired);
    expect({ ...expired.body, request_id: '' }).toEqual({ ...unknown.body, request_id: '' });
    expectInvalidToken(await auth.http().get('/revocations').set('Authorization', `Bearer ${key}`));
  });

  it('of before the expiry never expires, and the list says so', async () => {
    const made = await create();
    await createModels(database.sequelize).ServiceKey.update({ expires_at: null }, { where: { id: text(made.body, 'id') } });
    auth.clock.advance(4 * 365 * DAY_SECONDS);
    expect((await introspect(text(made.body, 'key'))).status).toBe(200);
    const listed = await send('get', '/admin/service-keys?limit=100');
    expect(member(listed.body, 'data')).toContainEqual(expect.objectContaining({ id: text(made.body, 'id'), expires_at: null }));
  });
});

describe('GET /admin/service-keys', () => {
  it('returns every key once over its pages, oldest first, and never a key or its hash', async () => {
    const made: string[] = [];
    for (let index = 0; index < 3; index += 1) made.push(text((await create({ name: `page-${index}` })).body, 'id'));
    const seen: string[] = [];
    for (let cursor: unknown = '', first = true; first || typeof cursor === 'string'; first = false) {
      const response = await send('get', `/admin/service-keys?limit=2${typeof cursor === 'string' && !first ? `&cursor=${cursor}` : ''}`);
      expect(response.status).toBe(200);
      expect(response.text).not.toMatch(/lingomate_sk_|key_hash/);
      const data = member(response.body, 'data');
      if (!Array.isArray(data)) throw new TypeError('a list has data');
      seen.push(...data.map((one: unknown) => text(one, 'id')));
      cursor = member(response.body, 'next_cursor');
    }
    const stored = await auth.services.serviceKeys.list();
    expect(seen).toEqual(stored.map(({ id }) => id));
    expect(seen).toEqual(expect.arrayContaining(made));
  });

  it('returns 422 for a cursor that is not of this service', async () => {
    const response = await send('get', '/admin/service-keys?cursor=nonsense');
    expect(response).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ path: 'cursor' }] } });
  });
});

describe('DELETE /admin/service-keys/{id}', () => {
  it('returns 204, refuses the key from then on, and records the administrator as the actor', async () => {
    const made = await create();
    const id = text(made.body, 'id');
    expect((await send('delete', `/admin/service-keys/${id}`)).status).toBe(204);
    expectRefused(await introspect(text(made.body, 'key')));
    expect(await newestEvent('service_key.revoked')).toMatchObject({
      actor: { kind: 'user', id: String(admin.id) },
      details: { service_key: id },
    });
  });

  it.each([NO_KEY, 'nonsense', '%00', `${NO_KEY}0`])('returns 404 for %s, as for a key that is revoked', async (id) => {
    expectProblem(await send('delete', `/admin/service-keys/${id}`), 404, 'not_found');
  });
});
