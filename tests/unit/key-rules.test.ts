import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { faultsOf, variableOf } from '../support/config-faults.js';

const randomKey = (): string => randomBytes(64).toString('base64url');
const IN_MEMORY = { DATABASE_URL: 'sqlite::memory:' };

describe('keys', () => {
  test.each([
    ['HS256', 31, false],
    ['HS256', 32, true],
    ['HS384', 47, false],
    ['HS384', 48, true],
    ['HS512', 63, false],
    ['HS512', 64, true],
  ])('%s with a key of %i bytes: %s', (ALGORITHM, bytes, taken) => {
    for (const name of ['SECRET_KEY', 'SECRET_KEY_PREVIOUS']) {
      const faults = faultsOf({ ...IN_MEMORY, ALGORITHM, [name]: randomKey().slice(0, bytes) });
      expect(faults.map(variableOf)).toEqual(taken ? [] : [name]);
      expect(faults.every((fault) => fault.includes(`${bytes + 1} bytes`))).toBe(true);
    }
  });

  test('lengths count in bytes of UTF-8, not in characters', () => {
    expect(faultsOf({ ...IN_MEMORY, SECRET_KEY: 'äöüßéèêñçøåþðæœ¿' })).toEqual([]);
  });

  test('ROOT_KEY needs 32 bytes whatever the algorithm', () => {
    expect(faultsOf({ ...IN_MEMORY, ALGORITHM: 'HS512', ROOT_KEY: randomKey().slice(0, 32) })).toEqual([]);
    expect(faultsOf({ ...IN_MEMORY, ROOT_KEY: randomKey().slice(0, 31) }).map(variableOf)).toEqual(['ROOT_KEY']);
  });

  test.each([
    '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
    '09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7',
    'your-256-bit-secret-that-is-long-enough-for-anybody',
    'your_jwt_secret_0123456789_0123456789_0123456789',
    'YOUR-SECRET-KEY-0123456789-0123456789-abcdef',
    'my-super-secret-key-which-is-quite-long-indeed',
    'changeme-changeme-changeme-changeme-0123456789',
    'please change-this in production 0123456789',
    'replace_me_with_something_random_0123456789',
    'keyboard cat keyboard cat keyboard cat 123',
    'password-password-password-0123456789-abcdef',
    'an-example-key-from-the-documentation-012345',
    'a-string-secret-at-least-256-bits-long',
    'a'.repeat(64),
    'abc'.repeat(20),
    '012345678'.repeat(8),
    '0123456789abcdef'.repeat(2),
    'k7Qw9ZrT2xVb5NmL'.repeat(3),
    'abcdefghijklmnopqrstuvwxyz123456',
    'zyxwvutsrqponmlkjihgfedcba9876543210',
    'django-insecure-4k2!9x@w7q$e8r^t5y&u6i*o1p',
  ])('%s is refused as a key', (key) => {
    for (const name of ['SECRET_KEY', 'SECRET_KEY_PREVIOUS', 'ROOT_KEY']) {
      const faults = faultsOf({ ...IN_MEMORY, [name]: key });
      expect(faults.map(variableOf)).toEqual([name]);
      expect(faults.join()).not.toContain(key);
    }
  });

  test.each(['SECRET_KEY', 'SECRET_KEY_PREVIOUS'])('ROOT_KEY must not be %s', (name) => {
    const key = randomKey();
    expect(faultsOf({ ...IN_MEMORY, [name]: key, ROOT_KEY: key }).map(variableOf)).toEqual(['ROOT_KEY']);
  });

  test.each([
    ['in production', { NODE_ENV: 'production', ISSUER: 'https://auth.example.com' }],
    ['in production in memory', { NODE_ENV: 'production', ISSUER: 'https://auth.example.com', ...IN_MEMORY }],
    ['on PostgreSQL', { DATABASE_URL: 'postgres://auth@db/auth' }],
    ['on PostgreSQL by its long name', { DATABASE_URL: 'postgresql://auth@db/auth' }],
  ])('%s nothing starts without both keys, and the fault has a command that makes one', (_, settings) => {
    const faults = faultsOf(settings);
    expect(faults.map(variableOf)).toEqual(['SECRET_KEY', 'ROOT_KEY']);
    const commands = faults.map((fault) => /node -e ".+"$/.exec(fault)?.[0] ?? 'false');
    const [SECRET_KEY = '', ROOT_KEY = ''] = commands.map((one) => execFileSync('sh', ['-c', one], { encoding: 'utf8' }).trim());
    expect(faultsOf({ ...settings, SECRET_KEY, ROOT_KEY, ALGORITHM: 'HS512' })).toEqual([]);
  });
});
