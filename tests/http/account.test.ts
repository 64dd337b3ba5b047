import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectInvalidToken, expectProblem } from '../support/answers.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

const NEW = 'another good password';

describe('PUT /users/me/password', () => {
  let auth: StoredApp;
  beforeAll(async () => {
    auth = await createStoredApp();
  });
  afterAll(() => auth.close());

  const change = (token: string, body: object) => auth.http().put('/users/me/password').set('Authorization', `Bearer ${token}`).send(body);
  const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });

  test('the new password logs in and the old one no longer', async () => {
    const user = await auth.createUser();
    const response = await change(await auth.token(user), { current_password: user.password, new_password: NEW });
    expect([response.status, response.text]).toEqual([204, '']);
    expect((await logIn(user.username, NEW)).status).toBe(200);
    expectProblem(await logIn(user.username, user.password), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
  });

  test.each(['a wrong password', '', 'x'.repeat(300), 'with\0NUL'])(
    'a wrong current one (%j) is told, and changes nothing',
    async (wrong) => {
      const user = await auth.createUser();
      const token = await auth.token(user);
      expectProblem(await change(token, { current_password: wrong, new_password: NEW }), 403, 'current_password_invalid');
      expect((await logIn(user.username, user.password)).status).toBe(200);
    },
  );

  test.each([
    ['too short', 'short', 'password_too_short'],
    ['too long', 'x'.repeat(257), 'password_too_long'],
    ['common', 'password1234', 'password_too_common'],
  ])('a new one that is %s is refused by that rule', async (_what, new_password, code) => {
    const user = await auth.createUser();
    const response = await change(await auth.token(user), { current_password: user.password, new_password });
    expectProblem(response, 422, code, { errors: [['new_password', code]] });
  });

  test('a new one that is the username is refused, in any spelling', async () => {
    const user = await auth.createUser({ username: 'Grace.Hopper' });
    const response = await change(await auth.token(user), { current_password: user.password, new_password: 'GRACE.hopper' });
    expectProblem(response, 422, 'password_contains_username', { errors: [['new_password', 'password_contains_username']] });
  });

  test('missing and unknown members break a rule', async () => {
    const token = await auth.token(await auth.createUser());
    expectProblem(await change(token, {}), 422, 'validation_failed', { errors: [['new_password', 'required']] });
    expectProblem(await change(token, { new_password: NEW }), 422, 'validation_failed', { errors: [['current_password', 'required']] });
    expectProblem(await change(token, { current_password: 'x', new_password: NEW, username: 'ada' }), 422, 'validation_failed', {
      errors: [['username', 'unknown']],
    });
  });

  test('of two changes at once one is made, and the other one is told that the password is no longer that', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const bodies = [NEW, `${NEW} too`].map((new_password) => ({ current_password: user.password, new_password }));
    const answers = await Promise.all(bodies.map((body) => change(token, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 403]);
  });
});

describe('DELETE /users/me', () => {
  let auth: StoredApp;
  beforeAll(async () => {
    auth = await createStoredApp();
  });
  afterAll(() => auth.close());

  const remove = (token: string, body: object) => auth.http().delete('/users/me').set('Authorization', `Bearer ${token}`).send(body);

  test('the account is gone with its sessions, and its name is free', async () => {
    const user = await auth.createUser();
    const [here, there] = [await auth.session(user), await auth.session(user)];
    expect((await remove(here.accessToken, { current_password: user.password })).status).toBe(204);
    expect(await auth.users.count({ where: { id: user.id } })).toBe(0);
    for (const { accessToken, refreshToken } of [here, there]) {
      expectInvalidToken(await auth.http().get(`/verify-token/${accessToken}`));
      expectInvalidToken(await auth.http().get('/users/me').set('Authorization', `Bearer ${accessToken}`));
      const response = await auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token: refreshToken });
      expectProblem(response, 400, 'invalid_grant', { oauth: 'invalid_grant' });
    }
    const successor = await auth.createUser({ username: user.username });
    expect(successor.id).toBeGreaterThan(user.id);
  });

  test('of several at once one deletes it, and to the others their token is no longer good', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const answers = await Promise.all([1, 2, 3].map(() => remove(token, { current_password: user.password })));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401, 401]);
  });

  test('needs the current password', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    expectProblem(await remove(token, { current_password: 'a wrong password' }), 403, 'current_password_invalid');
    expectProblem(await remove(token, {}), 422, 'validation_failed', { errors: [['current_password', 'required']] });
    expect((await auth.http().get('/users/me').set('Authorization', `Bearer ${token}`)).status).toBe(200);
  });
});
