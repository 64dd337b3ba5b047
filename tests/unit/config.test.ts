import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../config/index.js';
import { SETTING_NAMES as NAMES } from '../../config/setting-names.js';
import { faultsOf, variableOf } from '../support/config-faults.js';

const randomKey = (bytes = 64): string => randomBytes(bytes).toString('base64url');
const KEYS = { SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
const IN_MEMORY = { DATABASE_URL: 'sqlite::memory:' };

describe('defaults', () => {
  test('every setting but the keys has the default that is written down', () => {
    expect(loadConfig(KEYS)).toEqual({
      environment: 'development',
      http: {
        host: '127.0.0.1',
        port: 8000,
        publicUrl: 'http://localhost:8000',
        corsOrigins: ['http://localhost:3000'],
        cookieName: '__Host-refresh_token',
        clearsStorage: false,
        trustedProxies: 0,
      },
      database: { dialect: 'sqlite', file: 'lingomateai.db' },
      token: {
        algorithm: 'HS256',
        secretKey: KEYS.SECRET_KEY,
        previousSecretKey: undefined,
        lifetimeSeconds: 1800,
        issuer: 'http://localhost:8000',
        audience: 'lingomate',
        clientId: 'lingomate',
      },
      session: { idleSeconds: 30 * 86_400, longestSeconds: 90 * 86_400, perUser: 100 },
      reauthentication: { maxAgeSeconds: 300 },
      rootKeys: { current: KEYS.ROOT_KEY, previous: undefined },
      roles: { user: [], admin: [] },
      mail: {
        appName: 'Lingomate',
        appUrl: 'http://localhost:3000',
        smtpUrl: undefined,
        from: { name: 'Lingomate', address: 'no-reply@localhost' },
        verificationHours: 24,
      },
      registration: 'open',
      limits: {
        on: true,
        failures: { perAccount: 10, perAddress: 100, codeTries: 5, consecutive: 100 },
        windowSeconds: 900,
        longestWaitSeconds: 3600,
        hourly: { registrations: 100, resets: 100, mails: 5 },
        refreshes: 600,
        logIns: { perAccount: 1000, perClient: 10_000 },
        writes: { perAccount: 300, perClient: 3000, perAdministrator: 1200 },
        introspections: 6000,
      },
      audit: { retentionDays: 365 },
      password: { rounds: 12, threads: 0, queueLimit: 64, minLength: 8 },
      queues: { requests: 1000, transactions: 128, mails: 10_000 },
      logLevel: 'info',
      shutdownSeconds: 10,
      notices: [],
    });
  });

  test('with both keys set no key file is made', () => {
    loadConfig({ ...KEYS, DATABASE_URL: 'sqlite:no-such-database.db' });
    expect(existsSync('no-such-database.db.keys.json')).toBe(false);
  });

  test('in memory the keys are drawn anew for each process, and differ from each other', () => {
    const [one, other] = [loadConfig(IN_MEMORY), loadConfig(IN_MEMORY)];
    const drawn = [one.token.secretKey, one.rootKeys.current, other.token.secretKey, other.rootKeys.current];
    expect(new Set(drawn).size).toBe(4);
    expect(drawn.every((key) => Buffer.byteLength(key ?? '') >= 64)).toBe(true);
    expect(one.notices).toEqual([]);
  });

  test.each(['', ' ', '\t\n'])('%j counts as absent in every setting', (nothing) => {
    const blank = Object.fromEntries(NAMES.map((name) => [name, nothing]));
    expect(loadConfig({ ...blank, ...KEYS })).toEqual(loadConfig(KEYS));
    expect(loadConfig({ ...blank, ...IN_MEMORY }).token.secretKey).not.toBe(nothing);
  });

  test('without an issuer of its own the service is found on this machine, at its port', () => {
    const { http, token } = loadConfig({ ...KEYS, PORT: 8123 });
    expect([http.publicUrl, token.issuer]).toEqual(['http://localhost:8123', 'http://localhost:8000']);
  });

  test('what is not a setting of ours is ignored', () => {
    const others = { PATH: '/usr/bin', secret_key: 'x', npm_config_port: 'y', API_URL: 'https://api.example.com', PORTS: '1' };
    expect(loadConfig({ ...KEYS, ...others })).toEqual(loadConfig(KEYS));
  });

  test('the whole config is frozen, however deep', () => {
    const thawed: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) thawed.push(path);
      for (const [name, member] of Object.entries(value)) visit(member, `${path}.${name}`);
    };
    visit(loadConfig(KEYS), 'config');
    expect(thawed).toEqual([]);
  });
});

describe('good settings', () => {
  test('each one reaches its place in the config', () => {
    const [previous, previousRoot] = [randomKey(), randomKey()];
    const config = loadConfig({
      NODE_ENV: 'production',
      HOST: '0.0.0.0',
      PORT: '9000',
      DATABASE_URL: 'postgres://auth:pw@db.internal:5433/auth',
      ...KEYS,
      SECRET_KEY_PREVIOUS: previous,
      ROOT_KEY_PREVIOUS: previousRoot,
      ALGORITHM: 'HS512',
      ACCESS_TOKEN_EXPIRE_MINUTES: '5',
      REFRESH_TOKEN_EXPIRE_DAYS: '7',
      SESSION_MAX_DAYS: '14',
      REAUTHENTICATION_MINUTES: '60',
      SESSIONS_PER_USER: '7',
      ISSUER: 'https://auth.example.com',
      AUDIENCE: 'shop',
      CLIENT_ID: 'spa',
      CORS_ORIGINS: 'https://app.example.com, https://admin.example.com:8443 ,',
      COOKIE_NAME: '__Host-shop',
      CLEAR_SITE_DATA: 'storage',
      BCRYPT_ROUNDS: '13',
      HASH_THREADS: '3',
      HASH_QUEUE_LIMIT: '5',
      DATABASE_QUEUE_LIMIT: '6',
      MAIL_QUEUE_LIMIT: '7',
      REQUEST_LIMIT: '8',
      TRUST_PROXY: '2',
      RATE_LIMIT: 'on',
      LIMIT_FAILURES_PER_ACCOUNT: '3',
      LIMIT_FAILURES_PER_ADDRESS: '30',
      LIMIT_CODE_TRIES: '4',
      LIMIT_CONSECUTIVE_FAILURES: '50',
      LIMIT_WINDOW_MINUTES: '10',
      LIMIT_LONGEST_WAIT_MINUTES: '30',
      LIMIT_REGISTRATIONS_PER_ADDRESS: '10',
      LIMIT_RESETS_PER_ADDRESS: '20',
      LIMIT_MAILS_PER_ACCOUNT: '2',
      LIMIT_REFRESHES_PER_SESSION: '60',
      LIMIT_LOG_INS_PER_ACCOUNT: '61',
      LIMIT_LOG_INS_PER_CLIENT: '62',
      LIMIT_WRITES_PER_ACCOUNT: '63',
      LIMIT_WRITES_PER_CLIENT: '64',
      LIMIT_WRITES_PER_ADMINISTRATOR: '65',
      LIMIT_INTROSPECTIONS_PER_CALLER: '600',
      ROLES: '{"editor":["articles:write","articles:read"],"admin":["admin","audit"]}',
      APP_NAME: 'Bücher & Co',
      APP_URL: 'https://app.example.com/shop/',
      SMTP_URL: 'smtps://me%40example.com:p%40ss@mail.example.com',
      MAIL_FROM: 'Bücher <no-reply@example.com>',
      REGISTRATION: 'invite',
      EMAIL_VERIFICATION_HOURS: '48',
      PASSWORD_MIN_LENGTH: '15',
      AUDIT_RETENTION_DAYS: '0',
      FIREBASE_SIGNER_KEY: 'a2V5',
      LOG_LEVEL: 'warn',
      SHUTDOWN_SECONDS: '30',
    });
    expect(config).toEqual({
      environment: 'production',
      http: {
        host: '0.0.0.0',
        port: 9000,
        publicUrl: 'https://auth.example.com',
        publicPath: '',
        corsOrigins: ['https://app.example.com', 'https://admin.example.com:8443'],
        cookieName: '__Host-shop',
        clearsStorage: true,
        trustedProxies: 2,
      },
      database: { dialect: 'postgres', url: 'postgres://auth:pw@db.internal:5433/auth' },
      token: {
        algorithm: 'HS512',
        secretKey: KEYS.SECRET_KEY,
        previousSecretKey: previous,
        lifetimeSeconds: 300,
        issuer: 'https://auth.example.com',
        audience: 'shop',
        clientId: 'spa',
      },
      session: { idleSeconds: 7 * 86_400, longestSeconds: 14 * 86_400, perUser: 7 },
      reauthentication: { maxAgeSeconds: 3600 },
      rootKeys: { current: KEYS.ROOT_KEY, previous: previousRoot },
      roles: { user: [], admin: ['admin', 'audit'], editor: ['articles:write', 'articles:read'] },
      mail: {
        appName: 'Bücher & Co',
        appUrl: 'https://app.example.com/shop',
        smtpUrl: 'smtps://me%40example.com:p%40ss@mail.example.com',
        from: { name: 'Bücher', address: 'no-reply@example.com' },
        verificationHours: 48,
      },
      registration: 'invite',
      limits: {
        on: true,
        failures: { perAccount: 3, perAddress: 30, codeTries: 4, consecutive: 50 },
        windowSeconds: 600,
        longestWaitSeconds: 1800,
        hourly: { registrations: 10, resets: 20, mails: 2 },
        refreshes: 60,
        logIns: { perAccount: 61, perClient: 62 },
        writes: { perAccount: 63, perClient: 64, perAdministrator: 65 },
        introspections: 600,
      },
      audit: { retentionDays: 0 },
      password: { rounds: 13, threads: 3, queueLimit: 5, minLength: 15 },
      queues: { requests: 8, transactions: 6, mails: 7 },
      firebaseSignerKey: 'a2V5',
      logLevel: 'warn',
      shutdownSeconds: 30,
      notices: [],
    });
  });

  test('no key that was drawn at random is taken for a guessable one', () => {
    for (let round = 0; round < 500; round += 1) {
      const settings = { ...IN_MEMORY, SECRET_KEY: randomBytes(32).toString('hex'), ROOT_KEY: randomKey(24) };
      expect(faultsOf(settings)).toEqual([]);
    }
  });
});

describe('faults', () => {
  const CANARY = 'canary-Zq8';
  const broken: Record<string, string> = {
    NODE_ENV: 'prod',
    HOST: 'not a host',
    PORT: '80000',
    DATABASE_URL: `mysql://root:${CANARY}@db/auth`,
    SECRET_KEY: `${CANARY}-1`,
    SECRET_KEY_PREVIOUS: `${CANARY}-2`,
    ROOT_KEY: `${CANARY}-3`,
    ROOT_KEY_PREVIOUS: `${CANARY}-4`,
    ALGORITHM: 'none',
    ACCESS_TOKEN_EXPIRE_MINUTES: '0',
    REFRESH_TOKEN_EXPIRE_DAYS: '0',
    SESSION_MAX_DAYS: '1.5',
    REAUTHENTICATION_MINUTES: '0',
    SESSIONS_PER_USER: '-1',
    ISSUER: 'localhost:8000',
    AUDIENCE: 'x'.repeat(256),
    CLIENT_ID: 'ä',
    CORS_ORIGINS: '*',
    COOKIE_NAME: 'a name',
    CLEAR_SITE_DATA: 'cookies',
    BCRYPT_ROUNDS: '3',
    HASH_THREADS: '-1',
    HASH_QUEUE_LIMIT: '0',
    DATABASE_QUEUE_LIMIT: '0',
    MAIL_QUEUE_LIMIT: '0',
    REQUEST_LIMIT: '0',
    TRUST_PROXY: 'true',
    RATE_LIMIT: 'no',
    LIMIT_FAILURES_PER_ACCOUNT: '0',
    LIMIT_FAILURES_PER_ADDRESS: '0',
    LIMIT_CODE_TRIES: '101',
    LIMIT_CONSECUTIVE_FAILURES: '101',
    LIMIT_WINDOW_MINUTES: '0',
    LIMIT_LONGEST_WAIT_MINUTES: '0',
    LIMIT_REGISTRATIONS_PER_ADDRESS: '0',
    LIMIT_RESETS_PER_ADDRESS: '0',
    LIMIT_MAILS_PER_ACCOUNT: '0',
    LIMIT_REFRESHES_PER_SESSION: '0',
    LIMIT_LOG_INS_PER_ACCOUNT: '0',
    LIMIT_LOG_INS_PER_CLIENT: '0',
    LIMIT_WRITES_PER_ACCOUNT: '0',
    LIMIT_WRITES_PER_CLIENT: '0',
    LIMIT_WRITES_PER_ADMINISTRATOR: '0',
    LIMIT_INTROSPECTIONS_PER_CALLER: '0',
    ROLES: 'editor',
    APP_NAME: 'Lingo\nmate',
    APP_URL: 'app.example.com',
    SMTP_URL: `mail://me:${CANARY}@mail.example.com`,
    MAIL_FROM: 'Lingomate',
    REGISTRATION: 'none',
    EMAIL_VERIFICATION_HOURS: '169',
    PASSWORD_MIN_LENGTH: '7',
    AUDIT_RETENTION_DAYS: '-1',
    FIREBASE_SIGNER_KEY: `~${CANARY}`,
    LOG_LEVEL: 'loud',
    SHUTDOWN_SECONDS: '-1',
  };
  const faults = faultsOf(broken);

  test('all are told at once, each by the name of its variable', () => {
    expect(Object.keys(broken).sort()).toEqual([...NAMES].sort());
    expect(faults.map(variableOf).sort()).toEqual([...NAMES].sort());
    expect(faults.every((fault) => !fault.includes('\n'))).toBe(true);
  });

  test('each says what would be right', () => {
    const unhelpful = faults.filter((fault) => !/must be|use |Make one with|Set it to/.test(fault));
    expect(unhelpful).toEqual([]);
  });

  test('none shows the value of a secret', () => {
    expect(faults.join('\n')).not.toContain(CANARY);
    const same = `${CANARY}-${randomKey()}`;
    expect(faultsOf({ ...IN_MEMORY, SECRET_KEY: same, ROOT_KEY: same }).join('\n')).not.toContain(CANARY);
    const wellKnown = `${CANARY}-changeme-${randomKey()}`;
    expect(faultsOf({ ...IN_MEMORY, SECRET_KEY: wellKnown, SECRET_KEY_PREVIOUS: wellKnown }).join('\n')).not.toContain(CANARY);
  });

  test('the message has one line a fault', () => {
    expect(new ConfigError(['A', 'B']).message).toBe('A\nB');
  });

  test.each([
    ['PORT', '80.5'],
    ['PORT', '-1'],
    ['PORT', 'eight thousand'],
    ['HOST', 'http://localhost'],
    ['ACCESS_TOKEN_EXPIRE_MINUTES', '1441'],
    ['ACCESS_TOKEN_EXPIRE_MINUTES', '1.5'],
    ['ACCESS_TOKEN_EXPIRE_MINUTES', 'Infinity'],
    ['BCRYPT_ROUNDS', '17'],
    ['BCRYPT_ROUNDS', '12.5'],
    ['HASH_THREADS', '65'],
    ['TRUST_PROXY', '11'],
    ['LIMIT_FAILURES_PER_ACCOUNT', '101'],
    ['SHUTDOWN_SECONDS', '301'],
    ['ISSUER', 'javascript:alert(1)'],
    ['ALGORITHM', 'EdDSA'],
    ['ALGORITHM', 'hs256'],
    ['NODE_ENV', 'Production'],
  ])('%s=%j is refused', (name, value) => {
    expect(faultsOf({ ...IN_MEMORY, [name]: value }).map(variableOf)).toEqual([name]);
  });
});
