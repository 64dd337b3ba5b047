import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectProblem, faultsOf, member } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'correct horse battery staple';
/** A letter outside the basic plane: one code point, two UTF-16 units, four bytes. */
const ASTRAL = '𠀀';

describe('POST /register', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp();
  });
  afterAll(() => auth.close());

  const register = (body: object) => auth.http().post('/register').send(body);
  const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });

  test('a new user is answered with what the contract shows, and nothing else', async () => {
    const response = await register({ username: 'Ada', password: PASSWORD, email: 'ada@example.com' });
    expect(response.status).toBe(201);
    expect(response.type).toBe('application/json');
    expect(response.headers).toMatchObject({ location: '/users/me', 'cache-control': 'no-store' });
    expect(response.body).toEqual({
      id: expect.any(Number),
      username: 'Ada',
      email: 'ada@example.com',
      email_verified: false,
      roles: ['user'],
      created_at: new Date(auth.clock.now()).toISOString(),
    });
  });

  test('an e-mail address may be left out', async () => {
    const response = await register({ username: 'no-mail', password: PASSWORD });
    expect(response.status).toBe(201);
    expect(response.body).toMatchObject({ email: null, email_verified: false });
  });

  test('two users get two ids, the later one the higher', async () => {
    const first: unknown = (await register({ username: 'first-of-two', password: PASSWORD })).body;
    const second: unknown = (await register({ username: 'second-of-two', password: PASSWORD })).body;
    expect(Number(member(second, 'id'))).toBeGreaterThan(Number(member(first, 'id')));
  });

  test('an e-mail address that somebody else gave is never told', async () => {
    const answers = [];
    for (const username of ['claims-one', 'claims-two'])
      answers.push(await register({ username, password: PASSWORD, email: 'one@example.com' }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers.map(({ body }): unknown => member(body, 'email'))).toEqual(['one@example.com', 'one@example.com']);
  });

  test.each([
    ['to the letter', 'Taken-Name', 'Taken-Name'],
    ['by case', 'case-name', 'CASE-Name'],
    ['by width', 'width', 'ｗｉｄｔｈ'],
    ['by composition', 'jos\u00e9', 'jose\u0301'],
    ['by ligature', 'office', 'oﬃce'],
  ])('a name that is taken %s is refused with 409', async (_how, first, second) => {
    expect((await register({ username: first, password: PASSWORD })).status).toBe(201);
    expectProblem(await register({ username: second, password: PASSWORD }), 409, 'username_taken', {
      detail: 'Username already registered',
    });
  });

  test.each([
    ['three characters', 'abc'],
    ['64 code points that are 128 UTF-16 units', ASTRAL.repeat(64)],
    ['one character that is three after NFKC', 'ﬃ'],
    ['every mark that is allowed', 'a.b_c-d@e+f'],
    ['Greek', 'Ελένη'],
    ['Arabic with marks', 'مُحَمَّد'],
    ['Devanagari', 'देवनागरी'],
    ['digits alone', '12345'],
    ['a name of the language', 'constructor'],
    ['a name of the prototype', '__proto__'],
  ])('a username may be %s, and is kept as typed', async (_what, username) => {
    const response = await register({ username, password: PASSWORD });
    expect(response.status).toBe(201);
    expect(response.body).toMatchObject({ username });
    expect((await logIn(username, PASSWORD)).body).toMatchObject({ user: { username } });
  });

  test.each([
    ['two characters', 'ab', 'too_short'],
    ['nothing', '', 'too_short'],
    ['two code points that are four UTF-16 units', ASTRAL.repeat(2), 'too_short'],
    ['three characters that are two after NFKC', 'ae\u0301', 'too_short'],
    ['65 characters', 'a'.repeat(65), 'too_long'],
    ['22 characters that are 66 after NFKC', 'ﬃ'.repeat(22), 'too_long'],
    ['a space inside', 'ada lovelace', 'format'],
    ['a space before it, which is not trimmed', ' ada', 'format'],
    ['a line break after it', 'ada\n', 'format'],
    ['a slash', 'ada/lovelace', 'format'],
    ['a colon', 'ada:lovelace', 'format'],
    ['an emoji', 'ada🙂', 'format'],
    ['markup', '<b>ada</b>', 'format'],
    ['a number', 12345, 'type'],
    ['null', null, 'required'],
    ['an array', ['ada'], 'type'],
    ['an object', { $ne: '' }, 'type'],
  ])('a username of %s is refused', async (_what, username, code) => {
    expectProblem(await register({ username, password: PASSWORD }), 422, 'validation_failed', { errors: [['username', code]] });
  });

  test.each([
    ['seven characters', 'sevench', 'password_too_short'],
    ['seven emoji, which are 28 bytes', '🙂'.repeat(7), 'password_too_short'],
    ['nothing', '', 'password_too_short'],
    ['257 characters', 'ab'.repeat(128) + 'c', 'password_too_long'],
    ['a common password', '12345678', 'password_too_common'],
    ['a common password in capitals', 'PASSWORD', 'password_too_common'],
    ['the username', 'the-user-itself', 'password_contains_username'],
    ['the username in capitals', 'THE-USER-ITSELF', 'password_contains_username'],
  ])('a password of %s is refused with the code of that rule', async (_what, password, code) => {
    const response = await register({ username: 'the-user-itself', password });
    expectProblem(response, 422, code, { errors: [['password', code]] });
  });

  test.each([
    ['a NUL', 'a\0password with NUL', 'format'],
    ['a number', 12345678, 'type'],
    ['null', null, 'type'],
    ['an array', ['a good password'], 'type'],
  ])('a password that is %s is refused', async (_what, password, code) => {
    expectProblem(await register({ username: 'somebody', password }), 422, 'validation_failed', { errors: [['password', code]] });
  });

  test.each([
    ['no address', 'ada', 'format'],
    ['an address without a domain', 'ada@', 'format'],
    ['an address with a line break', 'ada@example.com\nBcc: all@example.com', 'format'],
    ['a number', 5, 'type'],
  ])('an e-mail address that is %s is refused', async (_what, email, code) => {
    const response = await register({ username: 'somebody', password: PASSWORD, email });
    expectProblem(response, 422, 'validation_failed', { errors: [['email', code]] });
  });

  test('an e-mail address longer than one can be is too long', async () => {
    const email = `${'a'.repeat(60)}@${['b', 'c', 'd', 'e'].map((label) => label.repeat(60)).join('.')}.com`;
    const response = await register({ username: 'somebody', password: PASSWORD, email });
    expect(response.status).toBe(422);
    expect(faultsOf(response)).toContain('email: too_long');
  });

  test('everything that is wrong is told at once, and the code is the general one', async () => {
    const response = await register({ username: 'a', password: 'short', role: 'admin' });
    expectProblem(response, 422, 'validation_failed', {
      errors: [
        ['username', 'too_short'],
        ['password', 'password_too_short'],
        ['role', 'unknown'],
      ],
    });
  });

  test('a password that breaks two rules has both told, and the code is the general one', async () => {
    const response = await register({ username: 'password123', password: 'password123' });
    expectProblem(response, 422, 'validation_failed', {
      errors: [
        ['password', 'password_too_common'],
        ['password', 'password_contains_username'],
      ],
    });
  });

  test('half a surrogate pair is no character of an e-mail address', async () => {
    const response = await register({ username: 'surrogate', password: PASSWORD, email: '\ud800@example.com' });
    expectProblem(response, 422, 'validation_failed', { errors: [['email', 'format']] });
  });

  test('members that are missing are told as required', async () => {
    const errors: [string, string][] = [
      ['username', 'required'],
      ['password', 'required'],
    ];
    expectProblem(await register({}), 422, 'validation_failed', { errors });
  });

  test.each([
    'role',
    'roles',
    'id',
    'created_at',
    'email_verified',
    'email_verified_at',
    'disabled_at',
    'hashed_password',
    'Username',
    'constructor',
  ])('a member "%s" is unknown, and the user is not made', async (name) => {
    const body = { username: `with-${name.toLowerCase()}`, password: PASSWORD };
    expectProblem(await register({ ...body, [name]: 1 }), 422, 'validation_failed', { errors: [[name, 'unknown']] });
    expect((await logIn(body.username, PASSWORD)).status).toBe(401);
  });

  test.each([
    ['spaces around it', '  spaces around it  '],
    ['nothing but spaces', ' '.repeat(12)],
    ['emoji', '🙂🙃😉😊😇🥰😍🤩'],
    ['composed letters', 'na\u00efvet\u00e9 caf\u00e9'],
    ['decomposed letters', 'nai\u0308vete\u0301 cafe\u0301'],
    ['tabs and line breaks', 'line one\r\n\tline two'],
    ['quotes and backslashes', `"'\\ $2b$ %41 + &=;`],
    ['72 bytes', 'x1'.repeat(36)],
    ['73 bytes', 'x1'.repeat(36) + 'y'],
    ['256 code points in 1,024 bytes', '🙂'.repeat(255) + '😉'],
  ])('a password with %s logs in exactly as sent, and in no other way', async (what, password) => {
    const username = `exact-${what.replaceAll(/[^a-z0-9]/g, '')}`;
    expect((await register({ username, password })).status).toBe(201);
    expect((await logIn(username, password)).status).toBe(200);
    const points = Array.from(password);
    const near = [
      points.slice(0, -1).join(''),
      `${points.slice(0, -1).join('')}Z`,
      `${password} `,
      password.trim(),
      password.normalize('NFC'),
      password.normalize('NFD'),
      password.toUpperCase(),
    ].filter((one) => one !== password);
    for (const one of near) expect((await logIn(username, one)).status).toBe(401);
  });

  test('a form is not taken', async () => {
    const response = await auth.http().post('/register').type('form').send({ username: 'by-form', password: PASSWORD });
    expectProblem(response, 415, 'unsupported_media_type');
  });
});
