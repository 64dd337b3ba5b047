import type { Algorithm } from './algorithms.js';

/** The settings of the limits by the names they have in the environment. */
export interface LimitSettings {
  RATE_LIMIT: 'on' | 'off';
  LIMIT_FAILURES_PER_ACCOUNT: number;
  LIMIT_FAILURES_PER_ADDRESS: number;
  LIMIT_CODE_TRIES: number;
  LIMIT_CONSECUTIVE_FAILURES: number;
  LIMIT_WINDOW_MINUTES: number;
  LIMIT_LONGEST_WAIT_MINUTES: number;
  LIMIT_REGISTRATIONS_PER_ADDRESS: number;
  LIMIT_RESETS_PER_ADDRESS: number;
  LIMIT_MAILS_PER_ACCOUNT: number;
  LIMIT_REFRESHES_PER_SESSION: number;
  LIMIT_LOG_INS_PER_ACCOUNT: number;
  LIMIT_LOG_INS_PER_CLIENT: number;
  LIMIT_WRITES_PER_ACCOUNT: number;
  LIMIT_WRITES_PER_CLIENT: number;
  LIMIT_WRITES_PER_ADMINISTRATOR: number;
  LIMIT_INTROSPECTIONS_PER_CALLER: number;
}

/** The settings of how accounts begin, by their names in the environment. */
export interface AccountSettings {
  REGISTRATION: 'open' | 'invite' | 'closed';
  EMAIL_VERIFICATION_HOURS: number;
  PASSWORD_MIN_LENGTH: number;
}

/** The settings of cookies and of what a log-out clears, by the names they have in the environment. */
export interface CookieSettings {
  COOKIE_NAME: string;
  CLEAR_SITE_DATA: 'off' | 'storage';
}

/** The validated settings by the names they have in the environment. */
export interface Settings extends LimitSettings, AccountSettings, CookieSettings {
  NODE_ENV: 'development' | 'test' | 'production';
  HOST: string;
  PORT: number;
  DATABASE_URL: string;
  SECRET_KEY?: string;
  SECRET_KEY_PREVIOUS?: string;
  ROOT_KEY?: string;
  ROOT_KEY_PREVIOUS?: string;
  ALGORITHM: Algorithm;
  ACCESS_TOKEN_EXPIRE_MINUTES: number;
  REFRESH_TOKEN_EXPIRE_DAYS: number;
  SESSION_MAX_DAYS: number;
  REAUTHENTICATION_MINUTES: number;
  SESSIONS_PER_USER: number;
  ISSUER: string;
  AUDIENCE: string;
  CLIENT_ID: string;
  CORS_ORIGINS: string[];
  BCRYPT_ROUNDS: number;
  HASH_THREADS: number;
  HASH_QUEUE_LIMIT: number;
  DATABASE_QUEUE_LIMIT: number;
  MAIL_QUEUE_LIMIT: number;
  REQUEST_LIMIT: number;
  TRUST_PROXY: number;
  ROLES: string;
  APP_NAME: string;
  APP_URL: string;
  SMTP_URL?: string;
  MAIL_FROM: string;
  AUDIT_RETENTION_DAYS: number;
  FIREBASE_SIGNER_KEY?: string;
  LOG_LEVEL: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  SHUTDOWN_SECONDS: number;
}
