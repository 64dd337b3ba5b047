import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// What is issued is accepted: roles whose scopes do not fit an access token are refused where they are assigned.

const roleOf = (at: number): string => `role-${at}`;
const scopesOf = (at: number, count = 4): string[] => Array.from({ length: count }, (_, scope) => `${at}:${scope}:`.padEnd(60, 'x'));
const ROLES = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [roleOf(at), scopesOf(at)]));
const rolesUpTo = (count: number): string[] => ['user', ...Array.from({ length: count }, (_, at) => roleOf(at))];
const [FITTING, TOO_MANY] = [rolesUpTo(16), rolesUpTo(17)];

let auth: TestApp;
let admin: string;
let user: TestUser;
beforeAll(async () => {
  auth = await createTestApp({ ROLES });
  admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
  user = await auth.createUser();
});
afterAll(() => auth.close());

const change = (roles: string[]) => auth.http().patch(`/admin/users/${user.id}`).set('Authorization', `Bearer ${admin}`).send({ roles });
const refusal = { errors: [['roles', 'too_long']] } satisfies { errors: [string, string][] };

describe('roles whose scopes do not fit an access token', () => {
  it('are 422 at PATCH /admin/users/{id}, which changes nothing', async () => {
    const token = await auth.token(user);
    expectProblem(await change(TOO_MANY), 422, 'validation_failed', refusal);
    expect((await auth.http().get('/users/me').set('Authorization', `Bearer ${token}`)).body).toMatchObject({ roles: ['user'] });
  });

  it('are 422 at POST /admin/users', async () => {
    const body = { username: 'grace', roles: TOO_MANY };
    const response = await auth.http().post('/admin/users').set('Authorization', `Bearer ${admin}`).send(body);
    expectProblem(response, 422, 'validation_failed', refusal);
  });

  it('fail their line of an import', async () => {
    const lines = [JSON.stringify({ username: 'linus', roles: TOO_MANY }), JSON.stringify({ username: 'edith', roles: FITTING })];
    const response = await auth
      .http()
      .post('/admin/users/import')
      .set('Authorization', `Bearer ${admin}`)
      .type('application/x-ndjson')
      .send(lines.join('\n'));
    expect([response.status, response.text]).toEqual([200, expect.stringMatching(/"failed".*too_long/)]);
    expect(await auth.services.users.findByName('edith')).toMatchObject({ roles: FITTING });
    await expect(auth.services.users.findByName('linus')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are accepted up to the bound, and the token is accepted everywhere', async () => {
    expect((await change(FITTING)).status).toBe(200);
    const { username, password } = user;
    const loggedIn = await auth.http().post('/token').send({ username, password });
    const token = text(loggedIn.body, 'access_token');
    expect(token.length).toBeGreaterThan(5500);
    const bearer = { Authorization: `Bearer ${token}` };
    expect((await auth.http().get('/users/me').set(bearer)).status).toBe(200);
    expect((await auth.http().get('/verify-token').set(bearer)).status).toBe(200);
    expect((await auth.http().get(`/verify-token/${token}`)).status).toBe(200);
    const refreshed = await auth
      .http()
      .post('/token')
      .send({ grant_type: 'refresh_token', refresh_token: text(loggedIn.body, 'refresh_token') });
    expect(refreshed.status).toBe(200);
    expect((await auth.http().post('/logout').set(bearer)).status).toBe(204);
  });
});

describe('ROLES', () => {
  it('refuses at the start a role whose scopes alone do not fit', () => {
    const roles = { editor: scopesOf(0, 70) };
    expect(() => loadConfig({ NODE_ENV: 'test', ROLES: JSON.stringify(roles) })).toThrow(
      /ROLES: the scopes of editor have more than the 4000 characters/,
    );
  });

  it('that has grown beyond the bound gives no token that would be refused, and the log says why', async () => {
    const grown = { ...ROLES, user: [...scopesOf(90, 30), ...scopesOf(91, 40)] };
    expect(() => loadConfig({ NODE_ENV: 'test', ROLES: JSON.stringify(grown) })).toThrow(/ROLES: the scopes of user/);
    const almost = await createTestApp({ ROLES: { a: scopesOf(1, 40), user: scopesOf(0, 40) } });
    const both = await almost.createUser();
    await almost.services.users.get(both.id).then((row) => row.update({ roles: ['user', 'a'] }));
    const { username, password } = both;
    expectProblem(await almost.http().post('/token').send({ username, password }), 500, 'internal_error', { oauth: 'internal_error' });
    expect(almost.log.join()).toContain('do not fit an access token');
    expect(await almost.services.admin.namesBeyondToken()).toEqual([username]);
    await almost.close();
  });
});
