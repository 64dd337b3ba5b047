import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { faultsOf, variableOf } from '../support/config-faults.js';

const randomKey = (): string => randomBytes(48).toString('base64url');
const KEYS = { SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
const IN_PRODUCTION = { ...KEYS, NODE_ENV: 'production', ISSUER: 'https://auth.example.com' };

describe('COOKIE_NAME', () => {
  it.each(['__Host-shop', '__Host-shop_refresh_token', 'shop', "!#$%&'*+-.^_`|~09azAZ", `__Host-${'x'.repeat(64)}`])(
    'takes %s',
    (COOKIE_NAME) => {
      expect(loadConfig({ ...KEYS, COOKIE_NAME }).http.cookieName).toBe(COOKIE_NAME);
    },
  );

  it.each([
    ['a space', 'a b'],
    ['a semicolon', 'a;b'],
    ['an equals sign', 'a=b'],
    ['a comma', 'a,b'],
    ['a quote', 'a"b'],
    ['a slash', 'a/b'],
    ['brackets', 'a[b]'],
    ['a control character', 'a\u0001b'],
    ['a letter outside ASCII', 'caf\u00e9'],
    ['nothing after the prefix', '__Host-'],
    ['a prefix that browsers check in any case', '__host-shop'],
    ['a prefix that allows what the cookie never needs', '__Secure-shop'],
    ['a prefix of later browsers', '__Http-shop'],
    ['a prefix twice', '__Host-__Host-shop'],
    ['more than 64 characters', 'x'.repeat(65)],
  ])('refuses %s, and names what is allowed', (_what, COOKIE_NAME) => {
    const faults = faultsOf({ ...KEYS, COOKIE_NAME });
    expect(faults.map(variableOf)).toEqual(['COOKIE_NAME']);
    expect(faults[0]).toContain('such as __Host-shop_refresh_token');
  });

  it('must begin with __Host- in production', () => {
    expect(faultsOf({ ...IN_PRODUCTION, COOKIE_NAME: '__Host-shop' })).toEqual([]);
    const faults = faultsOf({ ...IN_PRODUCTION, COOKIE_NAME: 'shop' });
    expect(faults).toEqual([expect.stringContaining('COOKIE_NAME must begin with __Host- in production')]);
  });
});

describe('CLEAR_SITE_DATA', () => {
  it('is off or storage', () => {
    const clears = (CLEAR_SITE_DATA?: string): boolean => loadConfig({ ...KEYS, CLEAR_SITE_DATA }).http.clearsStorage;
    expect([clears(), clears('off'), clears('storage')]).toEqual([false, false, true]);
    for (const CLEAR_SITE_DATA of ['cookies', '*', '"storage"', 'true'])
      expect(faultsOf({ ...KEYS, CLEAR_SITE_DATA }).map(variableOf)).toEqual(['CLEAR_SITE_DATA']);
  });
});
