import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { faultsOf, variableOf } from '../support/config-faults.js';

const randomKey = (): string => randomBytes(64).toString('base64url');
const KEYS = { SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
const IN_MEMORY = { DATABASE_URL: 'sqlite::memory:' };

describe('unsafe values', () => {
  test.each([
    '*',
    'null',
    'app.example.com',
    'https://app.example.com/',
    'https://app.example.com/login',
    'https://app.example.com?x',
    'https://app.example.com#x',
    'https://app.example.com:443',
    'https://user@app.example.com',
    'HTTPS://app.example.com',
    'https://App.example.com',
    'https://*.example.com',
    'ftp://app.example.com',
    'file://',
    'https://app.example.com https://other.example.com',
  ])('CORS_ORIGINS=%s is refused', (origin) => {
    expect(faultsOf({ ...IN_MEMORY, CORS_ORIGINS: origin }).map(variableOf)).toEqual(['CORS_ORIGINS']);
    expect(faultsOf({ ...IN_MEMORY, CORS_ORIGINS: `https://good.example.com,${origin}` }).map(variableOf)).toEqual(['CORS_ORIGINS']);
  });

  test.each([
    'https://app.example.com',
    'http://localhost:3000',
    'http://127.0.0.1:5173',
    'http://[::1]:5173',
    'https://xn--bcher-kva.example',
  ])('CORS_ORIGINS=%s is taken', (origin) => {
    expect(loadConfig({ ...IN_MEMORY, CORS_ORIGINS: origin }).http.corsOrigins).toEqual([origin]);
  });

  test.each([
    ['production', '4', false],
    ['production', '9', false],
    ['production', '10', true],
    ['development', '4', true],
    ['test', '4', true],
  ])('in %s BCRYPT_ROUNDS=%s: taken is %s', (NODE_ENV, BCRYPT_ROUNDS, taken) => {
    expect(faultsOf({ ...KEYS, ISSUER: 'https://auth.example.com', NODE_ENV, BCRYPT_ROUNDS }).map(variableOf)).toEqual(
      taken ? [] : ['BCRYPT_ROUNDS'],
    );
  });
});
