import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { ConfigError, loadConfig, readEnvironment } from '../../config/index.js';
import { SETTING_NAMES } from '../../config/setting-names.js';
import { faultsOf, variableOf } from '../support/config-faults.js';
import { useTempFolder } from '../support/temp-folder.js';

const randomKey = (): string => randomBytes(48).toString('base64url');
const KEYS = { SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };

describe('white space around a setting', () => {
  const settings = {
    ...KEYS,
    DATABASE_URL: 'sqlite:data/auth.db',
    AUDIENCE: 'shop',
    APP_URL: 'https://app.example.com',
    APP_NAME: 'Shop',
    ISSUER: 'https://auth.example.com',
    ALGORITHM: 'HS512',
    HOST: '0.0.0.0',
    MAIL_FROM: 'Shop <no-reply@example.com>',
    ROLES: '{"editor":["articles:write"]}',
    LOG_LEVEL: 'warn',
    CLIENT_ID: 'spa',
  };

  it.each([' ', '\t', '\r', '\n', '\r\n'])('%j is not part of its value', (blank) => {
    const padded = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, blank + value + blank]));
    expect(loadConfig(padded)).toEqual(loadConfig(settings));
  });
});

describe('quotation marks around a setting', () => {
  it.each(['"', "'", '`'])('%s refuse every setting, as they would be part of the value', (mark) => {
    const quoted = Object.fromEntries(SETTING_NAMES.map((name) => [name, `${mark}value${mark}`]));
    const faults = faultsOf(quoted);
    expect(faults.map(variableOf)).toEqual(SETTING_NAMES);
    expect(faults.filter((fault) => !fault.includes('must be without the quotation marks around it'))).toEqual([]);
  });

  it('show no secret in the error', () => {
    expect(faultsOf({ SECRET_KEY: `"${KEYS.SECRET_KEY}"`, ROOT_KEY: KEYS.ROOT_KEY }).join()).not.toContain(KEYS.SECRET_KEY);
  });
});

describe('a name that is close to a setting', () => {
  it.each([
    ['COR_ORIGINS', 'CORS_ORIGINS'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['TRUST_PROXIES', undefined],
    ['ACCESS_TOKEN_EXPIRES_MINUTES', 'ACCESS_TOKEN_EXPIRE_MINUTES'],
    ['ISSUERS', 'ISSUER'],
    ['API_URL', undefined],
    ['NODE_OPTIONS', undefined],
  ])('%s is reported with the setting %s', (name, meant) => {
    const given: Record<string, string> = { ...KEYS, [name]: 'x' };
    const notice = `${name} is not a setting and has no effect. Use ${meant}, if that is what it should set`;
    expect(loadConfig(given).notices).toEqual(meant === undefined ? [] : [notice]);
  });

  it('is not reported where the setting itself is set', () => {
    const given: Record<string, string> = { ...KEYS, CORS_ORIGIN: 'x', CORS_ORIGINS: 'https://app.example.com' };
    expect(loadConfig(given).notices).toEqual([]);
  });
});

describe('settings of a program', () => {
  it('takes lists, numbers and the object of ROLES', () => {
    const { http, roles } = loadConfig({
      ...KEYS,
      PORT: 8123,
      CORS_ORIGINS: ['https://app.example.com', 'https://admin.example.com'],
      ROLES: { editor: ['articles:write', 'articles:read'] },
    });
    expect([http.port, http.corsOrigins]).toEqual([8123, ['https://app.example.com', 'https://admin.example.com']]);
    expect(roles['editor']).toEqual(['articles:write', 'articles:read']);
  });

  it('takes null and undefined as absent', () => {
    expect(loadConfig({ ...KEYS, PORT: null, AUDIENCE: undefined })).toEqual(loadConfig(KEYS));
  });
});

describe('a .env file', () => {
  const folder = useTempFolder();
  const before = process.cwd();
  const { AUDIENCE } = process.env;
  beforeEach(() => {
    process.chdir(folder.path);
  });
  afterEach(() => {
    process.chdir(before);
    if (AUDIENCE === undefined) delete process.env['AUDIENCE'];
    else process.env['AUDIENCE'] = AUDIENCE;
  });
  const faultsOfFile = (content: string): readonly string[] => {
    writeFileSync('.env', content);
    try {
      readEnvironment();
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
      throw error;
    }
  };

  it('is refused where a # cuts a value', () => {
    const content = `SECRET_KEY=${KEYS.SECRET_KEY}#${KEYS.ROOT_KEY}\nAPP_URL=https://app.example.com/#/\nOTHER=a#b\n`;
    expect(faultsOfFile(content)).toEqual([
      'SECRET_KEY is cut at its # in .env. Put the value in quotes, or a space before a comment',
      'APP_URL is cut at its # in .env. Put the value in quotes, or a space before a comment',
    ]);
  });

  it.each(['"', "'"])('is refused where a quote %s is not closed', (mark) => {
    expect(faultsOfFile(`SECRET_KEY=${mark}${KEYS.SECRET_KEY}\n`)).toEqual([
      'SECRET_KEY has a quotation mark in .env that is not closed. Close it',
    ]);
  });

  it('may have quotes, comments and white space', () => {
    const content = `# a comment\nexport AUDIENCE="a#b" # another\nCLIENT_ID=spa # the app\nMAIL_FROM='"Example, Inc." <no-reply@example.com>'\nROLES=\n`;
    expect(faultsOfFile(content)).toEqual([]);
    expect(readEnvironment()).toMatchObject({ AUDIENCE: 'a#b', CLIENT_ID: 'spa', MAIL_FROM: '"Example, Inc." <no-reply@example.com>' });
  });

  it('is not hidden by an empty variable, and is by one with a value', () => {
    writeFileSync('.env', 'AUDIENCE=from-the-file\n');
    process.env['AUDIENCE'] = ' ';
    expect(readEnvironment()['AUDIENCE']).toBe('from-the-file');
    process.env['AUDIENCE'] = 'from-the-environment';
    expect(readEnvironment()['AUDIENCE']).toBe('from-the-environment');
  });
});
