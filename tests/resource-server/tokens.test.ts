import { createPublicKey, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createVerifier, type VerifierSettings } from '../../src/index.js';
import { createLiveAuth, type LiveAuth } from '../support/live-auth.js';
import { createResourceServer, expectRefusal, INVALID, INVALID_CHALLENGE } from '../support/resource-server.js';
import { encode, signed, type Specimen, specimenOf, withClaims, withHeader, without } from '../support/tokens.js';

const expectInvalid = async (settings: VerifierSettings, token: string): Promise<void> => {
  const response = await createResourceServer(settings).get(token);
  expectRefusal(response, settings.issuer ?? '', INVALID, INVALID_CHALLENGE);
};

describe('with the shared secret', () => {
  let auth: LiveAuth;
  let settings: VerifierSettings;
  let good: Specimen;
  beforeAll(async () => {
    auth = await createLiveAuth();
    settings = { issuer: auth.issuer, secretKey: auth.secretKey };
    good = specimenOf(await auth.newToken(), auth.secretKey);
  });
  afterAll(() => auth.close());

  test('a token is taken, and its claims are told', async () => {
    const user = await auth.createUser();
    const response = await createResourceServer(settings).get(await auth.token(user));
    expect(response).toMatchObject({ status: 200, body: { sub: String(user.id), username: user.username, scope: 'user' } });
  });

  test('the claims tell how strongly the user has authenticated, and for which client', async () => {
    expect(await createVerifier(settings).verify(good.token)).toEqual({ ...good.claims, acr: 'aal1', client_id: 'lingomate' });
  });

  test('a token of 0.1, which has neither acr nor client_id, is taken, and its acr is aal1', async () => {
    const claims = without(without(good.claims, 'acr'), 'client_id');
    const token = signed(good.header, claims, good.secret);
    expect(await createVerifier(settings).verify(token)).toEqual({ ...claims, acr: 'aal1' });
  });

  test('a token that is made again with nothing wrong is taken', async () => {
    expect(await createResourceServer(settings).status(withClaims(good, {}))).toBe(200);
  });

  const now = (): number => Math.floor(Date.now() / 1000);
  test.each<[string, (one: Specimen) => string]>([
    ['no token at all', () => 'nonsense'],
    ['of two parts', ({ parts }) => parts.slice(0, 2).join('.')],
    ['with a header that is no JSON', ({ claims, secret }) => signed('{', claims, secret)],
    ['with claims that are no JSON', ({ header, secret }) => signed(header, '{"iss"', secret)],
    ['with claims that are a list', ({ header, claims, secret }) => signed(header, [claims], secret)],
    ['with another signature', ({ parts: [header, payload] }) => `${header}.${payload}.${encode(randomBytes(32).toString('hex'))}`],
    ['without a signature', ({ parts: [header, payload] }) => `${header}.${payload}.`],
    [
      'with other claims under its signature',
      ({ parts: [header, , signature], claims }) => [header, encode({ ...claims, sub: '2' }), signature].join('.'),
    ],
    ['of another secret', ({ header, claims }) => signed(header, claims, randomBytes(64).toString('base64url'))],
    ['of alg none', ({ header, claims }) => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
    ['of another HMAC', ({ header, claims, secret }) => signed({ ...header, alg: 'HS512' }, claims, secret, 'sha512')],
    ['without alg', ({ header, claims, secret }) => signed(without(header, 'alg'), claims, secret)],
    ['of another type', (one) => withHeader(one, { typ: 'JWT' })],
    ['of no type', ({ header, claims, secret }) => signed(without(header, 'typ'), claims, secret)],
    ['with an unknown crit', (one) => withHeader(one, { crit: ['exotic'], exotic: 1 })],
    ['of another issuer', (one) => withClaims(one, { iss: 'http://localhost:8000' })],
    ['of the issuer with a slash', (one) => withClaims(one, { iss: `${String(one.claims['iss'])}/` })],
    ['for another audience', (one) => withClaims(one, { aud: 'shop' })],
    ['for several audiences', (one) => withClaims(one, { aud: ['lingomate', 'shop'] })],
    ['that expired this second', (one) => withClaims(one, { exp: now() })],
    ['that is not good yet', (one) => withClaims(one, { nbf: now() + 60 })],
    ['from the future', (one) => withClaims(one, { iat: now() + 60 })],
    ['whose sub is a number', (one) => withClaims(one, { sub: 1 })],
    ['whose sub is no id', (one) => withClaims(one, { sub: '../1' })],
    ['whose exp is text', (one) => withClaims(one, { exp: String(now() + 60) })],
    ['whose refresh_counter is text', (one) => withClaims(one, { refresh_counter: '1' })],
    ['whose acr is unknown', (one) => withClaims(one, { acr: 'aal9' })],
    ['whose acr is null', (one) => withClaims(one, { acr: null })],
    ['whose client_id is a number', (one) => withClaims(one, { client_id: 1 })],
  ])('a token %s is refused', async (_what, make) => {
    await expectInvalid(settings, make(good));
  });

  test.each(['iss', 'aud', 'sub', 'username', 'scope', 'sid', 'refresh_counter', 'jti', 'iat', 'exp', 'auth_time', 'amr'])(
    'a token without %s is refused',
    async (claim) => {
      await expectInvalid(settings, signed(good.header, without(good.claims, claim), good.secret));
    },
  );

  test('another service’s secret, issuer, audience and algorithm are another’s', async () => {
    const { token } = good;
    await expectInvalid({ ...settings, secretKey: randomBytes(64).toString('base64url') }, token);
    await expectInvalid({ ...settings, issuer: 'http://127.0.0.1:1' }, token);
    await expectInvalid({ ...settings, audience: 'shop' }, token);
    await expectInvalid({ ...settings, algorithm: 'HS512' }, token);
  });

  test('the secret before it is taken too while it is replaced', async () => {
    const secretKey = randomBytes(64).toString('base64url');
    const server = createResourceServer({ ...settings, secretKey, previousSecretKey: auth.secretKey });
    expect(await server.status(good.token)).toBe(200);
    expect(await server.status(withClaims({ ...good, secret: secretKey }, {}))).toBe(200);
    await expectInvalid({ ...settings, secretKey, previousSecretKey: '' }, good.token);
  });
});

test.each(['HS384', 'HS512'] as const)('tokens of %s are taken where it is named, and HS256 is not', async (algorithm) => {
  const auth = await createLiveAuth({ ALGORITHM: algorithm });
  const settings = { issuer: auth.issuer, secretKey: auth.secretKey };
  const token = await auth.newToken();
  expect(await createResourceServer({ ...settings, algorithm }).status(token)).toBe(200);
  await expectInvalid(settings, token);
  await auth.close();
});

describe.each(['RS256', 'PS256', 'ES256'] as const)('with the key set of a service that signs with %s', (algorithm) => {
  let auth: LiveAuth;
  let settings: VerifierSettings;
  let good: Specimen;
  beforeAll(async () => {
    auth = await createLiveAuth({ ALGORITHM: algorithm });
    settings = { issuer: auth.issuer };
    good = specimenOf(await auth.newToken(), '');
  });
  afterAll(() => auth.close());

  test('a token is taken, also where the algorithm or the address of the set is named', async () => {
    const jwksUri = `${auth.issuer}/.well-known/jwks.json`;
    for (const more of [{}, { algorithm }, { jwksUri }])
      expect(await createResourceServer({ ...settings, ...more }).status(good.token)).toBe(200);
  });

  test('where another algorithm is named it is refused', async () => {
    await expectInvalid({ ...settings, algorithm: algorithm === 'ES256' ? 'RS256' : 'ES256' }, good.token);
  });

  test('the public key is no secret to sign with', async () => {
    const keys = auth.services.keys.publicKeys();
    expect(keys).toHaveLength(1);
    for (const key of keys) {
      const pem = createPublicKey({ key: { ...key }, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
        .toString();
      for (const secret of [pem, pem.trim(), JSON.stringify(key)]) {
        await expectInvalid(settings, signed({ ...good.header, alg: 'HS256' }, good.claims, secret));
      }
    }
  });

  test.each<[string, (one: Specimen) => string]>([
    ['of alg none', ({ header, parts: [, payload] }) => `${encode({ ...header, alg: 'none' })}.${payload}.`],
    ['of an unknown kid', ({ header, parts: [, ...rest] }) => [encode({ ...header, kid: 'unknown' }), ...rest].join('.')],
    ['of no kid', ({ header, parts: [, ...rest] }) => [encode(without(header, 'kid')), ...rest].join('.')],
    ['of another type', ({ header, parts: [, ...rest] }) => [encode({ ...header, typ: 'JWT' }), ...rest].join('.')],
    ['of another key pair algorithm', ({ header, parts: [, ...rest] }) => [encode({ ...header, alg: 'RS512' }), ...rest].join('.')],
    [
      'with a key of its own',
      ({ header, parts: [, ...rest] }) => [encode({ ...header, jwk: {}, jku: 'http://127.0.0.1:1' }), ...rest].join('.'),
    ],
    ['with other claims', ({ claims, parts: [header, , signature] }) => [header, encode({ ...claims, sub: '2' }), signature].join('.')],
    ['without a signature', ({ parts: [header, payload] }) => `${header}.${payload}.`],
  ])('a token %s is refused', async (_what, make) => {
    await expectInvalid(settings, make(good));
  });

  test('a verifier with a secret refuses it', async () => {
    await expectInvalid({ ...settings, secretKey: auth.secretKey }, good.token);
  });
});

test('the key set of a service that signs with a secret verifies nothing', async () => {
  const auth = await createLiveAuth();
  await expectInvalid({ issuer: auth.issuer }, await auth.newToken());
  await auth.close();
});

test.each<[string, VerifierSettings]>([
  ['an empty secret', { secretKey: '' }],
  ['an empty service key', { serviceKey: '' }],
  ['a secret that is too short for HS256', { secretKey: 'x'.repeat(31) }],
  ['a secret that is too short for HS512', { secretKey: 'x'.repeat(63), algorithm: 'HS512' }],
  ['a secret for a key pair', { secretKey: 'x'.repeat(64), algorithm: 'ES256' }],
  ['no secret for HS256', { algorithm: 'HS256' }],
  ['an issuer that is no address', { issuer: 'lingomate' }],
  ['a key set that is a file', { jwksUri: 'file:///etc/passwd' }],
  ['a feed that is no address', { serviceKey: 'x', revocationsUri: '/revocations' }],
])('%s is a fault of the program', (_what, settings) => {
  expect(() => createVerifier(settings)).toThrow(TypeError);
});
