import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/answers.js';
import { mailedToken } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'a password of my own';

describe.each([
  ['invite', 'Registration is by invitation: ask an administrator for one'],
  ['closed', 'Registration is closed'],
] as const)('REGISTRATION=%s', (registration, detail) => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp({ REGISTRATION: registration });
  });
  afterAll(() => auth.close());

  it('refuses a registration with 404 and the reason, whether the name is taken or not', async () => {
    const { username } = await auth.createUser();
    for (const name of [username, 'somebody-new']) {
      const refused = await auth.http().post('/register').send({ username: name, password: PASSWORD });
      expectProblem(refused, 404, 'not_found', { detail });
    }
    expect(await auth.services.users.findByName('somebody-new').catch(() => 'absent')).toBe('absent');
  });

  it('lets an administrator invite a user, who accepts', async () => {
    const token = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
    const invited = { username: 'grace', email: 'grace@example.com' };
    await auth.http().post('/admin/users').set('Authorization', `Bearer ${token}`).send(invited).expect(201);
    const invitation = await mailedToken(auth, 'grace@example.com', 'invitation');
    await auth.http().post('/password/reset').send({ token: invitation, new_password: PASSWORD }).expect(204);
    await auth.http().post('/token').send({ username: 'grace', password: PASSWORD }).expect(200);
  });

  it('is logged at the start', () => {
    expect(auth.log.join()).toContain(`REGISTRATION is ${registration}`);
  });
});

describe('REGISTRATION', () => {
  it('is open unless it is set, and the OpenAPI document says what the other values do', async () => {
    const auth = await createTestApp();
    await auth.http().post('/register').send({ username: 'ada', password: PASSWORD }).expect(201);
    const document: unknown = (await auth.http().get('/openapi.json')).body;
    expect(document).toMatchObject({
      paths: { '/register': { post: { description: expect.stringContaining('REGISTRATION'), responses: { 404: expect.anything() } } } },
    });
    await auth.close();
  });
});
