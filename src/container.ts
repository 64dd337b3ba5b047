import { type Config, describeTarget } from '../config/index.js';
import { createDatabase, type Database, isFile } from './adapters/database.js';
import { createHasher, type Hasher } from './adapters/hasher.js';
import { migrate } from './adapters/migrator.js';
import { type Clock, systemClock } from './lib/clock.js';
import { every, type Repeated } from './lib/every.js';
import { once } from './lib/once.js';
import { createModels } from './models/index.js';
import { createHealth, type Health } from './observability/health.js';
import { createLogger, type Logger } from './observability/logger.js';
import { packageVersion } from './package-version.js';
import { type AuthService, createAuthService } from './services/auth.service.js';
import { createKeyService, type KeyService } from './services/key/key.service.js';
import { createPasswordService } from './services/password.service.js';
import { createServiceKeyService, type ServiceKeyService } from './services/service-key.service.js';
import { createRevocations, type Revocations } from './services/session/revocations.js';
import { createSessionService, type SessionService } from './services/session/session.service.js';
import { createTokenService } from './services/token.service.js';
import { createUserService, type UserService } from './services/user.service.js';

/** Parts that a caller may put in the place of ours. */
export interface Overrides {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hasher: Hasher;
}

export interface Services {
  readonly auth: AuthService;
  readonly keys: KeyService;
  readonly serviceKeys: ServiceKeyService;
  readonly sessions: SessionService;
  readonly users: UserService;
}

/** How often it is read what other processes have revoked: four times within the second that they may be late by. */
const REVOCATIONS_MS = 250;
/** How often it is read which key pairs there are. A new one is known long before it signs. */
const KEYS_MS = 1000;
const PRUNE_MS = 60 * 60 * 1000;
const FIRST_PRUNE_MS = 60 * 1000;

/** Everything that one instance of the service is made of; two share nothing. */
export interface Container {
  readonly config: Config;
  readonly services: Services;
  readonly health: Health;
  readonly logger: Logger;
  readonly database: Database;
  readonly version: string;
  /** Migrates the database and logs what that did; once, however often it is called, and again where it failed. Throws StartError. */
  prepare(): Promise<void>;
  /** Prepares, and reads what a service must know before its first answer; then keeps that up to date. Throws StartError. */
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

  const { token, rootKey, session } = config;
  const keys = createKeyService({ settings: token, rootKey, model: models.SigningKey, database, clock });
  const tokens = createTokenService({ keys, clock, settings: token });
  const revocations = createRevocations({ model: models.Revocation, database, clock, lifetimeSeconds: token.lifetimeSeconds });
  const sessions = createSessionService({ models, database, tokens, revocations, rootKey, settings: session, clock, logger });
  const serviceKeys = createServiceKeyService({ model: models.ServiceKey, database, rootKey, clock, logger });
  const passwords = createPasswordService({ hasher, rounds: config.password.rounds });
  const auth = createAuthService({ models, database, passwords, sessions, clock, logger });
  const users = createUserService({ models, database, passwords, sessions, clock });

  const prepare = once(async () => {
    const { applied, lines } = await migrate(database);
    for (const line of lines) logger.info(line);
    if (applied.length > 0) logger.info({ applied }, `Migrated ${describeTarget(config.database)}`);
    // Also connects: a connection that fails later, for want of file handles say, would be kept by Sequelize for good.
    await database.ping();
  });
  const jobs: Repeated[] = [];
  const start = once(async () => {
    await prepare();
    passwords.levelWith(await models.User.hashSettings());
    await keys.load();
    await revocations.load();
    jobs.push(...startJobs({ config, keys, revocations, sessions, logger }));
  });
  const health = createHealth({
    pingDatabase: () => start().then(() => database.ping()),
    knowRevocations: async () => revocations.catchUp(),
    hasher,
    queueLimit: config.password.queueLimit,
  });
  for (const notice of config.notices) logger.warn(notice);

  const close = once(async () => {
    await start.underWay()?.catch(nothing);
    await Promise.all(jobs.map((job) => job.stop()));
    await sessions.close();
    await serviceKeys.close();
    await hasher.close();
    await database.close();
    logger.flush();
  });
  return {
    config,
    logger,
    health,
    database,
    version: packageVersion(),
    services: { auth, keys, serviceKeys, sessions, users },
    prepare,
    start,
    close,
  };
}

const nothing = (): void => undefined;

interface JobParts {
  readonly config: Config;
  readonly keys: KeyService;
  readonly revocations: Revocations;
  readonly sessions: SessionService;
  readonly logger: Logger;
}

/** What goes on for as long as the service runs. What fails is tried again, and told once; so is that it works again. */
function startJobs({ config, keys, revocations, sessions, logger }: JobParts): Repeated[] {
  const told = (what: string, work: () => Promise<void>): (() => Promise<void>) => {
    let failing = false;
    return async () => {
      try {
        await work();
        if (failing) logger.info(`${what} works again`);
        failing = false;
      } catch (error) {
        if (!failing) logger.warn({ err: error }, `${what} failed; it is tried again`);
        failing = true;
      }
    };
  };
  const pruneAll = async (): Promise<void> => {
    while (await sessions.prune());
  };
  // Nobody else can write to a database in memory.
  const shared = config.database.dialect === 'postgres' || isFile(config.database);
  return [
    ...(shared
      ? [
          every(
            REVOCATIONS_MS,
            told('reading what was revoked', () => revocations.sync()),
          ),
        ]
      : []),
    ...(keys.changes
      ? [
          every(
            KEYS_MS,
            told('reading the signing keys', () => keys.load()),
          ),
        ]
      : []),
    // Not all processes at one time, and also where none lives for an hour.
    every(PRUNE_MS, told('removing what ended long ago', pruneAll), FIRST_PRUNE_MS * (1 + Math.random())),
  ];
}
