import { describe, expect, test } from '@jest/globals';
import { describeTarget, parseDatabaseUrl } from '../../config/database.js';

describe('parseDatabaseUrl', () => {
  test.each([
    ['sqlite:lingomateai.db', 'lingomateai.db'],
    ['sqlite:./data/auth.db', './data/auth.db'],
    ['sqlite:/var/lib/auth.db', '/var/lib/auth.db'],
    ['sqlite:///./lingomateai.db', './lingomateai.db'],
    ['sqlite:///lingomateai.db', 'lingomateai.db'],
    ['sqlite:////var/lib/auth.db', '/var/lib/auth.db'],
    ['sqlite:///C:/data/auth.db', 'C:/data/auth.db'],
    ['sqlite:with spaces and é.db', 'with spaces and é.db'],
    ['sqlite::memory:', ':memory:'],
    ['sqlite://', ':memory:'],
    ['sqlite:///:memory:', ':memory:'],
  ])('%s is the SQLite file %s', (url, file) => {
    expect(parseDatabaseUrl(url)).toEqual({ dialect: 'sqlite', file });
  });

  test.each([
    'postgres://localhost/auth',
    'postgresql://auth@localhost/auth',
    'postgres://auth:p%40ss@db.internal:5433/auth?options=-c%20search_path%3Dauth',
    'postgres://auth@[::1]:5433/auth',
    'postgres://db/auth?sslmode=disable',
    'postgres://db/auth?sslmode=require',
    'postgres://db/auth?sslmode=verify-full&application_name=auth',
  ])('%s is PostgreSQL', (url) => {
    expect(parseDatabaseUrl(url)).toEqual({ dialect: 'postgres', url });
  });

  const SOCKET = '%2Fvar%2Frun%2Fpostgresql';
  test.each([
    ['postgres:///auth?host=/var/run/postgresql', `postgres://${SOCKET}/auth`],
    ['postgresql://auth@/auth?host=/var/run/postgresql&sslmode=disable', `postgresql://auth@${SOCKET}/auth?sslmode=disable`],
    [
      'postgres://auth:p%40ss@localhost/auth?application_name=a%20b&host=%2Fvar%2Frun%2Fpostgresql',
      `postgres://auth:p%40ss@${SOCKET}/auth?application_name=a%20b`,
    ],
    [
      'postgres://auth:pw@localhost/auth?host=/cloudsql/project:region:instance',
      'postgres://auth:pw@%2Fcloudsql%2Fproject%3Aregion%3Ainstance/auth',
    ],
    [`postgres://auth:pw@${SOCKET}/auth`, `postgres://auth:pw@${SOCKET}/auth`],
  ])('%s is PostgreSQL at a socket', (given, url) => {
    expect(parseDatabaseUrl(given)).toEqual({ dialect: 'postgres', url });
  });

  test.each(['12/3', '50%off', '%zz', 'p#ss', 'p?ss', 'p/ss', '12#3', '12?3', 'p@ss/w', 'p:s/s'])(
    'a password %s that is not percent-encoded makes no database, so that no part of it is shown',
    (password) => {
      expect(parseDatabaseUrl(`postgres://auth:${password}@127.0.0.1:5432/auth`)).toBeUndefined();
    },
  );

  test.each(['postgres://50%off@db/auth', 'postgres://auth@db/50%off', 'postgres://auth@db%/auth'])('%s is no database', (url) => {
    expect(parseDatabaseUrl(url)).toBeUndefined();
  });

  test.each([
    '',
    'sqlite',
    'sqlite:',
    'sqlite:///',
    'sqlite://host/path.db',
    'sqlite:a\0b',
    'SQLITE:auth.db',
    'auth.db',
    'postgres:',
    'postgres://',
    'postgres:///auth',
    'postgres:///auth?host=db.internal',
    'postgres:///auth?host=/a&host=/b',
    'postgres://db/auth/other',
    'postgres://db/auth#x',
    'postgres://host:port/auth',
    'postgres://db/auth?sslmode=prefer',
    'postgres://db/auth?sslmode=require&sslmode=prefer',
    'postgres://db/auth?sslrootcert=ca.pem',
    'postgres://db/auth?target_session_attrs=read-write',
    'postgres://db/auth?constructor=x',
    'postgresql+psycopg2://localhost/auth',
    'mysql://localhost/auth',
    'https://localhost/auth',
  ])('%j is no database', (url) => {
    expect(parseDatabaseUrl(url)).toBeUndefined();
  });
});

describe('describeTarget', () => {
  test('a password in the URL is never shown, nor a user or an option', () => {
    const shown = describeTarget({ dialect: 'postgres', url: 'postgres://auth:canary@db.internal:5433/auth?sslpassword=canary' });
    expect(shown).toBe('postgres://db.internal:5433/auth');
  });

  test('a socket is shown by its folder', () => {
    const target = parseDatabaseUrl('postgres://auth:canary@localhost/auth?host=/var/run/postgresql');
    expect(target && describeTarget(target)).toBe('postgres:///auth?host=/var/run/postgresql');
  });

  test('a SQLite file is shown as it was named', () => {
    expect(describeTarget({ dialect: 'sqlite', file: './auth.db' })).toBe('./auth.db');
  });
});
