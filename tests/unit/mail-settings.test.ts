import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../config/index.js';
import { faultsOf } from '../support/config-faults.js';

const randomKey = (): string => randomBytes(64).toString('base64url');
const KEYS = { SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
const IN_MEMORY = { DATABASE_URL: 'sqlite::memory:' };

/** The settings that are refused; none where all are taken. */
function refusedOf(settings: Record<string, string>): (string | undefined)[] {
  try {
    loadConfig(settings);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map((fault) => /^[A-Z_]+/.exec(fault)?.[0]);
    throw error;
  }
}

describe('settings of roles, mail and the audit', () => {
  test.each([
    ['ROLES', '[]'],
    ['ROLES', 'null'],
    ['ROLES', '{"Editor":[]}'],
    ['ROLES', '{"editor":"articles:write"}'],
    ['ROLES', '{"editor":["articles write"]}'],
    ['ROLES', '{"editor":[1]}'],
    ['ROLES', '{"editor":["admin"]}'],
    ['ROLES', '{"user":["admin"]}'],
    ['APP_NAME', 'x'.repeat(61)],
    ['APP_NAME', 'Lingo\u202Emate'],
    ['APP_URL', 'javascript://app.example.com'],
    ['APP_URL', 'https://app.example.com?page=1'],
    ['APP_URL', 'https://app.example.com/#/'],
    ['APP_URL', 'https://me@app.example.com'],
    ['APP_URL', 'https://:secret@app.example.com'],
    ['APP_URL', 'https://app.example.com/a b'],
    ['ISSUER', 'https://auth.example.com?tenant=1'],
    ['ISSUER', 'https://auth.example.com/#'],
    ['ISSUER', 'https://me:secret@auth.example.com'],
    ['SMTP_URL', 'smtp://'],
    ['SMTP_URL', 'mail.example.com:587'],
    ['SMTP_URL', 'smtp://mail.example.com/path'],
    ['SMTP_URL', 'smtp://mail.example.com?tls=no'],
    ['SMTP_URL', 'smtp://mail.example.com?tls=none&x=y'],
    ['SMTP_URL', 'smtp://mail.example.com#x'],
    ['SMTP_URL', 'smtp://me:50%@mail.example.com'],
    ['SMTP_URL', 'smtp://me:25/3@mail.example.com'],
    ['SMTP_URL', 'smtp://me:25#3@mail.example.com'],
    ['SMTP_URL', 'smtp://me:25?3@mail.example.com'],
    ['MAIL_FROM', 'a@example.com, b@example.com'],
    ['MAIL_FROM', 'Lingomate <a@example.com> b'],
    ['MAIL_FROM', 'Lingomate\r\nBcc: b@example.com <a@example.com>'],
    ['MAIL_FROM', 'Lingo"mate <a@example.com>'],
    ['MAIL_FROM', 'a b@example.com'],
    ['AUDIT_RETENTION_DAYS', '1.5'],
    ['AUDIT_RETENTION_DAYS', '36501'],
  ])('%s=%j is refused', (name, value) => {
    expect(refusedOf({ ...IN_MEMORY, [name]: value })).toEqual([name]);
  });

  const SMTP_URL = 'smtp://mail.example.com';
  const APP_URL = 'https://app.example.com';
  const MAIL_FROM = 'no-reply@example.com';

  test.each([
    ['in production without a mail server', { NODE_ENV: 'production' }, []],
    ['in production with one', { NODE_ENV: 'production', SMTP_URL, APP_URL, MAIL_FROM }, []],
    ['in production with one alone', { NODE_ENV: 'production', SMTP_URL }, ['APP_URL', 'MAIL_FROM']],
    ['in production with links over http', { NODE_ENV: 'production', SMTP_URL, MAIL_FROM, APP_URL: 'http://app.example.com' }, ['APP_URL']],
    ['in development with one alone', { SMTP_URL }, []],
    ['in tests with one alone', { NODE_ENV: 'test', SMTP_URL }, []],
  ])('%s', (_, settings, refused) => {
    expect(refusedOf({ ...KEYS, ISSUER: 'https://auth.example.com', ...settings })).toEqual(refused);
  });

  test.each([
    'smtp://localhost',
    'smtp://127.0.0.1:1025/',
    'smtp://[::1]:1025',
    'smtp://mail.example.com?tls=none',
    'smtp://mail.example.com:587?tls=starttls',
    'smtps://me%40example.com:p%25%40ss@mail.example.com:465',
  ])('SMTP_URL=%s is taken', (url) => {
    expect(loadConfig({ ...IN_MEMORY, SMTP_URL: url }).mail.smtpUrl).toBe(url);
  });

  test.each([
    ['no-reply@example.com', 'Shop', 'no-reply@example.com'],
    ['<no-reply@example.com>', 'Shop', 'no-reply@example.com'],
    ['no-reply@localhost', 'Shop', 'no-reply@localhost'],
    ['Bücher & Co. <no-reply@example.com>', 'Bücher & Co.', 'no-reply@example.com'],
    ['Example (EU) <no-reply@example.com>', 'Example (EU)', 'no-reply@example.com'],
    ['"Example" <no-reply@example.com>', 'Example', 'no-reply@example.com'],
    ['"Example, Inc." <no-reply@example.com>', 'Example, Inc.', 'no-reply@example.com'],
    ['"Help: \\"Example\\"" <no-reply@example.com>', 'Help: "Example"', 'no-reply@example.com'],
  ])('MAIL_FROM=%s is the sender %s', (from, name, address) => {
    expect(loadConfig({ ...IN_MEMORY, APP_NAME: 'Shop', MAIL_FROM: from }).mail.from).toEqual({ name, address });
  });

  test.each(['Exämple, GmbH <no-reply@example.com>', 'Help: Example <no-reply@example.com>', '"Example <no-reply@example.com>'])(
    'MAIL_FROM=%s is refused with the advice to quote the name',
    (from) => {
      expect(faultsOf({ ...IN_MEMORY, MAIL_FROM: from })).toEqual([expect.stringContaining('needs double quotes: "Example, Inc."')]);
    },
  );

  test('without MAIL_FROM the sender is named after the app', () => {
    expect(loadConfig({ ...IN_MEMORY, APP_NAME: 'Shop' }).mail.from).toEqual({ name: 'Shop', address: 'no-reply@localhost' });
  });

  test.each([
    ['https://app.example.com/', 'https://app.example.com'],
    ['http://localhost:5173//', 'http://localhost:5173'],
    ['https://example.com/app', 'https://example.com/app'],
  ])('APP_URL=%s is %s', (url, appUrl) => {
    expect(loadConfig({ ...IN_MEMORY, APP_URL: url }).mail.appUrl).toBe(appUrl);
  });
});
