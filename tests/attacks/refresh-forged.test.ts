import { createHmac, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AppError } from '../../src/errors/app-error.js';
import { deriveKey } from '../../src/lib/derived-key.js';
import { expectInvalidToken, expectProblem } from '../support/answers.js';
import { CLIENT } from '../support/client.js';
import { callsOf, expectRefused, NOWHERE, type SessionCalls, type Tokens } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** What an attacker holds: a refresh token in its parts, another session's, and whatever else a client is given. */
interface Specimen {
  readonly token: string;
  readonly id: string;
  readonly counter: number;
  readonly mac: string;
  readonly other: { readonly id: string; readonly counter: number; readonly mac: string };
  readonly accessToken: string;
  readonly serviceKey: string;
}
type Scenarios = [string, (specimen: Specimen) => string][];

const SECRET_KEY = randomBytes(64).toString('base64url');
const ROOT_KEY = randomBytes(64).toString('base64url');
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const hmac = (key: string | Buffer, text: string): string => createHmac('sha256', key).update(text).digest('base64url');
const withCounter =
  (counter: string | number): ((specimen: Specimen) => string) =>
  ({ id, mac }) =>
    `${id}.${counter}.${mac}`;
const lastChanged = (text: string): string => text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
/** The same bytes in base64url whose unused bits are set. */
const respelled = (mac: string, bits: number): string => mac.slice(0, -1) + (ALPHABET[ALPHABET.indexOf(mac.slice(-1)) ^ bits] ?? '');

const SESSION: Scenarios = [
  ['another character in its session', ({ id, counter, mac }) => `${lastChanged(id)}.${counter}.${mac}`],
  ['another session and its own HMAC', ({ other, counter, mac }) => `${other.id}.${counter}.${mac}`],
  ['its own session and another’s HMAC', ({ id, counter, other }) => `${id}.${counter}.${other.mac}`],
  ['its session in capitals', ({ id, counter, mac }) => `${id.toUpperCase()}.${counter}.${mac}`],
  ['its session without dashes', ({ id, counter, mac }) => `${id.replaceAll('-', '')}.${counter}.${mac}`],
  ['its session in braces', ({ id, counter, mac }) => `{${id}}.${counter}.${mac}`],
  ['the nil session', ({ counter, mac }) => `00000000-0000-0000-0000-000000000000.${counter}.${mac}`],
  ['no session', ({ counter, mac }) => `.${counter}.${mac}`],
  ['SQL for a session', ({ counter, mac }) => `' OR '1'='1.${counter}.${mac}`],
  ['a wildcard for a session', ({ counter, mac }) => `%.${counter}.${mac}`],
];
const COUNTER: Scenarios = [
  ['the next counter', ({ id, counter, mac }) => `${id}.${counter + 1}.${mac}`],
  ['the counter before', ({ id, counter, mac }) => `${id}.${counter - 1}.${mac}`],
  ['the counter of the log-in', withCounter(1)],
  ['the greatest counter', withCounter(999_999_999)],
  ...[
    '0',
    '-1',
    '03',
    '003',
    '+3',
    ' 3',
    '3 ',
    '3.0',
    '3e0',
    '0x3',
    '３',
    '1000000000',
    '9007199254740993',
    '1'.repeat(400),
    '',
    'NaN',
  ].map((counter): [string, (specimen: Specimen) => string] => [`the counter "${counter.slice(0, 20)}"`, withCounter(counter)]),
];
const MAC: Scenarios = [
  ['an HMAC cut by one', ({ token }) => token.slice(0, -1)],
  ['an HMAC cut to nothing', ({ id, counter }) => `${id}.${counter}.`],
  ['an HMAC and a character more', ({ token }) => `${token}A`],
  ['padding', ({ token }) => `${token}=`],
  ['an HMAC of one letter', ({ id, counter }) => `${id}.${counter}.${'A'.repeat(43)}`],
  ['an HMAC in hexadecimal', ({ id, counter, mac }) => `${id}.${counter}.${Buffer.from(mac, 'base64url').toString('hex')}`],
  ['an HMAC in plain base64', ({ id, counter, mac }) => `${id}.${counter}.${mac.replaceAll('-', '+').replaceAll('_', '/')}+`],
  ['an HMAC in lower case', ({ id, counter, mac }) => `${id}.${counter}.${mac.toLowerCase()}`],
  ...[1, 2, 3].map((bits): [string, (specimen: Specimen) => string] => [
    `an HMAC whose last character is spelled another way (${bits})`,
    ({ id, counter, mac }) => `${id}.${counter}.${respelled(mac, bits)}`,
  ]),
  ['an HMAC under an empty key', ({ id, counter }) => `${id}.${counter}.${hmac('', `${id}.${counter}`)}`],
  ['an HMAC under SECRET_KEY', ({ id, counter }) => `${id}.${counter}.${hmac(SECRET_KEY, `${id}.${counter}`)}`],
  ['an HMAC under ROOT_KEY itself', ({ id, counter }) => `${id}.${counter}.${hmac(ROOT_KEY, `${id}.${counter}`)}`],
  [
    'an HMAC under a key of another purpose',
    ({ id, counter }) => `${id}.${counter}.${hmac(deriveKey(ROOT_KEY, 'service keys'), `${id}.${counter}`)}`,
  ],
  [
    'an HMAC under a key that is made of SECRET_KEY',
    ({ id, counter }) => `${id}.${counter}.${hmac(deriveKey(SECRET_KEY, 'refresh token'), `${id}.${counter}`)}`,
  ],
];
const SHAPE: Scenarios = [
  ['capitals', ({ token }) => token.toUpperCase()],
  ...[' ', '\t', '\0', '\n', '\r\n', '\u200b', '\ufeff', '"', '.', '/'].flatMap((character): Scenarios => [
    [`${JSON.stringify(character)} before`, ({ token }) => character + token],
    [`${JSON.stringify(character)} behind`, ({ token }) => token + character],
  ]),
  ...['\0', '\n', ' ', '.'].map((character): [string, (specimen: Specimen) => string] => [
    `${JSON.stringify(character)} inside`,
    ({ token }) => token.replace('.', `.${character}`),
  ]),
  ['percent-escapes', ({ token }) => token.replaceAll('.', '%2E')],
  ['percent-escapes of escapes', ({ token }) => token.replaceAll('.', '%252E')],
  ['a plus sign for nothing', ({ token }) => `${token}+`],
  ['the scheme before', ({ token }) => `Bearer ${token}`],
  ['itself twice', ({ token }) => token + token],
  ['itself and another, by a comma', ({ token }) => `${token},${token}`],
  ['two parts', ({ id, counter }) => `${id}.${counter}`],
  ['one part', ({ id }) => id],
  ['a part more', ({ token }) => `${token}.AAAA`],
  ['its parts turned round', ({ id, counter, mac }) => `${mac}.${counter}.${id}`],
  ['full-width digits', ({ token }) => token.replaceAll('-', '\uff0d')],
  ['90,000 characters', ({ token }) => token.padEnd(90_000, 'A')],
  ['90,000 dots', () => '.'.repeat(90_000)],
  ['nothing but a space', () => ' '],
  ['the word null', () => 'null'],
  ['an access token', ({ accessToken }) => accessToken],
  ['a service key', ({ serviceKey }) => serviceKey],
  ['JSON', ({ token }) => JSON.stringify({ refresh_token: token })],
];

describe('forged refresh tokens', () => {
  let auth: TestApp;
  let calls: SessionCalls;
  let own: Tokens;
  let specimen: Specimen;
  beforeAll(async () => {
    auth = await createTestApp({ SECRET_KEY, ROOT_KEY });
    calls = await callsOf(auth);
    const user = await auth.createUser();
    own = await calls.refreshed((await calls.refreshed((await auth.session(user)).refreshToken)).refreshToken);
    const other = partsOf((await auth.session(user)).refreshToken);
    specimen = { token: own.refreshToken, ...partsOf(own.refreshToken), other, ...own, serviceKey: calls.serviceKey };
    await calls.isTaken('/users/me', own.accessToken);
    // From here on an older one would be reuse.
    auth.clock.advance(60);
  });
  afterAll(() => auth.close());

  const partsOf = (token: string): Specimen['other'] => {
    const [id = '', counter = '', mac = ''] = token.split('.');
    return { id, counter: Number(counter), mac };
  };
  const inForm = (refresh_token: string) =>
    auth
      .http()
      .post('/token')
      .type('form')
      .send(new URLSearchParams({ grant_type: 'refresh_token', refresh_token }).toString());
  const expectNothingEnded = async (): Promise<void> => {
    expect(await auth.services.sessions.inspect(own.accessToken)).toMatchObject({ kind: 'access' });
    expect(await auth.services.sessions.inspect(own.refreshToken)).toMatchObject({ kind: 'refresh' });
  };

  test('the specimen is its session, its counter and their HMAC, so that one thing alone is wrong with the others', async () => {
    const { id, counter, token } = specimen;
    expect(counter).toBe(3);
    expect(token).toBe(`${id}.3.${hmac(deriveKey(ROOT_KEY, 'refresh token'), `${id}.3`)}`);
    await expectNothingEnded();
  });

  test.each([...SESSION, ...COUNTER, ...MAC, ...SHAPE])('a refresh token with %s is no grant, and ends nothing', async (_what, forge) => {
    const token = forge(specimen);
    expectRefused(await calls.refresh(token), 'invalid_grant');
    expectRefused(await inForm(token), 'invalid_grant');
    expect((await calls.introspect(token)).body).toEqual(
      token === own.accessToken ? expect.objectContaining({ active: true }) : { active: false },
    );
    await expectNothingEnded();
  });

  test('a lone surrogate before it makes it no grant', async () => {
    const body = `{"grant_type":"refresh_token","refresh_token":"\\ud800${own.refreshToken}"}`;
    expectRefused(await auth.http().post('/token').type('json').send(body), 'invalid_grant');
  });

  test('a token that would follow from the key and was never given is no grant, and ends nothing', async () => {
    const text = `${specimen.id}.4`;
    expectRefused(await calls.refresh(`${text}.${hmac(deriveKey(ROOT_KEY, 'refresh token'), text)}`), 'invalid_grant');
    await expectNothingEnded();
  });

  test('a bit flipped in any character makes it no grant, and ends nothing', async () => {
    for (let at = 0; at < own.refreshToken.length; at += 1)
      expectRefused(await calls.refresh(flipped(own.refreshToken, at, 0)), 'invalid_grant');
    await expectNothingEnded();
  });

  test('none of the seven bits of any character can be flipped', async () => {
    for (let at = 0; at < own.refreshToken.length; at += 1) {
      for (let bit = 0; bit < 7; bit += 1) {
        const refused = await auth.services.sessions.refresh(flipped(own.refreshToken, at, bit), CLIENT).catch((error: unknown) => error);
        expect(refused instanceof AppError && refused.code).toBe('invalid_grant');
      }
    }
    await expectNothingEnded();
  });

  const flipped = (token: string, at: number, bit: number): string =>
    token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << bit)) + token.slice(at + 1);

  test('a refresh token is an access token nowhere, and neither is a service key', async () => {
    for (const token of [own.refreshToken, specimen.serviceKey]) {
      for (const path of ['/users/me', '/users/me/sessions', '/verify-token'])
        expectInvalidToken(await auth.http().get(path).set('Authorization', `Bearer ${token}`));
      expectInvalidToken(await auth.http().get(`/verify-token/${token}`));
    }
    expect(await calls.isTaken('/introspect', specimen.serviceKey)).toBe(false);
    expect(await calls.whereTaken(specimen.serviceKey)).toEqual(NOWHERE);
    expectInvalidToken(await auth.http().get('/revocations').set('Authorization', `Bearer ${own.refreshToken}`));
    await expectNothingEnded();
  });

  const TYPES: [string, unknown][] = [
    ['a number', 5],
    ['true', true],
    ['an array', ['x']],
    ['an object', { token: 'x' }],
  ];
  const postJson = (body: object) => auth.http().post('/token').send(body);
  const postForm = (body: string) => auth.http().post('/token').type('form').send(body);

  test.each(TYPES)('a refresh token that is %s breaks a rule', async (_what, refresh_token) => {
    const response = await postJson({ grant_type: 'refresh_token', refresh_token });
    expectProblem(response, 422, 'validation_failed', { oauth: 'invalid_request', errors: [['refresh_token', 'type']] });
  });

  test('a request without one, or with null, is 401, in JSON and in a form; one sent twice can not be read', async () => {
    for (const response of [
      await postJson({ grant_type: 'refresh_token', refresh_token: null }),
      await postJson({ grant_type: 'refresh_token' }),
      await postForm('grant_type=refresh_token'),
      await postForm('grant_type=refresh_token&refreshToken=x&token=x'),
    ])
      expectProblem(response, 401, 'authentication_required', { oauth: 'authentication_required' });
    const twice = await postForm(`grant_type=refresh_token&refresh_token=${own.refreshToken}&refresh_token=x`);
    expectProblem(twice, 400, 'malformed_request', { oauth: 'invalid_request' });
  });

  test('an empty refresh token counts as none (RFC 6749 §3.2)', async () => {
    for (const response of [
      await postJson({ grant_type: 'refresh_token', refresh_token: '' }),
      await postForm('grant_type=refresh_token&refresh_token='),
    ])
      expectProblem(response, 401, 'authentication_required', { oauth: 'authentication_required' });
  });

  test('one in the query counts as none', async () => {
    const response = await auth.http().post(`/token?refresh_token=${own.refreshToken}`).send({ grant_type: 'refresh_token' });
    expectProblem(response, 401, 'authentication_required', { oauth: 'authentication_required' });
  });
});
