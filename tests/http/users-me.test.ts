import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectInvalidToken, expectProblem } from '../support/answers.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

describe('GET /users/me', () => {
  let auth: StoredApp;
  beforeAll(async () => {
    auth = await createStoredApp();
  });
  afterAll(() => auth.close());

  const me = (token: string) => auth.http().get('/users/me').set('Authorization', `Bearer ${token}`);

  test('a user sees themselves as their registration was answered, with the name they show, and nothing else', async () => {
    const body = { username: 'Ada', password: 'correct horse battery staple', email: 'ada@example.com' };
    const registered = await auth.http().post('/register').send(body);
    const response = await me(await auth.token({ id: 0, ...body }));
    expect(response.status).toBe(200);
    expect(response.type).toBe('application/json');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toEqual({ ...Object(registered.body), pending_email: null, display_name: null });
  });

  test('each token shows its own user', async () => {
    const users = await auth.createUsers(3);
    for (const user of users) expect((await me(await auth.token(user))).body).toMatchObject({ id: user.id, username: user.username });
  });

  test('nobody is nobody', async () => {
    const response = await auth.http().get('/users/me');
    expectProblem(response, 401, 'authentication_required');
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });

  test('the token of a user who was disabled since is refused', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    expect((await me(token)).status).toBe(200);
    await auth.users.update({ disabled_at: new Date(auth.clock.now()) }, { where: { id: user.id } });
    expectInvalidToken(await me(token));
  });

  test('the token of a user who was deleted since is refused, also when somebody takes the name', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    await auth.users.destroy({ where: { id: user.id } });
    expectInvalidToken(await me(token));
    const successor = await auth.createUser({ username: user.username });
    expect(successor.id).toBeGreaterThan(user.id);
    expectInvalidToken(await me(token));
  });
});
