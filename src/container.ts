import { readFileSync } from 'node:fs';
import { type Config, describeTarget } from '../config/index.js';
import { createDatabase, type Database } from './adapters/database.js';
import { createHasher, type Hasher } from './adapters/hasher.js';
import { migrate } from './adapters/migrator.js';
import { type Clock, systemClock } from './lib/clock.js';
import { createModels } from './models/index.js';
import { createHealth, type Health } from './observability/health.js';
import { createLogger, type Logger } from './observability/logger.js';
import { type AuthService, createAuthService } from './services/auth.service.js';
import { createKeyService } from './services/key.service.js';
import { createPasswordService } from './services/password.service.js';
import { createTokenService, type TokenService } from './services/token.service.js';
import { createUserService, type UserService } from './services/user.service.js';

/** Parts that a caller may put in the place of ours. */
export interface Overrides {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hasher: Hasher;
}

export interface Services {
  readonly auth: AuthService;
  readonly tokens: TokenService;
  readonly users: UserService;
}

/** Everything that one instance of the service is made of; two share nothing. */
export interface Container {
  readonly config: Config;
  readonly services: Services;
  readonly health: Health;
  readonly logger: Logger;
  readonly database: Database;
  readonly version: string;
  /** Migrates the database and logs what that did; once, however often it is called, and again where it failed. Throws StartError. */
  start(): Promise<void>;
  /** Ends threads and connections; once. */
  close(): Promise<void>;
}

/** The composition root: plain factories in their order. Nothing is opened before `start`. */
export function createContainer(config: Config, overrides: Partial<Overrides> = {}): Container {
  const clock = overrides.clock ?? systemClock;
  const logger = overrides.logger ?? createLogger({ level: config.logLevel, readable: config.environment === 'development' });
  const hasher = overrides.hasher ?? createHasher(config.password);
  const database = createDatabase(config.database);
  const models = createModels(database.sequelize);

  const keys = createKeyService(config.token);
  const tokens = createTokenService({ keys, clock, settings: config.token });
  const passwords = createPasswordService({ hasher, rounds: config.password.rounds });
  const auth = createAuthService({ models, database, passwords, tokens, clock, logger });
  const users = createUserService({ models, database, passwords, clock });

  const open = async (): Promise<void> => {
    const { applied, lines } = await migrate(database);
    for (const line of lines) logger.info(line);
    if (applied.length > 0) logger.info({ applied }, `Migrated ${describeTarget(config.database)}`);
    // Also connects: a connection that fails later, for want of file handles say, would be kept by Sequelize for good.
    await database.ping();
    passwords.levelWith(await models.User.hashSettings());
  };
  let starting: Promise<void> | undefined;
  const start = (): Promise<void> => {
    starting ??= open().catch((error: unknown) => {
      starting = undefined;
      throw error;
    });
    return starting;
  };
  const health = createHealth({ pingDatabase: () => start().then(() => database.ping()), hasher, queueLimit: config.password.queueLimit });
  for (const notice of config.notices) logger.warn(notice);

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await starting?.catch(() => undefined);
    await hasher.close();
    await database.close();
    logger.flush();
  };
  return {
    config,
    logger,
    health,
    database,
    version: packageVersion(),
    services: { auth, tokens, users },
    start,
    close: () => (closing ??= close()),
  };
}

/** Looked for upwards, as the built files lie one folder deeper than the sources. */
function packageVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    const parsed = readJson(new URL(up, import.meta.url));
    if (typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'lingomate-auth' && 'version' in parsed)
      return String(parsed.version);
  }
  throw new TypeError('package.json of lingomate-auth is missing');
}

function readJson(file: URL): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
