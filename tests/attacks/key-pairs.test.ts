import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { callsOf, EVERYWHERE, NOWHERE, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { encode, signed, type Specimen, specimenOf, without } from '../support/tokens.js';

const LIFE_SECONDS = 1800;
/** So long a new key is known before it signs, and an old one verifies beyond the life of its last token. */
const MARGIN_SECONDS = 60;
const MOMENT = 0.001;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

type Family = 'RS' | 'PS' | 'ES';

/** A signature as JOSE has it. */
function signatureOf(input: string, key: KeyObject, family: Family, bits: 256 | 384 | 512 = 256): string {
  const hash = `sha${bits}`;
  const data = Buffer.from(input);
  if (family === 'ES') return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  if (family === 'RS') return sign(hash, data, key).toString('base64url');
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return sign(hash, data, { key, ...padding }).toString('base64url');
}

function signedWith(header: unknown, claims: unknown, key: KeyObject, family: Family, bits?: 256 | 384 | 512): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signatureOf(input, key, family, bits)}`;
}

/** What an attacker has: a good token and the public key; the private one only so that a single thing is wrong. */
interface Target extends Specimen {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** The key as `/.well-known/jwks.json` tells it. */
  readonly jwk: Readonly<Record<string, unknown>>;
}
type Scenarios = [string, (target: Target) => string][];

/** The public key in every way in which it could be taken for the bytes of a shared secret. */
const SPELLINGS: [string, (target: Target) => string][] = [
  ['PEM', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }).toString()],
  ['PEM without its last line break', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }).toString().trim()],
  ['DER', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' }).toString('latin1')],
  ['JWK', ({ publicKey }) => JSON.stringify(publicKey.export({ format: 'jwk' }))],
  ['JWK as it is published', ({ jwk }) => JSON.stringify(jwk)],
  ['key set', ({ jwk }) => JSON.stringify({ keys: [jwk] })],
  ['number alone', ({ jwk }) => String(jwk['n'] ?? jwk['x'])],
  ['name', ({ jwk }) => String(jwk['kid'])],
];
const CONFUSED: Scenarios = SPELLINGS.flatMap(([spelling, secretOf]): Scenarios => [
  [`HS256 under the public key’s ${spelling}`, (one) => signed({ ...one.header, alg: 'HS256' }, one.claims, secretOf(one))],
  [`HS512 under the public key’s ${spelling}`, (one) => signed({ ...one.header, alg: 'HS512' }, one.claims, secretOf(one), 'sha512')],
  [`our own header over an HMAC under the public key’s ${spelling}`, (one) => signed(one.header, one.claims, secretOf(one))],
]);

const withSignature = ({ parts }: Target, signature: string): string => `${parts[0]}.${parts[1]}.${signature}`;
const bytesOf = ({ parts }: Target): Buffer => Buffer.from(parts[2], 'base64url');
const SIGNATURE: Scenarios = [
  ['no signature', (one) => withSignature(one, '')],
  ['no signature and alg none', ({ header, claims }) => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
  ['a signature of one byte', (one) => withSignature(one, 'AA')],
  ['a signature cut by a byte', (one) => withSignature(one, bytesOf(one).subarray(1).toString('base64url'))],
  ['a signature cut by a character', ({ token }) => token.slice(0, -1)],
  ['a signature and a byte more', (one) => withSignature(one, Buffer.concat([bytesOf(one), Buffer.alloc(1)]).toString('base64url'))],
  ['a signature and a character more', ({ token }) => `${token}A`],
  ['a signature of zeros', (one) => withSignature(one, Buffer.alloc(bytesOf(one).length).toString('base64url'))],
  ['a signature of ones', (one) => withSignature(one, Buffer.alloc(bytesOf(one).length, 255).toString('base64url'))],
  [
    'a signature half of zeros',
    (one) => withSignature(one, Buffer.concat([Buffer.alloc(32), bytesOf(one).subarray(32)]).toString('base64url')),
  ],
  ['a signature turned round', (one) => withSignature(one, bytesOf(one).reverse().toString('base64url'))],
  ['a signature in hexadecimal', (one) => withSignature(one, bytesOf(one).toString('hex'))],
  ['a signature and padding', ({ token }) => `${token}==`],
  ['the signature of another token', (one) => `${one.parts[0]}.${encode({ ...one.claims, scope: 'admin' })}.${one.parts[2]}`],
  ['no kid', (one) => signedAgain(one, without(one.header, 'kid'))],
  ['an unknown kid', (one) => signedAgain(one, { ...one.header, kid: 'unknown' })],
  ['another typ', (one) => signedAgain(one, { ...one.header, typ: 'JWT' })],
  ['a jwk of its own', (one) => signedAgain(one, { ...one.header, jwk: one.jwk })],
];
const signedAgain = (one: Target, header: unknown): string => {
  const family = String(one.header['alg']).startsWith('ES') ? 'ES' : 'RS';
  return signedWith(header, one.claims, one.privateKey, family);
};

const RSA: Scenarios = [
  ...([384, 512] as const).map((bits): [string, (target: Target) => string] => [
    `RS${bits} under the same key`,
    (one) => signedWith({ ...one.header, alg: `RS${bits}` }, one.claims, one.privateKey, 'RS', bits),
  ]),
  ...([256, 384, 512] as const).map((bits): [string, (target: Target) => string] => [
    `PS${bits} under the same key`,
    (one) => signedWith({ ...one.header, alg: `PS${bits}` }, one.claims, one.privateKey, 'PS', bits),
  ]),
  ['a PS256 signature under our own header', (one) => signedWith(one.header, one.claims, one.privateKey, 'PS')],
  ['an RS512 signature under our own header', (one) => signedWith(one.header, one.claims, one.privateKey, 'RS', 512)],
  [
    'RS256 under another key',
    ({ header, claims }) => signedWith(header, claims, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, 'RS'),
  ],
  [
    'ES256 under a key of an attacker',
    (one) => signedWith({ ...one.header, alg: 'ES256' }, one.claims, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ES'),
  ],
];
const EC: Scenarios = [
  [
    'ES256 under another key',
    ({ header, claims }) => signedWith(header, claims, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ES'),
  ],
  [
    'ES384 under a key of an attacker',
    ({ header, claims }) =>
      signedWith({ ...header, alg: 'ES384' }, claims, generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'ES', 384),
  ],
  ['a hash of 384 bits under our own header', (one) => signedWith(one.header, one.claims, one.privateKey, 'ES', 384)],
  [
    'a signature in DER',
    (one) => withSignature(one, sign('sha256', Buffer.from(`${one.parts[0]}.${one.parts[1]}`), one.privateKey).toString('base64url')),
  ],
  ...Array.from({ length: 15 }, (_, index): [string, (target: Target) => string] => [
    `the last character of its signature spelled another way (${index + 1})`,
    ({ token }) => token.slice(0, -1) + (ALPHABET[ALPHABET.indexOf(token.slice(-1)) ^ (index + 1)] ?? ''),
  ]),
];

async function targetOf(auth: TestApp): Promise<Target> {
  const token = await auth.token(await auth.createUser());
  const { key } = auth.services.keys.signing();
  const body: unknown = (await auth.http().get('/.well-known/jwks.json')).body;
  const jwk = keysIn(body)[0];
  if (jwk === undefined) throw new TypeError('no key is published');
  return { ...specimenOf(token, ''), privateKey: key, publicKey: createPublicKey(key), jwk };
}
function keysIn(body: unknown): Readonly<Record<string, unknown>>[] {
  const keys = typeof body === 'object' && body !== null && 'keys' in body && Array.isArray(body.keys) ? body.keys : [];
  return keys.map((key: unknown) => (typeof key === 'object' && key !== null ? Object.fromEntries(Object.entries(key)) : {}));
}

const ALGORITHMS: ['RS256' | 'ES256', Scenarios][] = [
  ['RS256', RSA],
  ['ES256', EC],
];

describe.each(ALGORITHMS)('where %s signs', (ALGORITHM, own) => {
  let auth: TestApp;
  let calls: SessionCalls;
  let target: Target;
  beforeAll(async () => {
    auth = await createTestApp({ ALGORITHM });
    calls = await callsOf(auth);
    target = await targetOf(auth);
  });
  afterAll(() => auth.close());

  test('the specimen is good, also signed anew, so that one thing alone is wrong with the others', async () => {
    expect(target.header).toEqual({ alg: ALGORITHM, typ: 'at+jwt', kid: target.jwk['kid'] });
    for (const token of [target.token, signedAgain(target, target.header)]) expect(await calls.whereTaken(token)).toEqual(EVERYWHERE);
  });

  test.each([...CONFUSED, ...SIGNATURE, ...own])('a token with %s is refused, like any other', async (_what, forge) => {
    const token = forge(target);
    for (const place of ['/users/me', '/introspect'] as const) expect(await calls.isTaken(place, token)).toBe(false);
  });

  test('a bit flipped in any character of a token is told', async () => {
    for (let at = 0; at < target.token.length; at += 1) {
      const flipped = target.token.slice(0, at) + String.fromCharCode(target.token.charCodeAt(at) ^ 1) + target.token.slice(at + 1);
      await expect(auth.services.sessions.authenticate(flipped)).rejects.toMatchObject({ code: 'invalid_token' });
    }
  });
});

describe('a key that was replaced', () => {
  let auth: TestApp;
  let calls: SessionCalls;
  let old: Target;
  beforeAll(async () => {
    auth = await createTestApp({ ALGORITHM: 'ES256' });
    calls = await callsOf(auth);
  });
  beforeEach(async () => {
    old = await targetOf(auth);
  });
  afterAll(() => auth.close());

  /** A token of the old key that is whole and in its time, as whoever had got that key would make it. */
  const forged = (): string => {
    const iat = Math.floor(auth.clock.now() / 1000);
    return signedWith(old.header, { ...old.claims, iat, exp: iat + LIFE_SECONDS }, old.privateKey, 'ES');
  };
  const published = async (): Promise<unknown[]> => keysIn((await auth.http().get('/.well-known/jwks.json')).body).map(({ kid }) => kid);

  test('verifies for the life of its last token and a minute, and not from then on', async () => {
    const next = await auth.services.keys.rotate({ atOnce: false });
    auth.clock.advance(MARGIN_SECONDS);
    const current = await auth.token(await auth.createUser());
    expect(specimenOf(current, '').header).toMatchObject({ kid: next.kid });
    auth.clock.advance(LIFE_SECONDS + MARGIN_SECONDS - MOMENT);
    // Whoever has got a private key has no ROOT_KEY, and so no `jti` for other claims.
    expect(await calls.whereTaken(forged())).toEqual({ ...EVERYWHERE, '/users/me': false });
    expect(await published()).toEqual([old.jwk['kid'], next.kid]);
    auth.clock.advance(MOMENT);
    expect(await calls.whereTaken(forged())).toEqual(NOWHERE);
    expect(await published()).toEqual([next.kid]);
    expect(await calls.whereTaken(await auth.token(await auth.createUser()))).toEqual(EVERYWHERE);
  });

  test('at once, as it got out, verifies nothing any more, and sessions go on under the new one', async () => {
    const session = await auth.session(await auth.createUser());
    expect(await calls.whereTaken(forged())).toEqual(EVERYWHERE);
    const next = await auth.services.keys.rotate({ atOnce: true });
    for (const token of [forged(), old.token, session.accessToken]) expect(await calls.whereTaken(token)).toEqual(NOWHERE);
    expect(await published()).toEqual([next.kid]);
    const renewed = await calls.refreshed(session.refreshToken);
    expect(specimenOf(renewed.accessToken, '').header).toMatchObject({ kid: next.kid });
    await calls.expectAlive(renewed);
  });
});
