import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { membersOf } from '../support/tokens.js';

describe('what OAuth clients are told', () => {
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp({ ISSUER: 'https://auth.example.com/', CORS_ORIGINS: 'https://app.example.com' });
  });
  afterAll(() => auth.close());

  test('the metadata names only what works, under the issuer’s address, whatever the request says', async () => {
    const response = await auth.http().get('/.well-known/oauth-authorization-server').set('Host', 'evil.example.com');
    expect([response.status, response.type]).toEqual([200, 'application/json']);
    expect(response.body).toEqual({
      issuer: 'https://auth.example.com/',
      token_endpoint: 'https://auth.example.com/token',
      token_endpoint_auth_methods_supported: ['none'],
      introspection_endpoint: 'https://auth.example.com/introspect',
      introspection_endpoint_auth_methods_supported: ['Bearer'],
      revocation_endpoint: 'https://auth.example.com/revoke',
      revocation_endpoint_auth_methods_supported: ['none'],
      jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
      grant_types_supported: ['password', 'refresh_token', 'urn:lingomate:grant:step-up'],
      response_types_supported: [],
      scopes_supported: ['user', 'admin', 'introspect'],
      service_documentation: 'https://auth.example.com/docs',
    });
  });

  test('every address in it is one of ours', async () => {
    const body: unknown = (await auth.http().get('/.well-known/oauth-authorization-server')).body;
    for (const name of ['token_endpoint', 'introspection_endpoint', 'revocation_endpoint', 'jwks_uri', 'service_documentation']) {
      const { pathname } = new URL(text(body, name));
      expect((await auth.http().options(pathname)).status).toBe(204);
    }
  });

  test('under a shared secret the key set is empty', async () => {
    const response = await auth.http().get('/.well-known/jwks.json');
    expect([response.status, response.body]).toEqual([200, { keys: [] }]);
    expect(response.headers['cache-control']).toBe('public, max-age=30');
  });
});

describe.each(['RS256', 'PS256', 'ES256'] as const)('under %s', (ALGORITHM) => {
  const LIFE_SECONDS = 1800;
  let auth: TestApp;
  beforeAll(async () => {
    auth = await createTestApp({ ALGORITHM });
  });
  afterAll(() => auth.close());

  const keySet = async (): Promise<Record<string, unknown>[]> => {
    const keys = member((await auth.http().get('/.well-known/jwks.json')).body, 'keys');
    return Array.isArray(keys) ? keys.map((key: unknown) => Object.fromEntries(Object.entries(key ?? {}))) : [];
  };
  const kidOf = (token: string): unknown => membersOf(token.split('.')[0] ?? '')['kid'];
  const verify = (token: string) => auth.http().get(`/verify-token/${token}`);

  test('the key set has the public half alone, and it verifies our tokens', async () => {
    const [key, ...more] = await keySet();
    if (key === undefined) throw new TypeError('there is a key');
    expect(more).toEqual([]);
    const members = ALGORITHM === 'ES256' ? ['crv', 'x', 'y'] : ['e', 'n'];
    expect(Object.keys(key).sort()).toEqual([...members, 'alg', 'kid', 'kty', 'use'].sort());
    expect(key).toMatchObject({ alg: ALGORITHM, use: 'sig', kid: expect.stringMatching(/^[\w-]{43}$/) });

    const token = await auth.token(await auth.createUser());
    expect(membersOf(token.split('.')[0] ?? '')).toEqual({ alg: ALGORITHM, typ: 'at+jwt', kid: key['kid'] });
    const publicKey = createPublicKey({ key, format: 'jwk' });
    if (ALGORITHM !== 'ES256') expect(publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
    expect(() => jwt.verify(token, publicKey, { algorithms: [ALGORITHM], audience: 'lingomate' })).not.toThrow();
    expect((await verify(token)).status).toBe(200);
  });

  test('a new key is shown at once, signs after a minute, and the one before verifies for one more life of a token', async () => {
    const user = await auth.createUser();
    const [before] = await keySet();
    const made = await auth.services.keys.rotate({ atOnce: false });
    expect((await keySet()).map(({ kid }) => kid)).toEqual([before?.['kid'], made.kid]);
    auth.clock.advance(59);
    const last = await auth.token(user);
    expect(kidOf(last)).toBe(before?.['kid']);
    auth.clock.advance(1);
    const next = await auth.token(user);
    expect(kidOf(next)).toBe(made.kid);
    expect([(await verify(last)).status, (await verify(next)).status]).toEqual([200, 200]);
    auth.clock.advance(LIFE_SECONDS - 2);
    expect((await verify(last)).status).toBe(200);
    auth.clock.advance(2 + 60);
    expect((await keySet()).map(({ kid }) => kid)).toEqual([made.kid]);
    expect((await verify(last)).status).toBe(401);
    expect(await auth.services.keys.list()).toEqual([expect.objectContaining({ kid: made.kid, signing: true, verifiesUntil: null })]);
  });

  test('a key that got out is replaced at once: its tokens are refused, and sessions go on', async () => {
    const session = await auth.session(await auth.createUser());
    const made = await auth.services.keys.rotate({ atOnce: true });
    expect((await keySet()).map(({ kid }) => kid)).toEqual([made.kid]);
    expect((await verify(session.accessToken)).status).toBe(401);
    const body = { grant_type: 'refresh_token', refresh_token: session.refreshToken };
    const refreshed: unknown = (await auth.http().post('/token').send(body)).body;
    expect((await verify(text(refreshed, 'access_token'))).status).toBe(200);
  });
});

describe('keys of a shared secret', () => {
  test('are not rotated here, and it is said how they are', async () => {
    const auth = await createTestApp();
    for (const call of [auth.services.keys.list(), auth.services.keys.rotate({ atOnce: false })])
      await expect(call).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('SECRET_KEY_PREVIOUS') });
    await auth.close();
  });
});
