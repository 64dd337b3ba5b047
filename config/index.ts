import type { RootKeys } from '../src/lib/derived-key.js';
import { isLoopbackOrigin } from '../src/lib/loopback.js';
import { type Mailbox, readMailbox } from '../src/lib/mailbox.js';
import { ConfigError } from './config-error.js';
import { type DatabaseTarget, parseDatabaseUrl } from './database.js';
import { readGiven, type SettingsInput } from './environment.js';
import { keptKeys, localKeys } from './keys.js';
import { type Limits, limitsOf } from './limits.js';
import { readSecretFiles } from './secret-files.js';
import { type Algorithm, isKeyPairAlgorithm } from './algorithms.js';
import { settingsSchema } from './schema.js';
import type { Settings } from './settings.js';
import { BUILT_IN_ROLES, readRoles } from './values.js';

/** The settings as the rest of the house reads them: frozen, typed, with units in the names. */
export interface Config {
  readonly environment: Settings['NODE_ENV'];
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Where clients find this service: the issuer where one is set, else this machine. */
    readonly publicUrl: string;
    /** The path of ISSUER, without a slash at its end; undefined where ISSUER is not set, and where the app is mounted says it. */
    readonly publicPath: string | undefined;
    readonly corsOrigins: readonly string[];
    /** Of the refresh cookie. */
    readonly cookieName: string;
    /** Whether a log-out clears what pages of this origin have stored. */
    readonly clearsStorage: boolean;
    readonly trustedProxies: number;
  };
  readonly database: DatabaseTarget;
  readonly token: {
    readonly algorithm: Algorithm;
    /** Absent where a key pair signs. */
    readonly secretKey: string | undefined;
    readonly previousSecretKey: string | undefined;
    /** Where `secretKey` was made here and is kept; absent where it is a setting. */
    readonly secretKeyFile: string | undefined;
    readonly lifetimeSeconds: number;
    readonly issuer: string;
    readonly audience: string;
    readonly clientId: string;
  };
  readonly session: {
    /** Without a refresh. */
    readonly idleSeconds: number;
    /** After the log-in. */
    readonly longestSeconds: number;
    /** Maximum of live sessions; 0 for none. */
    readonly perUser: number;
  };
  /** How old an authentication may be where a recent one is required. */
  readonly reauthentication: { readonly maxAgeSeconds: number };
  /** ROOT_KEY, and ROOT_KEY_PREVIOUS where it is set. */
  readonly rootKeys: RootKeys;
  /** The scopes of each role beside its own. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly mail: {
    readonly appName: string;
    /** What the links in mails begin with; without a slash at its end. */
    readonly appUrl: string;
    /** Absent where mails only wait. */
    readonly smtpUrl: string | undefined;
    /** The sender; its name is APP_NAME where MAIL_FROM has none. */
    readonly from: Mailbox;
    /** How long the token of a verification is valid. */
    readonly verificationHours: number;
  };
  /** Whether clients may register. */
  readonly registration: Settings['REGISTRATION'];
  readonly limits: Limits;
  readonly audit: { /** 0 for ever. */ readonly retentionDays: number };
  readonly password: {
    readonly rounds: number;
    readonly threads: number;
    readonly queueLimit: number;
    /** Minimum length of a new password, in code points. */
    readonly minLength: number;
  };
  /** How much work may wait before more is refused. */
  readonly queues: {
    /** Requests under way. */
    readonly requests: number;
    /** Transactions of requests. */
    readonly transactions: number;
    readonly mails: number;
  };
  /** For an import from Firebase; absent where the environment has none. */
  readonly firebaseSignerKey: string | undefined;
  readonly logLevel: Settings['LOG_LEVEL'];
  readonly shutdownSeconds: number;
  /** What the operator should be told at start. */
  readonly notices: readonly string[];
}

/**
 * Checks the settings and fills in the defaults; what is not a setting is ignored, and an empty one counts as absent.
 * Throws ConfigError with every fault at once.
 */
export const loadConfig = (environment: SettingsInput): Config => configOf(environment, localKeys);

/** The same for who only looks: makes and changes no key file, and draws for the moment the keys that a start would make. */
export const inspectConfig = (environment: SettingsInput): Config => configOf(environment, keptKeys);

function configOf(environment: SettingsInput, keysBeside: typeof localKeys): Config {
  const { texts, faults: misquoted, notices } = readGiven(environment);
  const files = readSecretFiles(texts);
  const faults = new Map([...misquoted, ...files.faults]);
  // The default serves development alone.
  const origins = texts['CORS_ORIGINS'] ?? (texts['NODE_ENV'] === 'production' ? '' : undefined);
  const given = { ...texts, ...files.values, ...(origins === undefined ? {} : { CORS_ORIGINS: splitList(origins) }) };
  const result = settingsSchema.validate(given, {
    abortEarly: false,
    stripUnknown: true,
    errors: { wrap: { label: false, array: false } },
  });
  // The schema would report a setting whose file or quotes are at fault a second time.
  const invalid = result.error?.details.filter(({ path: [name] }) => !faults.has(String(name))) ?? [];
  const all = [...faults.values(), ...invalid.map(({ message }) => message)];
  if (result.error !== undefined || all.length > 0) throw new ConfigError(all);
  const issuer = texts['ISSUER'] === undefined ? undefined : result.value.ISSUER;
  return toConfig({ settings: result.value, issuer, keysBeside, notices });
}

const splitList = (value: string): string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const DAY_SECONDS = 24 * 60 * 60;

interface Checked {
  readonly settings: Settings;
  /** ISSUER, where it is set. */
  readonly issuer: string | undefined;
  readonly keysBeside: typeof localKeys;
  readonly notices: readonly string[];
}

function toConfig({ settings, issuer, keysBeside, notices }: Checked): Config {
  const database = parseDatabaseUrl(settings.DATABASE_URL);
  if (!database) throw new TypeError('the schema let an unreadable DATABASE_URL through');
  const { secretKey, secretKeyFile, rootKey, notices: keyNotices } = keysOf(settings, database, keysBeside);
  return deepFreeze({
    environment: settings.NODE_ENV,
    http: {
      host: settings.HOST,
      port: settings.PORT,
      publicUrl: issuer ?? `http://localhost:${settings.PORT}`,
      publicPath: issuer === undefined ? undefined : new URL(issuer).pathname.replace(/\/$/, ''),
      corsOrigins: settings.CORS_ORIGINS,
      cookieName: settings.COOKIE_NAME,
      clearsStorage: settings.CLEAR_SITE_DATA === 'storage',
      trustedProxies: settings.TRUST_PROXY,
    },
    database,
    token: {
      algorithm: settings.ALGORITHM,
      secretKey,
      previousSecretKey: settings.SECRET_KEY_PREVIOUS,
      secretKeyFile,
      lifetimeSeconds: settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
      issuer: settings.ISSUER,
      audience: settings.AUDIENCE,
      clientId: settings.CLIENT_ID,
    },
    session: {
      idleSeconds: settings.REFRESH_TOKEN_EXPIRE_DAYS * DAY_SECONDS,
      longestSeconds: settings.SESSION_MAX_DAYS * DAY_SECONDS,
      perUser: settings.SESSIONS_PER_USER,
    },
    reauthentication: { maxAgeSeconds: settings.REAUTHENTICATION_MINUTES * 60 },
    rootKeys: { current: rootKey, previous: settings.ROOT_KEY_PREVIOUS },
    roles: { ...Object.fromEntries(BUILT_IN_ROLES.map((role) => [role, []])), ...readRoles(settings.ROLES) },
    mail: {
      appName: settings.APP_NAME,
      appUrl: settings.APP_URL.replace(/\/+$/, ''),
      smtpUrl: settings.SMTP_URL,
      from: senderOf(settings),
      verificationHours: settings.EMAIL_VERIFICATION_HOURS,
    },
    registration: settings.REGISTRATION,
    limits: limitsOf(settings),
    audit: { retentionDays: settings.AUDIT_RETENTION_DAYS },
    password: {
      rounds: settings.BCRYPT_ROUNDS,
      threads: settings.HASH_THREADS,
      queueLimit: settings.HASH_QUEUE_LIMIT,
      minLength: settings.PASSWORD_MIN_LENGTH,
    },
    queues: { requests: settings.REQUEST_LIMIT, transactions: settings.DATABASE_QUEUE_LIMIT, mails: settings.MAIL_QUEUE_LIMIT },
    firebaseSignerKey: settings.FIREBASE_SIGNER_KEY,
    logLevel: settings.LOG_LEVEL,
    shutdownSeconds: settings.SHUTDOWN_SECONDS,
    notices: [...keyNotices, ...originNotices(settings), ...notices],
  });
}

function senderOf({ MAIL_FROM, APP_NAME }: Settings): Mailbox {
  const mailbox = readMailbox(MAIL_FROM);
  if (!mailbox) throw new TypeError('the schema let an unreadable MAIL_FROM through');
  return { ...mailbox, name: mailbox.name || APP_NAME };
}

/** Loopback origins are legitimate where an app runs in a web view (Capacitor), and an accident elsewhere. */
function originNotices({ NODE_ENV, CORS_ORIGINS }: Settings): string[] {
  const loopback = CORS_ORIGINS.filter(isLoopbackOrigin);
  if (NODE_ENV !== 'production' || loopback.length === 0) return [];
  return [
    `CORS_ORIGINS has ${loopback.join(', ')} in production: any program on a user's machine can serve such a page. Remove it unless your app runs in a web view`,
  ];
}

interface Keys {
  readonly secretKey: string | undefined;
  readonly secretKeyFile: string | undefined;
  readonly rootKey: string;
  readonly notices: string[];
}

function keysOf(settings: Settings, database: DatabaseTarget, keysBeside: typeof localKeys): Keys {
  const needsSecret = !isKeyPairAlgorithm(settings.ALGORITHM);
  if (settings.ROOT_KEY !== undefined && (settings.SECRET_KEY !== undefined || !needsSecret)) {
    return { secretKey: settings.SECRET_KEY, secretKeyFile: undefined, rootKey: settings.ROOT_KEY, notices: [] };
  }
  const { keys, made, file } = keysBeside(database);
  const secretKey = settings.SECRET_KEY ?? keys.SECRET_KEY;
  const rootKey = settings.ROOT_KEY ?? keys.ROOT_KEY;
  if (secretKey === rootKey)
    throw new ConfigError(['SECRET_KEY and ROOT_KEY must differ, and one is the key kept for the other. Set both']);
  const missing = [
    ...(needsSecret && settings.SECRET_KEY === undefined ? ['SECRET_KEY'] : []),
    ...(settings.ROOT_KEY === undefined ? ['ROOT_KEY'] : []),
  ];
  return {
    secretKey,
    secretKeyFile: missing.includes('SECRET_KEY') ? file : undefined,
    rootKey,
    notices: made
      ? [
          `${missing.join(' and ')} ${missing.length > 1 ? 'were made and are' : 'was made and is'} kept in ${file}: keep it as safe as the database`,
        ]
      : [],
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) deepFreeze(member);
  return Object.freeze(value);
}

export { ConfigError } from './config-error.js';
export { readEnvironment } from './environment.js';
export type { SettingsInput } from './environment.js';
export { describeTarget } from './database.js';
export type { DatabaseTarget } from './database.js';
export { keyFileOf } from './keys.js';
export type { Limits } from './limits.js';
export { isKeyPairAlgorithm } from './algorithms.js';
export type { Algorithm, KeyPairAlgorithm, SecretAlgorithm } from './algorithms.js';
