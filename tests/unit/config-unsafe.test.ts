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
    'wss://app.example.com',
    'capacitor://',
    'capacitor://localhost/',
    'Capacitor://localhost',
    'tauri://user@localhost',
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
    'capacitor://localhost',
    'ionic://localhost',
    'tauri://localhost',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc',
    'safari-web-extension://2C127FA4-62C7-7E4F-90E5-472B45EECFDC',
  ])('CORS_ORIGINS=%s is taken', (origin) => {
    expect(loadConfig({ ...IN_MEMORY, CORS_ORIGINS: origin }).http.corsOrigins).toEqual([origin]);
  });

  test.each([
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://App.example.com', 'https://app.example.com'],
    ['https://app.example.com:443', 'https://app.example.com'],
    ['https://app.example.com/login', 'https://app.example.com'],
  ])('CORS_ORIGINS=%s is refused with the origin that browsers send', (origin, sent) => {
    expect(faultsOf({ ...IN_MEMORY, CORS_ORIGINS: origin })).toEqual([
      `CORS_ORIGINS must be exact origins as browsers send them: use ${sent}`,
    ]);
  });

  test('the origins of web views need no notice in production', () => {
    const settings = { ...KEYS, NODE_ENV: 'production', ISSUER: 'https://auth.example.com' };
    expect(loadConfig({ ...settings, CORS_ORIGINS: 'capacitor://localhost,tauri://localhost' }).notices).toEqual([]);
    expect(loadConfig({ ...settings, CORS_ORIGINS: 'http://localhost' }).notices).toHaveLength(1);
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
