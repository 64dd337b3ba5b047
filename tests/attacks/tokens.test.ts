import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Response } from 'supertest';
import { AppError } from '../../src/errors/app-error.js';
import { expectInvalidToken } from '../support/answers.js';
import { listen, stop } from '../support/raw-http.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { encode, signed, type Specimen, specimenOf, withClaims, withHeader, without } from '../support/tokens.js';

type Forge = (specimen: Specimen) => string;
type Scenarios = [string, Forge][];

const NONE = ['none', 'None', 'NONE', 'nOnE', 'none ', '', 'null'];
const RSA_PUBLIC_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const now = (specimen: Specimen): number => Number(specimen.claims['iat']);

const ALGORITHM: Scenarios = [
  ...NONE.flatMap((alg): Scenarios => [
    [`alg "${alg}" without a signature`, ({ header, claims }) => `${encode({ ...header, alg })}.${encode(claims)}.`],
    [`alg "${alg}" with a good signature`, (specimen) => withHeader(specimen, { alg })],
  ]),
  ['no alg', ({ header, claims, secret }) => signed(without(header, 'alg'), claims, secret)],
  ['alg null', (specimen) => withHeader(specimen, { alg: null })],
  ['alg in an array', (specimen) => withHeader(specimen, { alg: ['HS256'] })],
  ['alg in lower case', (specimen) => withHeader(specimen, { alg: 'hs256' })],
  ['HS384 under the same key', ({ header, claims, secret }) => signed({ ...header, alg: 'HS384' }, claims, secret, 'sha384')],
  ['HS512 under the same key', ({ header, claims, secret }) => signed({ ...header, alg: 'HS512' }, claims, secret, 'sha512')],
  ['an HS512 signature under our own header', ({ header, claims, secret }) => signed(header, claims, secret, 'sha512')],
  ['RS256 in the header of an HMAC', (specimen) => withHeader(specimen, { alg: 'RS256' })],
  ['HS256 under an RSA public key', ({ header, claims }) => signed(header, claims, RSA_PUBLIC_KEY)],
  ['HS256 under another key', ({ header, claims }) => signed(header, claims, randomBytes(48).toString('base64url'))],
  ['HS256 under an empty key', ({ header, claims }) => signed(header, claims, '')],
  [
    'HS256 under the key that is decoded',
    ({ header, claims, secret }) => signed(header, claims, Buffer.from(secret, 'base64url').toString('latin1')),
  ],
];

const HEADER: Scenarios = [
  ['no kid', ({ header, claims, secret }) => signed(without(header, 'kid'), claims, secret)],
  ['an unknown kid', (specimen) => withHeader(specimen, { kid: 'unknown' })],
  ['a kid that is a path', (specimen) => withHeader(specimen, { kid: '../../../../dev/null' })],
  ['a kid that is a path, signed with what lies there', ({ header, claims }) => signed({ ...header, kid: '/dev/null' }, claims, '')],
  ['a kid that is SQL', (specimen) => withHeader(specimen, { kid: "x' UNION SELECT 'key' --" })],
  ['a kid of a prototype', ({ header, claims }) => signed({ ...header, kid: '__proto__' }, claims, '')],
  ['a kid that is a number', (specimen) => withHeader(specimen, { kid: 0 })],
  ['an unknown crit', (specimen) => withHeader(specimen, { crit: ['unknown'], unknown: true })],
  ['a crit of a known member', (specimen) => withHeader(specimen, { crit: ['exp'], exp: 1 })],
  ['an empty crit', (specimen) => withHeader(specimen, { crit: [] })],
  ['b64 false', (specimen) => withHeader(specimen, { b64: false, crit: ['b64'] })],
  ['a zip', (specimen) => withHeader(specimen, { zip: 'DEF' })],
  ['no typ', ({ header, claims, secret }) => signed(without(header, 'typ'), claims, secret)],
  ...['JWT', 'rt+jwt', 'refresh', 'reset', 'mfa', 'logout+jwt', '', null, 5].map((typ): [string, Forge] => [
    `typ ${JSON.stringify(typ)}`,
    (specimen) => withHeader(specimen, { typ }),
  ]),
  ['a header that is an array', ({ header, claims, secret }) => signed([header], claims, secret)],
  ['a header that is a string', ({ claims, secret }) => signed('"header"', claims, secret)],
  ['a header that is null', ({ claims, secret }) => signed('null', claims, secret)],
  ['a header that is no JSON', ({ claims, secret }) => signed('{', claims, secret)],
  ['a header that names alg twice', ({ claims, secret }) => signed('{"alg":"none","alg":"HS256","typ":"at+jwt"}', claims, secret)],
];

const SHAPE: Scenarios = [
  ['one part', ({ parts }) => parts[0]],
  ['a header and one character', ({ parts }) => `${parts[0]}x`],
  ['two parts', ({ parts }) => parts.slice(0, 2).join('.')],
  ['a signature stripped', ({ parts }) => `${parts[0]}.${parts[1]}.`],
  ['a payload stripped', ({ parts }) => `${parts[0]}..${parts[2]}`],
  ['a header stripped', ({ parts }) => `.${parts[1]}.${parts[2]}`],
  ['four parts', ({ token }) => `${token}.AAAA`],
  ['a dot behind', ({ token }) => `${token}.`],
  ['a dot before', ({ token }) => `.${token}`],
  ['five parts, as an encrypted token has', ({ parts }) => [parts[0], 'AAAA', 'AAAA', parts[1], parts[2]].join('.')],
  ['nothing but dots', () => '...'],
  ['itself twice', ({ token }) => token + token],
  ['capitals', ({ token }) => token.toUpperCase()],
  ['the signature cut by one', ({ token }) => token.slice(0, -1)],
  ['the last character spelled another way', ({ token }) => respelled(token)],
  ['padding behind', ({ token }) => `${token}=`],
  ['padding in every part', ({ parts }) => parts.map((part) => `${part}==`).join('.')],
  ['the other base64 alphabet', ({ parts }) => `${parts[0]}.${parts[1]}.${swapAlphabet(parts[2])}`],
  ['a payload from another token', ({ parts, claims }) => `${parts[0]}.${encode({ ...claims, sub: '1', scope: 'admin' })}.${parts[2]}`],
  ['a nested token', ({ header, token, secret }) => signed(header, JSON.stringify(token), secret)],
  ['JSON serialization', ({ parts }) => JSON.stringify({ protected: parts[0], payload: parts[1], signature: parts[2] })],
  ['9,000 characters', () => 'a'.repeat(9000)],
  ['a good signature and more than 8 kB', (specimen) => withClaims(specimen, { username: 'x'.repeat(8000) })],
];

/** The same bytes of a signature, in base64 whose unused bits are set. */
function respelled(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.slice(-1));
  return token.slice(0, -1) + (alphabet[last ^ 1] ?? '');
}
const swapAlphabet = (part: string): string => `${part.replaceAll('-', '+').replaceAll('_', '/')}+`;

/** Can't be sent in a header as they are. */
const UNSENDABLE: Scenarios = [
  ['a NUL behind', ({ token }) => `${token}\0`],
  ['a NUL before', ({ token }) => `\0${token}`],
  ['a NUL inside', ({ parts }) => parts.join('\0.')],
  ['a space behind', ({ token }) => `${token} `],
  ['a space before', ({ token }) => ` ${token}`],
  ['a space inside', ({ parts }) => parts.join('. ')],
  ['a newline behind', ({ token }) => `${token}\n`],
  ['a newline before', ({ token }) => `\r\n${token}`],
  ['a newline inside', ({ parts }) => parts.join('\n.')],
  ['a tab behind', ({ token }) => `${token}\t`],
  ['the scheme before', ({ token }) => `Bearer ${token}`],
  ['a slash behind', ({ token }) => `${token}/`],
  ['a slash before', ({ token }) => `../${token}`],
  ['an escape of an escape', ({ token }) => `${token}%2F`],
  ['a query in the token', ({ token }) => `${token}?x=1`],
  ['a zero-width space behind', ({ token }) => `${token}\u200b`],
  ['a byte order mark before', ({ token }) => `\ufeff${token}`],
  ['full-width letters', ({ token }) => `\uff25${token.slice(1)}`],
  ['quotes around', ({ token }) => `"${token}"`],
  ['no character', () => ' '],
];

const raw = (specimen: Specimen, name: string, json: string): string => {
  const payload = JSON.stringify({ ...specimen.claims, [name]: '@' }).replace('"@"', json);
  return signed(specimen.header, payload, specimen.secret);
};

const OTHER_TYPES: Record<string, readonly unknown[]> = {
  iss: [null, 5, '', 'http://localhost:8001', 'http://localhost:8000/', 'HTTP://LOCALHOST:8000', ['http://localhost:8000'], {}],
  aud: [null, 5, '', 'other', 'Lingomate', 'lingomate ', ['lingomate'], ['other', 'lingomate'], [], {}],
  sub: [null, 1, '', '0', '-1', '1.5', '1e0', ' 1', '01', '1 OR 1=1', '0x1', '１', ['1'], {}],
  username: [null, 5, ['ada'], {}, true],
  scope: [null, 5, ['admin'], {}],
  sid: [null, 5, '', 'x', ['0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'], '0D9F5C0E-6D0F-4D0E-9B0A-2F6F4F1C7A11', {}],
  refresh_counter: [null, '1', 0, -1, 1.5, [1], {}, true],
  jti: [null, 5, ['x'], {}],
  iat: [null, '1', 1.5, [], {}, true],
  exp: [null, '9999999999', 9999999999.5, [9999999999], {}, true, 0, -1],
  auth_time: [null, '1', 1.5, [], {}],
  amr: [null, 'pwd', 5, [5], [['pwd']], {}],
  acr: [null, '', 'AAL1', 'aal3', 2, ['aal1'], {}],
  client_id: [null, 5, ['lingomate'], {}],
  nbf: [null, '0', [], {}, 9999999999],
};

const CLAIMS: Scenarios = [
  ...Object.keys(OTHER_TYPES)
    .filter((name) => !['nbf', 'acr', 'client_id'].includes(name))
    .map((name): [string, Forge] => [`no ${name}`, ({ header, claims, secret }) => signed(header, without(claims, name), secret)]),
  ...Object.entries(OTHER_TYPES).flatMap(([name, values]) =>
    values.map((value): [string, Forge] => [`${name} ${JSON.stringify(value)}`, (specimen) => withClaims(specimen, { [name]: value })]),
  ),
  ['exp beyond every number', (specimen) => raw(specimen, 'exp', '1e999')],
  ['exp that is whole and too great to be exact', (specimen) => raw(specimen, 'exp', '1e300')],
  ['iat below every number', (specimen) => raw(specimen, 'iat', '-1e999')],
  ['exp now', (specimen) => withClaims(specimen, { exp: now(specimen) })],
  ['exp a second ago', (specimen) => withClaims(specimen, { exp: now(specimen) - 1 })],
  ['exp in milliseconds and past', (specimen) => withClaims(specimen, { exp: -now(specimen) * 1000 })],
  ['nbf in a second', (specimen) => withClaims(specimen, { nbf: now(specimen) + 1 })],
  ['iat in an hour', (specimen) => withClaims(specimen, { iat: now(specimen) + 3600, exp: now(specimen) + 7200 })],
  ['iat in milliseconds', (specimen) => withClaims(specimen, { iat: now(specimen) * 1000 })],
];

const payloads: [string, unknown][] = [
  ['an array', []],
  ['an array of claims', [{ sub: '1' }]],
  ['a string', '"text"'],
  ['a number', '5'],
  ['null', 'null'],
  ['true', 'true'],
  ['an empty object', {}],
  ['nothing', ''],
  ['no JSON', '{"sub":'],
  ['no text', '\u0000\u0001'],
  ['another prototype', '{"__proto__":{"sub":"1","exp":9999999999}}'],
];
const PAYLOAD: Scenarios = payloads.map(([what, payload]) => [
  `a payload that is ${what}`,
  ({ header, secret }) => signed(header, payload, secret),
]);

describe('tokens that are not ours, not whole or not in their time', () => {
  const secret = randomBytes(64).toString('base64url');
  let auth: TestApp;
  let specimen: Specimen;
  beforeAll(async () => {
    auth = await createTestApp({ SECRET_KEY: secret });
    specimen = specimenOf(await auth.token(await auth.createUser()), secret);
  });
  afterAll(() => auth.close());

  const byPath = (token: string) => auth.http().get(`/verify-token/${encodeURIComponent(token)}`);
  const byHeader = (path: string, token: string) => auth.http().get(path).set('Authorization', `Bearer ${token}`);
  const everywhere = async (token: string): Promise<Response[]> => [
    await byPath(token),
    await byHeader('/verify-token', token),
    await byHeader('/users/me', token),
  ];

  test('the specimen itself is good, also forged anew, so that one thing alone is wrong with the others', async () => {
    for (const token of [
      specimen.token,
      withClaims(specimen, {}),
      withHeader(specimen, {}),
      withClaims(specimen, { nbf: now(specimen) }),
    ]) {
      expect((await everywhere(token)).map(({ status }) => status)).toEqual([200, 200, 200]);
    }
  });

  test('another instance may be a few seconds ahead of this one', async () => {
    expect((await byPath(withClaims(specimen, { iat: now(specimen) + 2 }))).status).toBe(200);
  });

  test.each([...ALGORITHM, ...HEADER, ...SHAPE, ...CLAIMS, ...PAYLOAD])(
    'a token with %s is refused, like any other',
    async (_what, forge) => {
      for (const response of await everywhere(forge(specimen))) expectInvalidToken(response);
    },
  );

  test.each(UNSENDABLE)('a token with %s is refused in the path', async (_what, forge) => {
    expectInvalidToken(await byPath(forge(specimen)));
  });

  test('a bit flipped at any byte of a token is told', async () => {
    for (let at = 0; at < specimen.token.length; at += 1) expectInvalidToken(await byPath(flipped(specimen.token, at, 0)));
  });

  /** What the service says of a token without HTTP, which is quick enough for thousands. */
  const codeOf = (token: string): Promise<string> =>
    auth.services.sessions.authenticate(token).then(
      () => 'good',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );

  test('none of the eight bits of any byte can be flipped', async () => {
    expect(await codeOf(specimen.token)).toBe('good');
    for (let at = 0; at < specimen.token.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) expect(await codeOf(flipped(specimen.token, at, bit))).toBe('invalid_token');
    }
  });

  test('no bit of what the parts decode to can be flipped', async () => {
    for (const [index, part] of specimen.parts.entries()) {
      const bytes = Buffer.from(part, 'base64url');
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        const token = specimen.parts.map((one, position) => (position === index ? changed.toString('base64url') : one)).join('.');
        expect(await codeOf(token)).toBe('invalid_token');
      }
    }
  });

  test.each(['2147483648', '9007199254740993', '9999999999999999', '999999999999999'])(
    'a good token for user %s, whom no database can have, is refused where the user is read',
    async (sub) => {
      expectInvalidToken(await byHeader('/users/me', withClaims(specimen, { sub })));
    },
  );

  test('a token for a user who never was is refused where the user is read', async () => {
    expectInvalidToken(await byHeader('/users/me', withClaims(specimen, { sub: '123456' })));
  });
});

/** The text with one bit of one of its characters changed. */
const flipped = (token: string, at: number, bit: number): string =>
  token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << bit)) + token.slice(at + 1);

describe('a token that names a place to fetch a key from', () => {
  const secret = randomBytes(64).toString('base64url');
  let auth: TestApp;
  let trap: Server;
  let port: number;
  let visits = 0;
  beforeAll(async () => {
    auth = await createTestApp({ SECRET_KEY: secret });
    trap = createServer((_req, res) => {
      visits += 1;
      res.end('{"keys":[]}');
    });
    port = await listen(trap);
  });
  afterAll(async () => {
    await stop(trap);
    await auth.close();
  });

  const places: [string, (url: string) => Record<string, unknown>][] = [
    ['jku', (url) => ({ jku: url })],
    ['x5u', (url) => ({ x5u: url })],
    ['a kid that is an address', (url) => ({ kid: url })],
    ['jwk', () => ({ jwk: { kty: 'oct', k: encode('the key of an attacker') } })],
    ['x5c', () => ({ x5c: [encode('a certificate')] })],
  ];
  test.each(places)('by %s is refused, and nothing goes out', async (_where, members) => {
    const specimen = specimenOf(await auth.token(await auth.createUser()), secret);
    const changed = members(`http://127.0.0.1:${port}/keys.json`);
    for (const key of [secret, 'the key of an attacker']) {
      const token = signed({ ...specimen.header, ...changed }, specimen.claims, key);
      expectInvalidToken(await auth.http().get(`/verify-token/${token}`));
      expectInvalidToken(await auth.http().get('/users/me').set('Authorization', `Bearer ${token}`));
    }
    expect(visits).toBe(0);
  });
});
