import { describe, expect, test } from '@jest/globals';
import { createTokenIds } from '../../src/services/token-id.js';
import { alone } from '../support/root-keys.js';

const ROOT_KEY = 'Ro0tKeyOfTheTokenIdTestsAlone'.repeat(2);
const OTHER_ROOT_KEY = 'An0therR0otKeyOfTheTokenIdTests'.repeat(2);
const NOW = 1_795_600_000;

const ids = createTokenIds(alone(ROOT_KEY));
const FACTS = {
  sub: '7',
  sid: '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11',
  refresh_counter: 3,
  scope: 'user admin',
  iat: NOW,
  exp: NOW + 1800,
  auth_time: NOW - 60,
  amr: ['pwd'],
  acr: 'aal1' as const,
};
const claims = { ...FACTS, jti: ids.of(FACTS) };

describe('the id of a token', () => {
  test('is 256 bits in base64url', () => {
    expect(claims.jti).toMatch(/^[\w-]{43}$/);
  });

  test('vouches for the claims that it was made for, under the same ROOT_KEY alone', () => {
    expect(ids.matches(claims)).toBe(true);
    expect(createTokenIds(alone(ROOT_KEY)).matches(claims)).toBe(true);
    expect(createTokenIds(alone(OTHER_ROOT_KEY)).matches(claims)).toBe(false);
  });

  test('still vouches where its ROOT_KEY is the previous one, and is made under the current one', () => {
    const rotated = createTokenIds({ current: OTHER_ROOT_KEY, previous: ROOT_KEY });
    expect(rotated.matches(claims)).toBe(true);
    expect(rotated.of(FACTS)).toBe(createTokenIds(alone(OTHER_ROOT_KEY)).of(FACTS));
  });

  test.each([
    { sub: '8' },
    { sid: '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a12' },
    { refresh_counter: 4 },
    { scope: 'user' },
    { scope: 'user admin editor' },
    { iat: NOW + 1 },
    { exp: NOW + 3600 },
    { auth_time: NOW },
    { amr: [] },
    { amr: ['pwd', 'otp'] },
    { acr: 'aal2' as const },
    { jti: '' },
    { jti: `${claims.jti}A` },
    { jti: claims.jti.toUpperCase() },
    { jti: 'é'.repeat(43) },
  ])('does not vouch for %j', (change) => {
    expect(ids.matches({ ...claims, ...change })).toBe(false);
  });

  test.each([
    [
      { scope: 'user', amr: ['admin', 'pwd'] },
      { scope: 'user","admin', amr: ['pwd'] },
    ],
    [{ amr: ['pwd', 'otp'] }, { amr: ['pwd","otp'] }],
    [{ amr: ['pwd,otp'] }, { amr: ['pwd', 'otp'] }],
    [
      { iat: 1, exp: 23 },
      { iat: 12, exp: 3 },
    ],
    [{ scope: '' }, { scope: '[]' }],
  ])('is another for %j than for %j', (one, other) => {
    expect(ids.of({ ...FACTS, ...one })).not.toBe(ids.of({ ...FACTS, ...other }));
  });
});
