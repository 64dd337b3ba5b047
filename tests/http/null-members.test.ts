import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'correct horse battery staple';
const KEPT_OUT = 'must not be empty: leave it out';

let auth: TestApp;
let admin: string;
beforeAll(async () => {
  auth = await createTestApp();
  admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
});
afterAll(() => auth.close());

const send = (method: 'post' | 'patch' | 'put' | 'delete', path: string, body: object, token?: string) => {
  const request = auth.http()[method](path);
  return (token === undefined ? request : request.set('Authorization', `Bearer ${token}`)).send(body);
};
const own = async (): Promise<string> => auth.token(await auth.createUser({ password: PASSWORD }));

describe('null for an optional member of a request body', () => {
  it('means absent at POST /register', async () => {
    const response = await send('post', '/register', { username: 'ada', password: PASSWORD, email: null });
    expect([response.status, member(response.body, 'email')]).toEqual([201, null]);
  });

  it('means absent at POST /admin/users', async () => {
    const body = { username: 'bob', email: null, roles: null, password_hash: null };
    const response = await send('post', '/admin/users', body, admin);
    expect([response.status, member(response.body, 'roles')]).toEqual([201, ['user']]);
  });

  it('means absent at POST /token and POST /revoke', async () => {
    const { username } = await auth.createUser({ password: PASSWORD });
    const body = { grant_type: null, username, password: PASSWORD, refresh_transport: null };
    expect((await send('post', '/token', body)).status).toBe(200);
    expect((await send('post', '/token', { grant_type: 'refresh_token', refresh_token: null })).status).toBeLessThan(500);
    expect((await send('post', '/revoke', { token: 'x', token_type_hint: null })).status).toBe(200);
  });

  it('means absent at PATCH /users/me and leaves the username', async () => {
    const token = await own();
    const body = { username: null, display_name: 'Ada', current_password: null };
    const response = await send('patch', '/users/me', body, token);
    expect([response.status, member(response.body, 'display_name')]).toEqual([200, 'Ada']);
    expect(member((await send('patch', '/users/me', { display_name: null }, token)).body, 'display_name')).toBeNull();
  });

  it('means absent for current_password elsewhere', async () => {
    const token = await own();
    expect((await send('post', '/users/me/recovery-codes', { current_password: null }, token)).status).toBe(201);
    expect((await send('post', '/logout', { refresh_token: null }, token)).status).toBe(204);
  });

  it('means absent at PATCH /admin/users/{id}', async () => {
    const { id, username } = await auth.createUser();
    const body = { username: null, roles: null, disabled: null };
    const response = await send('patch', `/admin/users/${id}`, body, admin);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ username, roles: ['user'], disabled: false });
  });

  it.each([
    ['recovery_code beside token', { token: 'x', recovery_code: null }],
    ['recovery_code and username beside token', { token: 'x', recovery_code: null, username: null }],
  ])('means absent at POST /password/reset for %s', async (_members, body) => {
    const response = await send('post', '/password/reset', { ...body, new_password: PASSWORD });
    expectProblem(response, 400, 'token_invalid_or_expired');
  });

  it('means absent at POST /password/reset for token beside recovery_code, which sets the password', async () => {
    const user = await auth.createUser({ password: PASSWORD });
    const made = await send('post', '/users/me/recovery-codes', {}, await auth.token(user));
    const recovery_code = text(made.body, 'codes', '0');
    const body = { token: null, username: user.username, recovery_code, new_password: 'another passphrase altogether' };
    expect((await send('post', '/password/reset', body)).status).toBe(204);
  });

  it('is refused at POST /password/reset where no token and no recovery code is left', async () => {
    const body = { token: null, recovery_code: null, new_password: PASSWORD };
    expectProblem(await send('post', '/password/reset', body), 422, 'validation_failed', {
      errors: [['token', 'type']],
    });
  });

  it('is shown in the OpenAPI document', async () => {
    const response = await auth.http().get('/openapi.json');
    expect(JSON.stringify(member(response.body, 'components', 'schemas', 'Registration', 'properties', 'email'))).toContain('"null"');
  });

  it('is refused for a required member', async () => {
    expectProblem(await send('post', '/register', { username: 'ada', password: null }), 422, 'validation_failed', {
      errors: [['password', 'type']],
    });
  });
});

describe('createUser of the test kit', () => {
  it('takes null for a member that is left out', async () => {
    const user = await auth.createUser({ username: null, password: null, email: null, roles: null, emailVerified: null });
    expect(user).toMatchObject({ username: expect.stringMatching(/^user-\d+$/) });
  });
});

describe('An empty text for an optional member of a request body', () => {
  it.each([
    ['POST /register', 'post', '/register', { username: 'eva', password: PASSWORD }, 'email'],
    ['POST /admin/users', 'post', '/admin/users', { username: 'eva' }, 'email'],
    ['POST /admin/users', 'post', '/admin/users', { username: 'eva' }, 'password_hash'],
    ['PATCH /users/me', 'patch', '/users/me', {}, 'email'],
    ['PATCH /users/me', 'patch', '/users/me', {}, 'display_name'],
    ['PATCH /admin/users/1', 'patch', '/admin/users/1', {}, 'email'],
    ['PATCH /admin/users/1', 'patch', '/admin/users/1', {}, 'display_name'],
  ] as const)('is 422 at %s and says to leave it out', async (_title, method, path, body, name) => {
    const response = await send(method, path, { ...body, [name]: '' }, path === '/register' ? undefined : admin);
    expectProblem(response, 422, 'validation_failed', { errors: [[name, 'too_short']] });
    expect(JSON.stringify(response.body)).toContain(KEPT_OUT);
  });
});
