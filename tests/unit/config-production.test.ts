import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { faultsOf, variableOf } from '../support/config-faults.js';

const randomKey = (): string => randomBytes(64).toString('base64url');
const PRODUCTION = { NODE_ENV: 'production', DATABASE_URL: 'sqlite::memory:', SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
const ISSUER = 'https://auth.example.com';

describe('ISSUER in production', () => {
  it.each([
    '',
    'http://auth.example.com',
    'http://localhost:8000',
    'https://localhost',
    'https://app.localhost',
    'https://127.0.0.2',
    'https://[::1]:8443',
  ])('is refused as %j, with the fix', (value) => {
    expect(faultsOf({ ...PRODUCTION, ISSUER: value })).toEqual([
      expect.stringMatching(/^ISSUER .*in production: it is the public https URL of this service, such as https:\/\/auth\.example\.com/),
    ]);
  });

  it('is accepted as an https URL with a path', () => {
    expect(loadConfig({ ...PRODUCTION, ISSUER: `${ISSUER}/identity` }).token.issuer).toBe(`${ISSUER}/identity`);
  });

  it('is not required elsewhere', () => {
    expect(loadConfig({ DATABASE_URL: 'sqlite::memory:' }).token.issuer).toBe('http://localhost:8000');
  });
});

describe('the keys in production', () => {
  it.each(['SECRET_KEY', 'ROOT_KEY'])('are both required: without %s the start is refused', (name) => {
    expect(faultsOf({ ...PRODUCTION, ISSUER, [name]: '' }).map(variableOf)).toEqual([name]);
  });
});

describe('CORS_ORIGINS in production', () => {
  it('allows no origin unless it is set', () => {
    expect(loadConfig({ ...PRODUCTION, ISSUER }).http.corsOrigins).toEqual([]);
  });

  it('refuses http origins of other hosts, also beside https ones', () => {
    for (const CORS_ORIGINS of ['http://app.example.com', 'https://app.example.com,http://10.0.0.7:3000']) {
      expect(faultsOf({ ...PRODUCTION, ISSUER, CORS_ORIGINS })).toEqual([
        expect.stringMatching(/^CORS_ORIGINS must be https in production/),
      ]);
    }
  });

  it('warns at start about loopback origins, which web views of mobile apps have', () => {
    const { notices } = loadConfig({
      ...PRODUCTION,
      ISSUER,
      CORS_ORIGINS: 'https://localhost,http://localhost:3000,https://app.example.com',
    });
    expect(notices).toEqual([expect.stringMatching(/^CORS_ORIGINS has https:\/\/localhost, http:\/\/localhost:3000 in production/)]);
    expect(loadConfig({ ...PRODUCTION, ISSUER, CORS_ORIGINS: 'https://app.example.com' }).notices).toEqual([]);
  });

  it('names every faulty setting at once', () => {
    expect(
      faultsOf({ ...PRODUCTION, CORS_ORIGINS: 'http://app.example.com' })
        .map(variableOf)
        .sort(),
    ).toEqual(['CORS_ORIGINS', 'ISSUER']);
  });
});
