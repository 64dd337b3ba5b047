import Joi from 'joi';
import { MAX_SCOPE_CHARACTERS } from '../src/lib/roles.js';
import { accountSettings } from './accounts.js';
import { cookieSettings } from './cookies.js';
import { isPostgres, parseDatabaseUrl, SSL_MODES } from './database.js';
import { HMAC_KEY_BYTES, KEY_PAIR_ALGORITHMS } from './algorithms.js';
import { forAlgorithm, KEYGEN, requiredWhereShared, signingKey } from './key-rules.js';
import { limitSettings } from './limits.js';
import type { Settings } from './settings.js';
import { assignableRoles, exactOrigin, originsForProduction, plainUrl, publicHttps, sender, smtpUrl } from './values.js';

const PUBLIC_URL = 'the public https URL of this service, such as https://auth.example.com, which tokens and metadata name';

/** How the characters that end a part of a URL are written within a user name or password (RFC 3986 §2.1). */
const PERCENT = 'write % # / ? @ : of a user name or password as %25 %23 %2F %3F %40 %3A';

/**
 * Every setting once: name, default, unit, meaning, secrecy and what is unsafe. `.env.example` and `docs/settings.md`
 * are generated from here.
 */
export const settingsSchema = Joi.object<Settings, true>({
  NODE_ENV: Joi.string()
    .valid('development', 'test', 'production')
    .default('development')
    .description('Production refuses unsafe settings and writes its log as JSON.'),
  HOST: Joi.string().hostname().default('127.0.0.1').description('Address to listen on; `0.0.0.0` is every one.'),
  PORT: Joi.number().port().default(8000).description('Port to listen on.'),
  DATABASE_URL: Joi.string()
    .default('sqlite:lingomateai.db')
    .custom((value: string, helpers) => {
      if (parseDatabaseUrl(value)) return value;
      return helpers.error(isPostgres(value) ? 'database.postgres' : 'database.unknown');
    })
    .messages({
      'database.unknown': '{#label} is not a database: use sqlite:path, sqlite:///path, sqlite::memory: or postgres://user@host/name',
      'database.postgres': `{#label} is not a PostgreSQL URL: use postgres://user:password@host:5432/name, and ${PERCENT}; a socket is postgres:///name?host=/folder; the parameters are host=, sslmode= (${SSL_MODES.join(', ')}), application_name= and options=`,
    })
    .meta({ secret: true })
    .description('`sqlite:path`, `sqlite:///./path` (as SQLAlchemy writes it), `sqlite::memory:` or `postgres://…`.'),
  ALGORITHM: Joi.string()
    .valid(...Object.keys(HMAC_KEY_BYTES), ...KEY_PAIR_ALGORITHMS)
    .default('HS256')
    .description(
      'How access tokens are signed: `HS256`, `HS384` or `HS512` with SECRET_KEY; `RS256`, `PS256` or `ES256` with a key pair that is made and kept in the database.',
    ),
  SECRET_KEY: signingKey(forAlgorithm)
    .when('ALGORITHM', { is: Joi.valid(...KEY_PAIR_ALGORITHMS), otherwise: requiredWhereShared(Joi.string()) })
    .description(
      'Signs access tokens under `HS256` and its kin. May be shared with services that verify them. Made at first start in development.',
    ),
  SECRET_KEY_PREVIOUS: signingKey(forAlgorithm).description('The key before SECRET_KEY: still verifies, no longer signs.'),
  ROOT_KEY: requiredWhereShared(signingKey(() => HMAC_KEY_BYTES.HS256))
    .invalid(Joi.ref('SECRET_KEY'), Joi.ref('SECRET_KEY_PREVIOUS'))
    .messages({ 'any.invalid': `{#label} must not be the same as SECRET_KEY or SECRET_KEY_PREVIOUS. Make one with: ${KEYGEN}` })
    .description('The root of every other secret. Never shared. Made at first start in development.'),
  ROOT_KEY_PREVIOUS: signingKey(() => HMAC_KEY_BYTES.HS256)
    .invalid(Joi.ref('ROOT_KEY'), Joi.ref('SECRET_KEY'), Joi.ref('SECRET_KEY_PREVIOUS'))
    .messages({ 'any.invalid': '{#label} must differ from ROOT_KEY, SECRET_KEY and SECRET_KEY_PREVIOUS. Set it to the ROOT_KEY of before' })
    .description('The key before ROOT_KEY: still opens and verifies, makes nothing new.'),
  ACCESS_TOKEN_EXPIRE_MINUTES: Joi.number().integer().min(1).max(1440).default(30).unit('minutes').description('Life of an access token.'),
  REFRESH_TOKEN_EXPIRE_DAYS: Joi.number()
    .integer()
    .min(1)
    .max(3650)
    .default(30)
    .unit('days')
    .description('A session that is not refreshed for so long has ended.'),
  SESSION_MAX_DAYS: Joi.number()
    .integer()
    .min(1)
    .max(3650)
    .default(90)
    .unit('days')
    .description('A session ends so long after its log-in, however busy it is.'),
  REAUTHENTICATION_MINUTES: Joi.number()
    .integer()
    .min(1)
    .max(1440)
    .default(5)
    .unit('minutes')
    .description(
      'How recent an authentication must be for changes to credentials and for administrative writes; an older one is answered 401 `reauthentication_required`.',
    ),
  SESSIONS_PER_USER: Joi.number()
    .integer()
    .min(0)
    .max(10_000)
    .default(100)
    .unit('sessions')
    .description('Maximum of live sessions of one user: a further log-in ends the least recently used one. 0 is no maximum.'),
  ISSUER: Joi.string()
    .max(255)
    .custom(plainUrl)
    .default('http://localhost:8000')
    .when('NODE_ENV', { is: 'production', then: Joi.string().custom(publicHttps).required() })
    .messages({
      'any.required': `{#label} is required in production: it is ${PUBLIC_URL}`,
      'url.inexact': `{#label} must be an http or https URL without user, query and fragment: it is ${PUBLIC_URL}`,
      'url.private': `{#label} must be https, and no loopback host, in production: it is ${PUBLIC_URL}`,
    })
    .description('`iss` of every token: the public URL of this service. Required in production, with https.'),
  AUDIENCE: Joi.string().min(1).max(255).default('lingomate').description('`aud` of every token.'),
  CLIENT_ID: Joi.string()
    .max(255)
    .pattern(/^[\x20-\x7e]+$/) // RFC 6749 appendix A.1
    .default('lingomate')
    .messages({ 'string.pattern.base': '{#label} must be printable ASCII (RFC 6749 appendix A.1)' })
    .description('`client_id` of every token.'),
  CORS_ORIGINS: Joi.array()
    .items(
      Joi.string().label('CORS_ORIGINS').custom(exactOrigin).messages({
        'origin.inexact':
          '{#label} must be exact origins, such as https://app.example.com or capacitor://localhost: scheme, host and port, no path, no *',
        'origin.respelt': '{#label} must be exact origins as browsers send them: use {#origin}',
      }),
    )
    .default(['http://localhost:3000'])
    .when('NODE_ENV', { is: 'production', then: Joi.array().custom(originsForProduction) })
    .messages({
      'origin.plain': '{#label} must be https in production: an attacker on the network can change a page that is served over http',
    })
    .description('Origins whose pages may call this service, separated by commas; none in production unless it is set.'),
  ...cookieSettings,
  BCRYPT_ROUNDS: Joi.number()
    .integer()
    .min(4)
    .max(16)
    .when('NODE_ENV', { is: 'production', then: Joi.number().min(10) })
    .default(12)
    .unit('log2 of iterations')
    .description(
      'Cost of a password hash; production takes 10 or more. A log-in takes one second of a core at 14, two at 15 and four at 16. Stored hashes of a cost above both 14 and this are not verified, so their owners must reset the password.',
    ),
  HASH_THREADS: Joi.number()
    .integer()
    .min(0)
    .max(64)
    .default(0)
    .unit('threads')
    .description('Threads that hash passwords; 0 is one for each core.'),
  HASH_QUEUE_LIMIT: Joi.number()
    .integer()
    .min(1)
    .max(10_000)
    .default(64)
    .unit('hashes')
    .description('Hashes that may wait for a thread; more are answered 503 `overloaded`.'),
  DATABASE_QUEUE_LIMIT: Joi.number()
    .integer()
    .min(1)
    .max(10_000)
    .default(128)
    .unit('transactions')
    .description('Changes that may wait for their turn to be written; more are answered 503 `overloaded`.'),
  MAIL_QUEUE_LIMIT: Joi.number()
    .integer()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .unit('mails')
    .description('Mails that may wait to be sent; what would cause another is answered 503 `overloaded`.'),
  REQUEST_LIMIT: Joi.number()
    .integer()
    .min(1)
    .max(100_000)
    .default(1000)
    .unit('requests')
    .description(
      'Requests that may be worked on at once, and that may wait to begin; more are answered 503 `overloaded`. Health is always answered.',
    ),
  TRUST_PROXY: Joi.number()
    .integer()
    .min(0)
    .max(10)
    .default(0)
    .unit('proxies')
    .description('How many proxies in front may name the client in `X-Forwarded-For`.'),
  ...limitSettings,
  ROLES: Joi.string()
    .default('{}')
    .custom(assignableRoles)
    .messages({
      'roles.unreadable':
        '{#label} must be JSON that lists the scopes of each role, as .env.example shows: names of a-z, 0-9, - and _, scopes without spaces. The scopes `user` and `admin` belong to the roles of those names alone',
      'roles.too_long': `{#label}: the scopes of {#role} have more than the ${MAX_SCOPE_CHARACTERS} characters that an access token takes. Give it fewer or shorter ones`,
    })
    .description('Roles beside `user` and `admin`, and the scopes of each, as JSON: `{"editor":["articles:write"]}`.'),
  APP_NAME: Joi.string()
    .max(60)
    .pattern(/^[^\p{C}]+$/u)
    .default('Lingomate')
    .messages({ 'string.pattern.base': '{#label} must be one line of text that can be seen' })
    .description('What mails call your app.'),
  APP_URL: Joi.string()
    .custom(plainUrl)
    .default('http://localhost:3000')
    .when('NODE_ENV', {
      is: 'production',
      then: Joi.when('SMTP_URL', {
        is: Joi.exist(),
        then: Joi.string()
          .pattern(/^https:/)
          .required(),
      }),
    })
    .messages({
      'any.required':
        '{#label} is required in production with SMTP_URL: it is where the links in mails lead, such as https://app.example.com',
      'string.pattern.base': '{#label} must be https in production: it is where the links in mails lead',
      'url.inexact': '{#label} must be an http or https URL without user, query and fragment, such as https://app.example.com',
    })
    .description('Where your app is: what the links in mails begin with.'),
  SMTP_URL: Joi.string()
    .custom(smtpUrl)
    .meta({ secret: true })
    .messages({
      'smtp.unreadable': `{#label} must be smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465; ${PERCENT}; a host elsewhere that has no TLS needs ?tls=none behind it`,
    })
    .description('The mail server. Without one, mails wait, and `/dev/mailbox` shows them outside production.'),
  MAIL_FROM: Joi.string()
    .custom(sender)
    .default('no-reply@localhost')
    .when('NODE_ENV', { is: 'production', then: Joi.when('SMTP_URL', { is: Joi.exist(), then: Joi.required() }) })
    .messages({
      'any.required': '{#label} is required in production with SMTP_URL: the sender of every mail, such as Example <no-reply@example.com>',
      'mail.unreadable':
        '{#label} must be one e-mail address, with or without a name: no-reply@example.com or Example <no-reply@example.com>; a name with any of , ; : < > @ needs double quotes: "Example, Inc." <no-reply@example.com>',
    })
    .description('Sender of every mail, with `APP_NAME` as its name unless it has one. Mail servers are greeted with its domain.'),
  ...accountSettings,
  AUDIT_RETENTION_DAYS: Joi.number()
    .integer()
    .min(0)
    .max(36_500)
    .default(365)
    .unit('days')
    .description('How long audit events are kept; 0 is for ever.'),
  FIREBASE_SIGNER_KEY: Joi.string()
    .base64()
    .meta({ secret: true })
    .description('`base64_signer_key` of a Firebase project, for `import` of its users alone.'),
  LOG_LEVEL: Joi.string()
    .valid('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')
    .default('info')
    .description('`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.'),
  SHUTDOWN_SECONDS: Joi.number()
    .integer()
    .min(0)
    .max(300)
    .default(10)
    .unit('seconds')
    .description('How long requests under way may take to finish after SIGTERM.'),
});
