import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response, Test } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, expectReauthentication, member, text } from '../support/answers.js';
import { documentedEndpoints, type Endpoint } from '../support/endpoints.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const STEP_UP = 'urn:lingomate:grant:step-up';
const MINUTE = 60;
const NEW_PASSWORD = 'another passphrase altogether';

let auth: TestApp;
let endpoints: Endpoint[];
beforeAll(async () => {
  auth = await createTestApp();
  await auth.createUser({ roles: ['user', 'admin'] });
  endpoints = await documentedEndpoints(auth);
});
afterAll(() => auth.close());

const METHODS = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;
type Method = (typeof METHODS)[keyof typeof METHODS];
const methodOf = ({ method }: Endpoint): Method => {
  const found = Object.entries(METHODS).find(([name]) => name === method);
  if (found === undefined) throw new TypeError(`no test sends ${method}`);
  return found[1];
};
const send = (token: string, method: Method, path: string, body?: object): Test => {
  const request = auth.http()[method](path).set('Authorization', `Bearer ${token}`);
  return body === undefined ? request : request.send(body);
};
const nameOf = ({ method, path }: Endpoint): string => `${method} ${path}`;
const isAdministrative = ({ path }: Endpoint): boolean => path.startsWith('/admin/');
/** The contract: every write and every export of the administration. */
const needsRecent = (endpoint: Endpoint): boolean => endpoint.method !== 'GET' || endpoint.path.endsWith('/export');
const stepUp = async (token: string, { password }: TestUser): Promise<string> =>
  text((await send(token, 'post', '/token', { grant_type: STEP_UP, password })).body, 'access_token');

/** A user, a token that is just too old for what needs a recent authentication, and one after a step-up of the same session. */
async function agedTokens(roles?: string[]): Promise<{ user: TestUser; stale: string }> {
  const user = await auth.createUser(roles === undefined ? {} : { roles });
  const stale = await auth.token(user);
  auth.clock.advance(5 * MINUTE);
  return { user, stale };
}

describe('the routes under /admin', () => {
  const ask = (token: string, endpoint: Endpoint): Test => send(token, methodOf(endpoint), endpoint.path.replaceAll(/\{\w+\}/g, '999999'));
  const administrative = (): Endpoint[] => endpoints.filter(isAdministrative);

  test('need an authentication younger than five minutes for every write and export, and for nothing else', async () => {
    const { stale } = await agedTokens(['user', 'admin']);
    expect(administrative().filter(needsRecent).length).toBeGreaterThanOrEqual(7);
    for (const endpoint of administrative()) {
      const response = await ask(stale, endpoint);
      if (needsRecent(endpoint)) expectReauthentication(response);
      else expect([nameOf(endpoint), [200, 404].includes(response.status)]).toEqual([nameOf(endpoint), true]);
    }
  });

  test.each([
    ['a log-in', (stale: string, user: TestUser) => auth.token(user)],
    ['a step-up', stepUp],
  ])('let every request pass after %s, up to the last second of the five minutes', async (_what, renew) => {
    const { user, stale } = await agedTokens(['user', 'admin']);
    const fresh = await renew(stale, user);
    auth.clock.advance(5 * MINUTE - 1);
    for (const endpoint of administrative()) {
      const { status } = await ask(fresh, endpoint);
      expect([nameOf(endpoint), [200, 400, 404, 415, 422].includes(status)]).toEqual([nameOf(endpoint), true]);
    }
    auth.clock.advance(1);
    for (const endpoint of administrative().filter(needsRecent)) expectReauthentication(await ask(fresh, endpoint));
  });

  test('refuse before a body is read, and without the scope they say that instead', async () => {
    const { stale } = await agedTokens(['user', 'admin']);
    const big = auth.http().post('/admin/users').set('Authorization', `Bearer ${stale}`).type('application/xml').send('<x/>');
    expectReauthentication(await big);
    const { stale: users } = await agedTokens();
    expectProblem(await send(users, 'post', '/admin/users', {}), 403, 'insufficient_scope');
  });

  test('have each refusal recorded as access that was denied', async () => {
    const { user, stale } = await agedTokens(['user', 'admin']);
    await send(stale, 'delete', '/admin/users/999999');
    const { items } = await auth.services.audit.list({ user: user.id }, { limit: 1 });
    expect(items).toMatchObject([
      { type: 'access.denied', actor: { kind: 'user', id: String(user.id) }, details: { reason: 'reauthentication_required' } },
    ]);
  });
});

/** Each change to an account that needs a recent authentication, and the status of a good one. */
type Change = (token: string, user: TestUser, proof: { readonly current_password?: string }) => Test;
const WITH_PROOF: Readonly<Record<string, readonly [Change, number]>> = {
  'PUT /users/me/password': [
    (token, _user, proof) => send(token, 'put', '/users/me/password', { ...proof, new_password: NEW_PASSWORD }),
    204,
  ],
  'PATCH /users/me with another username': [
    (token, { id }, proof) => send(token, 'patch', '/users/me', { ...proof, username: `new-${id}` }),
    200,
  ],
  'PATCH /users/me with another e-mail address': [
    (token, { id }, proof) => send(token, 'patch', '/users/me', { ...proof, email: `new-${id}@example.com` }),
    200,
  ],
  'DELETE /users/me': [(token, _user, proof) => send(token, 'delete', '/users/me', proof), 204],
  'POST /users/me/recovery-codes': [(token, _user, proof) => send(token, 'post', '/users/me/recovery-codes', proof), 201],
  'DELETE /users/me/recovery-codes': [(token, _user, proof) => send(token, 'delete', '/users/me/recovery-codes', proof), 204],
};
/** These ask an account with a password for it, however recent its authentication is. */
const ALWAYS_WITH_PASSWORD = ['PUT /users/me/password', 'DELETE /users/me'];

describe.each(Object.entries(WITH_PROOF))('%s', (name, [change, status]) => {
  test('returns 401 reauthentication_required five minutes after the log-in where no current_password is sent', async () => {
    const { user, stale } = await agedTokens();
    expectReauthentication(await change(stale, user, {}));
  });

  test('returns 403 current_password_invalid for a wrong one, however recent the authentication is', async () => {
    const { user, stale } = await agedTokens();
    for (const token of [stale, await auth.token(user)])
      expectProblem(await change(token, user, { current_password: 'a wrong password' }), 403, 'current_password_invalid');
  });

  test('is done with the right current_password, however old the authentication is', async () => {
    const { user, stale } = await agedTokens();
    expect((await change(stale, user, { current_password: user.password })).status).toBe(status);
  });

  const asksPassword = ALWAYS_WITH_PASSWORD.includes(name);
  test(`${asksPassword ? 'asks for the current_password all the same' : 'is done without'} after a log-in or a step-up`, async () => {
    for (const renew of [stepUp, (_stale: string, user: TestUser) => auth.token(user)]) {
      const { user, stale } = await agedTokens();
      const response = await change(await renew(stale, user), user, {});
      if (asksPassword) expectProblem(response, 422, 'validation_failed', { errors: [['current_password', 'required']] });
      else expect(response.status).toBe(status);
    }
  });
});

describe('DELETE /users/me/sessions/{id}', () => {
  const end = (token: string, id: string): Test => send(token, 'delete', `/users/me/sessions/${id}`);

  test('needs a recent authentication for another session than the current one, whether it is there or not', async () => {
    const user = await auth.createUser();
    const [own, another] = [await auth.session(user), await auth.session(user)];
    auth.clock.advance(5 * MINUTE);
    for (const id of [another.id, another.id.toUpperCase(), '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11', 'nonsense'])
      expectReauthentication(await end(own.accessToken, id));
    expect((await end(await stepUp(own.accessToken, user), another.id)).status).toBe(204);
  });

  test('ends the current session whenever the authentication was', async () => {
    const session = await auth.session(await auth.createUser());
    auth.clock.advance(20 * MINUTE);
    expect((await end(session.accessToken, session.id)).status).toBe(204);
  });
});

describe('a recent authentication', () => {
  const withoutProof: readonly [string, Method, string, object | undefined, number][] = [
    ['the profile is read', 'get', '/users/me', undefined, 200],
    ['the display name is changed', 'patch', '/users/me', { display_name: 'Ada' }, 200],
    ['sessions are listed', 'get', '/users/me/sessions', undefined, 200],
    ['every other session is ended', 'delete', '/users/me/sessions', undefined, 204],
    ['the activity is read', 'get', '/users/me/activity', undefined, 200],
    ['the user logs out', 'post', '/logout', undefined, 204],
    ['the user logs out everywhere else', 'post', '/logout?scope=others', undefined, 204],
    ['the user logs out everywhere', 'post', '/logout?scope=all', undefined, 204],
  ];
  test.each(withoutProof)('is not needed where %s', async (_what, method, path, body, status) => {
    const { stale } = await agedTokens();
    expect((await send(stale, method, path, body)).status).toBe(status);
  });

  test('is documented for the routes that need one, and for no other', () => {
    const documented = endpoints.filter(({ operation }) => {
      const description = member(operation, 'responses', '401', 'description');
      return typeof description === 'string' && description.includes('`reauthentication_required`');
    });
    const own = [...Object.keys(WITH_PROOF).map((name) => name.split(' with ')[0] ?? ''), 'DELETE /users/me/sessions/{id}'];
    expect(
      documented
        .filter((endpoint) => !isAdministrative(endpoint))
        .map(nameOf)
        .sort(),
    ).toEqual([...new Set(own)].sort());
    const administrative = endpoints.filter(isAdministrative).filter(needsRecent).map(nameOf);
    expect(documented.filter(isAdministrative).map(nameOf)).toEqual(administrative);
  });

  test('is one of the last REAUTHENTICATION_MINUTES', async () => {
    const other = await createTestApp({ REAUTHENTICATION_MINUTES: '1' });
    const user = await other.createUser();
    const token = await other.token(user);
    const make = (): Test => other.http().post('/users/me/recovery-codes').set('Authorization', `Bearer ${token}`);
    other.clock.advance(MINUTE - 1);
    expect((await make()).status).toBe(201);
    other.clock.advance(1);
    const refused: Response = await make();
    await other.close();
    expectReauthentication(refused, MINUTE);
  });
});
