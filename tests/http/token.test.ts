import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectProblem, text } from '../support/answers.js';
import { createStoredApp, type StoredApp } from '../support/stored-app.js';
import { membersOf } from '../support/tokens.js';

const PASSWORD = 'correct horse battery staple';
const WRONG = { detail: 'Incorrect username or password', oauth: 'invalid_grant' };

describe('POST /token', () => {
  let auth: StoredApp;
  beforeAll(async () => {
    auth = await createStoredApp();
    await auth.createUser({ username: 'Ada', password: PASSWORD });
  });
  afterAll(() => auth.close());

  const post = (body: object) => auth.http().post('/token').send(body);
  const postForm = (body: string) => auth.http().post('/token').type('form').send(body);

  test('a log-in is answered with a token, its life, its scope and whose it is', async () => {
    const response = await post({ username: 'Ada', password: PASSWORD });
    expect(response.status).toBe(200);
    expect(response.type).toBe('application/json');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toMatchObject({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'bearer',
      expires_in: 1800,
      scope: 'user',
      user: { id: expect.any(Number), username: 'Ada' },
    });
  });

  test('the access token has the header and the claims of the contract', async () => {
    const response = await post({ username: 'Ada', password: PASSWORD });
    const [header = '', payload = ''] = text(response.body, 'access_token').split('.');
    const now = Math.floor(auth.clock.now() / 1000);
    expect(membersOf(header)).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: expect.stringMatching(/^.+$/) });
    expect(membersOf(payload)).toMatchObject({
      iss: 'http://localhost:8000',
      aud: 'lingomate',
      sub: expect.stringMatching(/^[1-9]\d*$/),
      username: 'Ada',
      scope: 'user',
      jti: expect.stringMatching(/^[\w-]{43}$/),
      iat: now,
      exp: now + 1800,
      auth_time: now,
      amr: ['pwd'],
      acr: 'aal1',
      client_id: 'lingomate',
    });
  });

  test('two log-ins get two tokens', async () => {
    const tokens = [];
    for (const _ of [1, 2]) tokens.push(text((await post({ username: 'Ada', password: PASSWORD })).body, 'access_token'));
    expect(new Set(tokens).size).toBe(2);
  });

  test.each([
    ['left out', {}],
    ['empty', { grant_type: '' }],
    ['password', { grant_type: 'password' }],
  ])('a grant_type that is %s logs in by password, as JSON and as a form', async (_what, grant) => {
    const body = { ...grant, username: 'Ada', password: PASSWORD };
    expect((await post(body)).status).toBe(200);
    expect((await postForm(new URLSearchParams(body).toString())).status).toBe(200);
  });

  test.each(['Password', ' password', 'client_credentials', 'authorization_code', 'constructor', '__proto__', 'toString', 'password\0'])(
    'a grant_type of "%s" is not offered',
    async (grant_type) => {
      const response = await post({ grant_type, username: 'Ada', password: PASSWORD });
      expectProblem(response, 400, 'unsupported_grant_type', { oauth: 'unsupported_grant_type' });
    },
  );

  test.each([
    ['a number', 5],
    ['an array', ['password']],
    ['an object', { password: true }],
  ])('a grant_type that is %s breaks a rule', async (_what, grant_type) => {
    const response = await post({ grant_type, username: 'Ada', password: PASSWORD });
    expectProblem(response, 422, 'validation_failed', { oauth: 'invalid_request', errors: [['grant_type', 'type']] });
  });

  test.each([
    ['in JSON', () => post({ username: 'Ada', password: PASSWORD, scope: 'x', client_id: 'spa', nested: { deep: [1] }, constructor: 1 })],
    ['in a form', () => postForm(`username=Ada&password=${encodeURIComponent(PASSWORD)}&scope=x&client_id=spa&=&odd`)],
  ])('members that are not known are ignored %s', async (_where, send) => {
    expect((await send()).status).toBe(200);
  });

  test.each([
    ['the fold of the name', 'ada'],
    ['capitals', 'ADA'],
    ['full width', 'ＡＤＡ'],
  ])('%s logs in too, and the answer has the name as it was registered', async (_what, username) => {
    const response = await post({ username, password: PASSWORD });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ user: { username: 'Ada' } });
  });

  test.each([
    ['a wrong password', { username: 'Ada', password: 'a wrong password' }],
    ['an empty password', { username: 'Ada', password: '' }],
    ['a password over 72 bytes', { username: 'Ada', password: 'x'.repeat(300) }],
    ['a password with NUL', { username: 'Ada', password: `${PASSWORD}\0` }],
    ['an unknown name', { username: 'nobody', password: PASSWORD }],
    ['an unknown name and no password', { username: 'nobody', password: '' }],
    ['an empty name', { username: '', password: PASSWORD }],
    ['a name with a space around it', { username: ' Ada', password: PASSWORD }],
    ['a name of 10,000 characters', { username: 'a'.repeat(10_000), password: PASSWORD }],
  ])('%s gets the one answer of a failed log-in', async (_what, body) => {
    const answers = [
      await post(body),
      await post({ ...body, grant_type: 'password' }),
      await postForm(new URLSearchParams(body).toString()),
    ];
    for (const response of answers) {
      expectProblem(response, 401, 'invalid_credentials', WRONG);
      expect(response.headers['www-authenticate']).toBe('Bearer');
    }
  });

  test.each([
    ['no member', {}, ['username', 'password'], 'required'],
    ['no password', { username: 'Ada' }, ['password'], 'required'],
    ['no username', { password: PASSWORD }, ['username'], 'required'],
    ['null in both', { username: null, password: null }, ['username', 'password'], 'type'],
    ['a number for a password', { username: 'Ada', password: 5 }, ['password'], 'type'],
    ['an object for a name', { username: { $ne: null }, password: PASSWORD }, ['username'], 'type'],
  ])('a body with %s breaks a rule', async (_what, body, paths, code) => {
    const errors = paths.map((path): [string, string] => [path, code]);
    expectProblem(await post(body), 422, 'validation_failed', { oauth: 'invalid_request', errors });
  });

  test('a form in which a password has a plus sign, a space and a percent sign is read as it was meant', async () => {
    const user = await auth.createUser({ username: 'form-user', password: 'a+b c%d&e=f é🙂' });
    const encoded = encodeURIComponent(user.password);
    expect((await postForm(`username=form-user&password=${encoded}`)).status).toBe(200);
    expect((await postForm(`username=form-user&password=${encoded.replaceAll('%20', '+')}`)).status).toBe(200);
    expect((await postForm(`username=form-user&password=${encoded}&`)).status).toBe(200);
  });

  describe('a disabled user', () => {
    beforeAll(async () => {
      const user = await auth.createUser({ username: 'disabled', password: PASSWORD });
      await auth.users.update({ disabled_at: new Date(auth.clock.now()) }, { where: { id: user.id } });
    });

    test('learns so with the right password', async () => {
      expectProblem(await post({ username: 'disabled', password: PASSWORD }), 403, 'account_disabled', { oauth: 'invalid_grant' });
    });

    test('looks like nobody with a wrong one', async () => {
      expectProblem(await post({ username: 'disabled', password: 'a wrong password' }), 401, 'invalid_credentials', WRONG);
    });
  });

  test('a user without a password can not log in with any', async () => {
    const user = await auth.createUser({ username: 'without-password' });
    await auth.users.update({ hashed_password: null }, { where: { id: user.id } });
    for (const password of ['', 'null', user.password]) {
      expectProblem(await post({ username: 'without-password', password }), 401, 'invalid_credentials', WRONG);
    }
  });

  test('an exact match comes before a look-alike', async () => {
    const owner = await auth.createUser({ username: 'lookalike', password: 'password of the owner' });
    const other = await auth.createUser({ username: 'placeholder', password: 'password of the other' });
    await auth.users.update({ username: 'LookAlike', username_fold: null, lookalike_fold: 'lookalike' }, { where: { id: other.id } });
    const logIn = async (username: string, password: string): Promise<unknown> => (await post({ username, password })).body;
    expect(await logIn('LookAlike', other.password)).toMatchObject({ user: { id: other.id } });
    expect(await logIn('LOOKALIKE', owner.password)).toMatchObject({ user: { id: owner.id } });
    expectProblem(await post({ username: 'LookAlike', password: owner.password }), 401, 'invalid_credentials', WRONG);
  });
});
