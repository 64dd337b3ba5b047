import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { makeKeyMaterial, openPrivateKey } from '../../../src/services/key/key-material.js';

const sealingKey = randomBytes(32);
const asNumber = (part = ''): bigint => BigInt(`0x${Buffer.from(part, 'base64url').toString('hex')}`);
const bitsOf = (number: bigint): number => number.toString(2).length;

test('an RSA key has 3,072 bits, the usual exponent, and primes too far apart for Fermat (FIPS 186-5 A.1.3)', async () => {
  const { e, n, p, q } = openPrivateKey({ current: sealingKey, all: [sealingKey] }, await makeKeyMaterial('RS256', sealingKey)).export({
    format: 'jwk',
  });
  const [modulus, one, other] = [asNumber(n), asNumber(p), asNumber(q)];
  expect(one * other).toBe(modulus);
  expect(bitsOf(modulus)).toBe(3072);
  expect(asNumber(e)).toBe(65_537n);
  expect(bitsOf(one > other ? one - other : other - one)).toBeGreaterThan(3072 / 2 - 100);
});

test('an elliptic key is on P-256, and no two are alike', async () => {
  const [one, other] = [await makeKeyMaterial('ES256', sealingKey), await makeKeyMaterial('ES256', sealingKey)];
  expect(one.public_jwk).toMatchObject({ kty: 'EC', crv: 'P-256' });
  expect(one.public_jwk.x).not.toBe(other.public_jwk.x);
  expect(one.kid).not.toBe(other.kid);
});
