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

  test('a SQLite file is shown as it was named', () => {
    expect(describeTarget({ dialect: 'sqlite', file: './auth.db' })).toBe('./auth.db');
  });
});
