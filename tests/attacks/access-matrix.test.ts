import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response, Test } from 'supertest';
import type { TestSession, TestUser } from '../../src/testing.js';
import { entriesOf, member } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// Every route, asked by everybody: nobody, the owner of what is asked for, another user, an administrator, and a service.
const CALLERS = ['nobody', 'owner', 'another user', 'administrator', 'service key'] as const;
type CallerName = (typeof CALLERS)[number];

/** Whose things are asked for. */
interface Owner extends TestUser {
  readonly session: TestSession;
  readonly profile: unknown;
}

type Send = (method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string, body?: object | string) => Test;
/** How a route is asked, for things of the owner. */
type Ask = (send: Send, owner: Owner) => Test;

const NEW = 'a passphrase that is new';
let made = 0;
const freshName = (): string => `matrix-${(made += 1)}`;

const get =
  (path: string): Ask =>
  (send) =>
    send('get', path);
const everywhere = (status: string): string[] => CALLERS.map(() => status);
const usersOnly = (status: string): string[] => ['401', status, status, status, '401'];
const ownOnly = (status: string): string[] => ['401', `${status}!`, status, status, '401'];
const adminOnly = (status: string): string[] => ['401', '403', '403', status, '403'];
const serviceOnly = (status: string): string[] => ['401', '403', '403', '403', status];

/** The status for each caller in turn; `!` behind it where the owner's account or session is no longer what it was. */
const MATRIX: Readonly<Record<string, readonly [Ask, readonly string[]]>> = {
  'POST /register': [(send) => send('post', '/register', { username: freshName(), password: NEW }), everywhere('201')],
  'GET /users/me': [get('/users/me'), usersOnly('200')],
  'PATCH /users/me': [(send) => send('patch', '/users/me', { display_name: freshName() }), ownOnly('200')],
  'DELETE /users/me': [
    (send, owner) => send('delete', '/users/me', { current_password: owner.password }),
    // All have one password here; the administrator is not the last.
    ['401', '204!', '204', '204', '401'],
  ],
  'PUT /users/me/password': [
    (send, owner) => send('put', '/users/me/password', { current_password: owner.password, new_password: NEW }),
    ['401', '204!', '204', '204', '401'],
  ],
  'GET /users/me/activity': [get('/users/me/activity'), usersOnly('200')],
  'POST /users/me/email/verification': [(send) => send('post', '/users/me/email/verification'), usersOnly('409')],
  'POST /users/me/recovery-codes': [
    (send, owner) => send('post', '/users/me/recovery-codes', { current_password: owner.password }),
    usersOnly('201'),
  ],
  'GET /users/me/recovery-codes': [get('/users/me/recovery-codes'), usersOnly('200')],
  'DELETE /users/me/recovery-codes': [
    (send, owner) => send('delete', '/users/me/recovery-codes', { current_password: owner.password }),
    usersOnly('204'),
  ],
  'GET /users/me/sessions': [get('/users/me/sessions'), usersOnly('200')],
  'DELETE /users/me/sessions': [(send) => send('delete', '/users/me/sessions'), usersOnly('204')],
  'DELETE /users/me/sessions/{id}': [
    (send, { session }) => send('delete', `/users/me/sessions/${session.id}`),
    ['401', '204!', '404', '404', '401'],
  ],
  'POST /email/verify': [(send) => send('post', '/email/verify', { token: 'none' }), everywhere('400')],
  'POST /email/reject': [(send) => send('post', '/email/reject', { token: 'none' }), everywhere('400')],
  'POST /password/forgot': [(send, { username }) => send('post', '/password/forgot', { identifier: username }), everywhere('202')],
  'POST /password/reset': [(send) => send('post', '/password/reset', { token: 'none', new_password: NEW }), everywhere('400')],
  'POST /token': [(send, { username }) => send('post', '/token', { username, password: 'wrong' }), everywhere('401')],
  'GET /verify-token': [get('/verify-token'), usersOnly('200')],
  'GET /verify-token/{token}': [(send, { session }) => send('get', `/verify-token/${session.accessToken}`), everywhere('200')],
  'POST /logout': [(send) => send('post', '/logout'), ['401', '204!', '204', '204', '401']],
  'POST /revoke': [(send, { session }) => send('post', '/revoke', { token: session.refreshToken }), ['200!', '200!', '200', '200', '200']],
  'POST /introspect': [(send, { session }) => send('post', '/introspect', { token: session.accessToken }), serviceOnly('200')],
  'GET /revocations': [get('/revocations'), serviceOnly('200')],
  'GET /admin/users': [get('/admin/users'), adminOnly('200')],
  'POST /admin/users': [(send) => send('post', '/admin/users', { username: freshName() }), adminOnly('201')],
  'GET /admin/users/{id}': [(send, { id }) => send('get', `/admin/users/${id}`), adminOnly('200')],
  'PATCH /admin/users/{id}': [(send, { id }) => send('patch', `/admin/users/${id}`, { display_name: freshName() }), adminOnly('200!')],
  'DELETE /admin/users/{id}': [(send, { id }) => send('delete', `/admin/users/${id}`), adminOnly('204!')],
  'GET /admin/users/{id}/sessions': [(send, { id }) => send('get', `/admin/users/${id}/sessions`), adminOnly('200')],
  'DELETE /admin/users/{id}/sessions': [(send, { id }) => send('delete', `/admin/users/${id}/sessions`), adminOnly('204!')],
  'POST /admin/users/{id}/password-reset': [(send, { id }) => send('post', `/admin/users/${id}/password-reset`), adminOnly('200')],
  'POST /admin/users/import': [(send) => send('post', '/admin/users/import', `{"username":"${freshName()}"}\n`), adminOnly('200')],
  'GET /admin/users/export': [get('/admin/users/export'), adminOnly('200')],
  'GET /admin/service-keys': [get('/admin/service-keys'), adminOnly('200')],
  'POST /admin/service-keys': [
    (send) => send('post', '/admin/service-keys', { name: freshName(), scopes: ['introspect'] }),
    adminOnly('201'),
  ],
  'DELETE /admin/service-keys/{id}': [(send) => send('delete', `/admin/service-keys/${randomUUID()}`), adminOnly('404')],
  'GET /admin/audit-events': [get('/admin/audit-events'), adminOnly('200')],
  'GET /.well-known/oauth-authorization-server': [get('/.well-known/oauth-authorization-server'), everywhere('200')],
  'GET /.well-known/jwks.json': [get('/.well-known/jwks.json'), everywhere('200')],
  'GET /health/live': [get('/health/live'), everywhere('200')],
  'GET /health': [get('/health'), everywhere('200')],
  'GET /health/ready': [get('/health/ready'), everywhere('200')],
  'GET /dev/mailbox': [get('/dev/mailbox'), everywhere('200')],
  'GET /': [get('/'), everywhere('200')],
  'GET /errors': [get('/errors'), everywhere('200')],
  'GET /openapi.json': [get('/openapi.json'), everywhere('200')],
  'GET /postman.json': [get('/postman.json'), everywhere('200')],
  'GET /postman-environment.json': [get('/postman-environment.json'), everywhere('200')],
  'GET /docs': [get('/docs'), everywhere('200')],
  'GET /docs/{asset}': [get('/docs/swagger-ui.css'), everywhere('200')],
};

let auth: TestApp;
let serviceKey: string;
beforeAll(async () => {
  auth = await createTestApp();
  serviceKey = (await auth.services.serviceKeys.create({ name: 'a resource server', scopes: ['introspect'] })).key;
  await auth.createUser({ roles: ['user', 'admin'] });
});
afterAll(() => auth.close());

const me = (token: string): Test => auth.http().get('/users/me').set('Authorization', `Bearer ${token}`);

async function newOwner(): Promise<Owner> {
  const user = await auth.createUser();
  const session = await auth.session(user);
  return { ...user, session, profile: (await me(session.accessToken)).body };
}

/** Whether the owner is as they were: the same profile by the same token, and the same password. */
async function isUntouched({ username, password, session, profile }: Owner): Promise<boolean> {
  const now = await me(session.accessToken);
  if (now.status !== 200 || JSON.stringify(now.body) !== JSON.stringify(profile)) return false;
  return (await auth.http().post('/token').send({ username, password })).status === 200;
}

/** The credentials of a caller of that kind, whom no other cell meets. */
async function bearerOf(caller: CallerName, owner: Owner): Promise<string | undefined> {
  if (caller === 'nobody') return undefined;
  if (caller === 'service key') return serviceKey;
  if (caller === 'owner') return owner.session.accessToken;
  return auth.token(await auth.createUser(caller === 'administrator' ? { roles: ['user', 'admin'] } : {}));
}

async function ask(route: Ask, caller: CallerName, owner: Owner): Promise<Response> {
  const token = await bearerOf(caller, owner);
  const send: Send = (method, path, body) => {
    const request = auth.http()[method](path);
    if (token !== undefined) request.set('Authorization', `Bearer ${token}`);
    if (typeof body === 'string') request.set('Content-Type', 'application/x-ndjson');
    return body === undefined ? request : request.send(body);
  };
  return route(send, owner);
}

test('the matrix has every route that the API documents, and no other', async () => {
  const document: unknown = (await auth.http().get('/openapi.json')).body;
  const routes = entriesOf(member(document, 'paths')).flatMap(([path, methods]) =>
    entriesOf(methods).map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  expect(Object.keys(MATRIX).sort()).toEqual(routes.sort());
});

describe.each(Object.entries(MATRIX))('%s', (_route, [route, expected]) => {
  let owner: Owner;
  beforeAll(async () => {
    owner = await newOwner();
  });

  test.each(CALLERS.map((caller, index) => [caller, expected[index]] as const))('by %s: %s', async (caller, cell) => {
    const { status, headers } = await ask(route, caller, owner);
    const untouched = await isUntouched(owner);
    expect(`${status}${untouched ? '' : '!'}`).toBe(cell);
    if (status === 401) expect(headers['www-authenticate']).toMatch(/^Bearer/);
    if (!untouched) owner = await newOwner();
  });
});
