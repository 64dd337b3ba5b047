import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { expectProblem } from '../support/answers.js';
import { mailedToken } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const SHORT = 'fourteen signs';
const LONG = 'fifteen or more';
const DETAIL = 'The password needs 15 characters or more';

let auth: TestApp;
let user: TestUser;
beforeAll(async () => {
  auth = await createTestApp({ PASSWORD_MIN_LENGTH: '15' });
  user = await auth.createUser({ email: 'owner@example.com', emailVerified: true });
});
afterAll(() => auth.close());

describe('PASSWORD_MIN_LENGTH', () => {
  it('refuses a shorter password at a registration and takes one of its length', async () => {
    const register = (password: string) => auth.http().post('/register').send({ username: 'ada', password });
    expectProblem(await register(SHORT), 422, 'password_too_short', { detail: DETAIL, errors: [['password', 'password_too_short']] });
    expectProblem(await register(''), 422, 'password_too_short', { detail: DETAIL, errors: [['password', 'password_too_short']] });
    expect((await register(LONG)).status).toBe(201);
  });

  it('refuses a shorter password at a change and at a reset', async () => {
    const token = await auth.token(user);
    const change = { current_password: user.password, new_password: SHORT };
    const changed = await auth.http().put('/users/me/password').set('Authorization', `Bearer ${token}`).send(change);
    expectProblem(changed, 422, 'password_too_short', { detail: DETAIL, errors: [['new_password', 'password_too_short']] });
    await auth.http().post('/password/forgot').send({ identifier: user.username }).expect(202);
    const reset = await mailedToken(auth, 'owner@example.com', 'password_reset');
    const refused = await auth.http().post('/password/reset').send({ token: reset, new_password: SHORT });
    expectProblem(refused, 422, 'password_too_short', { detail: DETAIL, errors: [['new_password', 'password_too_short']] });
    await auth.http().post('/password/reset').send({ token: reset, new_password: LONG }).expect(204);
    await auth.http().post('/token').send({ username: user.username, password: LONG }).expect(200);
  });

  it('is the minimum in the OpenAPI document', async () => {
    const document: unknown = (await auth.http().get('/openapi.json')).body;
    expect(document).toMatchObject({
      components: { schemas: { Registration: { properties: { password: { minLength: 15, maxLength: 256 } } } } },
    });
  });

  it('leaves passwords valid that were set before', async () => {
    const database = await createTestApp();
    const before = await database.createUser({ password: 'eightchr' });
    await database.http().post('/token').send({ username: before.username, password: 'eightchr' }).expect(200);
    await database.close();
    // A password that was hashed elsewhere keeps no trace of its length.
    const { username, password } = await auth.createUser({ password: 'x'.repeat(64) });
    await auth.http().post('/token').send({ username, password }).expect(200);
  });

  it('lets the test kit make users under any value', async () => {
    const strict = await createTestApp({ PASSWORD_MIN_LENGTH: '64' });
    const { username, password } = await strict.createUser();
    await strict.http().post('/token').send({ username, password }).expect(200);
    await strict.close();
  });
});
