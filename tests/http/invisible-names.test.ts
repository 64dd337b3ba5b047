import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, text } from '../support/answers.js';
import { INVISIBLE_DISPLAY_NAMES, INVISIBLE_USERNAMES } from '../support/invisible.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';

const PASSWORD = 'correct horse battery staple';

interface Refused {
  errors: [string, string][];
}

let auth: StoredApp;
let admin: string;
let adaId: number;
let ada: string;
beforeAll(async () => {
  auth = await createStoredApp();
  admin = await auth.token(await auth.createUser({ username: 'admin', roles: ['user', 'admin'] }));
  const user = await auth.createUser({ username: 'ada' });
  adaId = user.id;
  ada = await auth.token(user);
});
afterAll(() => auth.close());

const bearing = (token: string) => ({ Authorization: `Bearer ${token}` });
const importing = (record: object) =>
  auth
    .http()
    .post('/admin/users/import')
    .set(bearing(admin))
    .set('Content-Type', 'application/x-ndjson')
    .serialize(String)
    .send(`${JSON.stringify(record)}\n`);

describe.each(INVISIBLE_USERNAMES)('the username %j', (username) => {
  const refused: Refused = { errors: [['username', 'format']] };

  it('is 422 format at POST /register', async () => {
    expectProblem(await auth.http().post('/register').send({ username, password: PASSWORD }), 422, 'validation_failed', refused);
  });
  it('is 422 format at PATCH /users/me', async () => {
    expectProblem(await auth.http().patch('/users/me').set(bearing(ada)).send({ username }), 422, 'validation_failed', refused);
  });
  it('is 422 format at POST and PATCH /admin/users', async () => {
    expectProblem(await auth.http().post('/admin/users').set(bearing(admin)).send({ username }), 422, 'validation_failed', refused);
    const patched = await auth.http().patch(`/admin/users/${adaId}`).set(bearing(admin)).send({ username });
    expectProblem(patched, 422, 'validation_failed', refused);
  });
  it('fails in an import', async () => {
    expect(JSON.parse((await importing({ username })).text)).toMatchObject({
      status: 'failed',
      errors: [{ path: 'username', code: 'format' }],
    });
  });
});

describe.each(INVISIBLE_DISPLAY_NAMES)('the display name %j', (display_name) => {
  const refused: Refused = { errors: [['display_name', 'format']] };

  it('is 422 format at PATCH /users/me and /admin/users/{id}', async () => {
    expectProblem(await auth.http().patch('/users/me').set(bearing(ada)).send({ display_name }), 422, 'validation_failed', refused);
    const patched = await auth.http().patch(`/admin/users/${adaId}`).set(bearing(admin)).send({ display_name });
    expectProblem(patched, 422, 'validation_failed', refused);
  });
  it('is left out of an import, with a note', async () => {
    const username = `imported-${INVISIBLE_DISPLAY_NAMES.indexOf(display_name)}`;
    expect(JSON.parse((await importing({ username, display_name })).text)).toMatchObject({
      status: 'created',
      notes: expect.arrayContaining([expect.stringContaining('display_name is left out')]),
    });
    expect(await auth.users.findOne({ where: { username } })).toMatchObject({ display_name: null });
  });
});

describe('an account whose name breaks the rules', () => {
  it('keeps it and logs in with it, beside the account that it looks like', async () => {
    const old = await auth.createUser({ username: 'older', password: PASSWORD });
    await auth.users.update({ username: 'ada\u034f', username_fold: 'ada\u034f' }, { where: { id: old.id } });
    const answer = await auth.http().post('/token').send({ username: 'ada\u034f', password: PASSWORD });
    expect([answer.status, answer.body]).toMatchObject([200, { user: { id: old.id, username: 'ada\u034f' } }]);
    const changed = await auth
      .http()
      .patch('/users/me')
      .set(bearing(text(answer.body, 'access_token')))
      .send({ display_name: '👩‍👩‍👧' });
    expect(changed.status).toBe(200);
  });
});

describe('names that differ by case', () => {
  it.each([
    ['νικος.αβ', 'ΝΙΚΟΣ.ΑΒ'],
    ['straße', 'STRASSE'],
    ['ᲀeta', 'ВETA'],
    ['\u03b1\u0345bc', 'ΑΙBC'],
  ])('%s and %s are one account, found by both', async (first, second) => {
    const user = await auth.createUser({ username: first, password: PASSWORD });
    expectProblem(await auth.http().post('/register').send({ username: second, password: PASSWORD }), 409, 'username_taken');
    const answer = await auth.http().post('/token').send({ username: second, password: PASSWORD });
    expect([answer.status, answer.body]).toMatchObject([200, { user: { id: user.id, username: first } }]);
    const found = await auth.http().get('/admin/users').query({ q: second }).set(bearing(admin));
    expect(found.body).toMatchObject({ data: [{ id: user.id }] });
  });
});
