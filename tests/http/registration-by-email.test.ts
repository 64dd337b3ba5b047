import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, member, text } from '../support/answers.js';
import { mailedToken } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'correct horse battery staple';

let auth: TestApp;
beforeAll(async () => {
  auth = await createTestApp();
});
afterAll(() => auth.close());

const register = (body: object) =>
  auth
    .http()
    .post('/register')
    .send({ password: PASSWORD, ...body });
const logIn = (username: string) => auth.http().post('/token').send({ username, password: PASSWORD });

describe('POST /register without a username', () => {
  it('makes one of the local part and a random end, by which the user logs in, and by the address once it is verified', async () => {
    const response = await register({ email: 'Ada.Lovelace@example.com' });
    expect([response.status, response.body]).toMatchObject([
      201,
      { email: 'Ada.Lovelace@example.com', email_verified: false, roles: ['user'] },
    ]);
    const username = text(response.body, 'username');
    expect(username).toMatch(/^Ada\.Lovelace-[a-z2-9]{6}$/);
    expect((await logIn(username)).status).toBe(200);
    expect((await logIn('ada.lovelace@example.com')).status).toBe(401);
    const token = await mailedToken(auth, 'Ada.Lovelace@example.com', 'email_verification');
    await auth.http().post('/email/verify').send({ token }).expect(204);
    expect((await logIn('ada.lovelace@example.com')).status).toBe(200);
  });

  it('responds alike whether or not the address has an account, and whether or not its local part is a username', async () => {
    await auth.createUser({ username: 'grace', email: 'grace@example.com', emailVerified: true });
    const shape = async (email: string): Promise<unknown> => {
      const response = await register({ email });
      const made = text(response.body, 'username').replace(/-[a-z2-9]{6}$/, '');
      expect(response.body).toMatchObject({ email, email_verified: false, roles: ['user'] });
      return [response.status, made, JSON.stringify(response.body).match(/"\w+":/g), Object.keys(response.headers)];
    };
    const [taken, again] = [await shape('grace@example.com'), await shape('grace@example.com')];
    expect(taken).toEqual(again);
    expect(await shape('grace@elsewhere.example')).toEqual(taken);
  });

  it('makes a name for an address whose local part is no username', async () => {
    for (const local of ["o'neil", 'a&b', '!#$%', 'x'.repeat(64)]) {
      const response = await register({ email: `${local}@example.com` });
      expect(response.status).toBe(201);
      expect((await logIn(text(response.body, 'username'))).status).toBe(200);
    }
  });

  it('treats null as absent', async () => {
    expect((await register({ username: null, email: 'null@example.com' })).status).toBe(201);
  });

  it.each([{}, { username: null }, { email: null }, { username: null, email: null }])(
    'is 422 without an e-mail address: %j',
    async (members) => {
      expectProblem(await register(members), 422, 'validation_failed', { errors: [['username', 'required']] });
    },
  );

  it('is 422 for an empty username or address', async () => {
    expectProblem(await register({ username: '', email: 'ada@example.com' }), 422, 'validation_failed', {
      errors: [['username', 'too_short']],
    });
    expect((await register({ email: '' })).status).toBe(422);
  });

  it('is in the OpenAPI document: one of both is required', async () => {
    const document: unknown = (await auth.http().get('/openapi.json')).body;
    const schema = member(member(member(document, 'components'), 'schemas'), 'Registration');
    expect(schema).toMatchObject({ required: ['password'], anyOf: [{ required: ['username'] }, { required: ['email'] }] });
  });
});
