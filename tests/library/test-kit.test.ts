import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { createTestAuth, type TestAuth } from '../../src/testing.js';

let auth: TestAuth;
beforeEach(async () => {
  auth = await createTestAuth();
});
afterEach(() => auth.close());

describe('users made in one call', () => {
  test('get names of their own, past those that the test has given', async () => {
    await auth.createUser({ username: 'user-2' });
    const names = (await auth.createUsers(3)).map(({ username }) => username);
    expect(names.sort()).toEqual(['user-1', 'user-3', 'user-4']);
  });

  test('are as many as asked for, each with an id and a password that logs in', async () => {
    const users = await auth.createUsers(40);
    expect(new Set(users.map(({ id }) => id)).size).toBe(40);
    for (const user of [users[0], users[39]])
      if (user) await (await auth.agent(user)).get('/users/me').expect(200, new RegExp(`"username":"${user.username}"`));
  });

  test.each([
    ['a name that is too short', { username: 'x' }, 'username'],
    ['a name with a space', { username: 'ada lovelace' }, 'username'],
    ['an address that is none', { email: 'nope' }, 'email'],
  ])('are refused as /register would refuse them: %s', async (_, user, path) => {
    await expect(auth.createUser(user)).rejects.toMatchObject({ code: 'validation_failed', details: { fields: [{ path }] } });
  });

  test('are refused with the rule that the password breaks, and where the name is somebody’s', async () => {
    await expect(auth.createUser({ password: 'short' })).rejects.toMatchObject({ code: 'password_too_short' });
    await auth.createUser({ username: 'ada' });
    await expect(auth.createUser({ username: 'ADA' })).rejects.toMatchObject({ code: 'username_taken' });
  });
});

test('a step-up makes an authentication recent that the moved clock has aged', async () => {
  const user = await auth.createUser({ roles: ['user', 'admin'] });
  const token = await auth.token(user);
  auth.clock.advance(10 * 60);
  const create = (bearer: string) =>
    supertest(auth.app).post('/admin/users').set('Authorization', `Bearer ${bearer}`).send({ username: 'made-by-admin' });
  expect((await create(token)).status).toBe(401);
  expect((await create(await auth.stepUp(user, token))).status).toBe(201);
});

test('it may be closed more than once', async () => {
  await auth.close();
  await expect(auth.close()).resolves.toBeUndefined();
});
