import { expect, test } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createLiveAuth } from '../support/live-auth.js';

const EXPECTED = { audience: 'lingomate', typ: 'at+jwt', requiredClaims: ['sub', 'iat', 'exp', 'jti', 'scope', 'username', 'sid'] };

test.each(['RS256', 'PS256', 'ES256'])('jose verifies tokens of %s by the key set', async (ALGORITHM) => {
  const auth = await createLiveAuth({ ALGORITHM });
  const user = await auth.createUser();
  const keys = createRemoteJWKSet(new URL(`${auth.issuer}/.well-known/jwks.json`));
  const { payload, protectedHeader } = await jwtVerify(await auth.token(user), keys, { ...EXPECTED, issuer: auth.issuer });
  expect(payload).toMatchObject({ sub: String(user.id), username: user.username, scope: 'user', amr: ['pwd'] });
  expect(protectedHeader).toEqual({ alg: ALGORITHM, typ: 'at+jwt', kid: expect.any(String) });
  await auth.close();
});

test('jose verifies tokens of HS256 by the bytes of the secret', async () => {
  const auth = await createLiveAuth();
  const secret = new TextEncoder().encode(auth.secretKey);
  const { payload } = await jwtVerify(await auth.newToken(), secret, { ...EXPECTED, issuer: auth.issuer, algorithms: ['HS256'] });
  expect(payload.sub).toBe('1');
  await auth.close();
});
