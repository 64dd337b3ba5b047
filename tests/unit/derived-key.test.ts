import { hkdfSync, randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { deriveKey } from '../../src/lib/derived-key.js';

const ROOT_KEY = randomBytes(64).toString('base64url');

test('a derived key has 32 bytes and is the same each time', () => {
  expect(deriveKey(ROOT_KEY, 'refresh token')).toHaveLength(32);
  expect(deriveKey(ROOT_KEY, 'refresh token').equals(deriveKey(ROOT_KEY, 'refresh token'))).toBe(true);
});

test('each purpose and each ROOT_KEY has another one', () => {
  const rootKeys = [ROOT_KEY, `${ROOT_KEY} `, randomBytes(64).toString('base64url')];
  const purposes = ['', ' ', 'refresh token', 'refresh tokens', 'signing keys at rest', 'service keys'];
  const keys = rootKeys.flatMap((rootKey) => purposes.map((purpose) => deriveKey(rootKey, purpose).toString('hex')));
  expect(new Set(keys).size).toBe(rootKeys.length * purposes.length);
});

test('it is made by HKDF with SHA-256, so that what was sealed once stays open', () => {
  const expected = Buffer.from(hkdfSync('sha256', ROOT_KEY, '', 'lingomate-auth service keys', 32));
  expect(deriveKey(ROOT_KEY, 'service keys').equals(expected)).toBe(true);
  expect(deriveKey('a root key that never changes', 'a purpose').toString('hex')).toBe(
    '46670b830096da9d42e5ea69f910bc3f34ffc7c081089a1cbf94dfd362775fe8',
  );
});
