import { type Config, describeTarget } from '../config/index.js';
import { createMemoryCounters } from './adapters/counters.js';
import { createDatabase, type Database } from './adapters/database.js';
import { createHasher, type Hasher } from './adapters/hasher.js';
import { createSmtpMailer, type Mailer } from './adapters/mailer.js';
import { migrate } from './adapters/migrator.js';
import { createWorkQueue, type WorkQueue } from './adapters/work-queue.js';
import { startJobs } from './jobs.js';
import { type Clock, systemClock } from './lib/clock.js';
import type { Repeated } from './lib/every.js';
import { once } from './lib/once.js';
import { createModels } from './models/index.js';
import { createHealth, type Health } from './observability/health.js';
import { createLogger, type Logger } from './observability/logger.js';
import { createProxyWatch, type ProxyWatch } from './observability/proxy-watch.js';
import { packageVersion } from './package-version.js';
import { createServices, type Services } from './services/index.js';

/** Parts that a caller may put in the place of ours. */
export interface Overrides {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hasher: Hasher;
  readonly mailer: Mailer;
  /** Of the settings' own target. */
  readonly database: Database;
}

/** Everything that one instance of the service is made of; two share nothing. */
export interface Container {
  readonly config: Config;
  readonly services: Services;
  readonly health: Health;
  readonly proxyWatch: ProxyWatch;
  /** Where requests are worked on: nobody waits there, as what they wait for has queues of its own. */
  readonly requests: WorkQueue;
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
  const adapters = createAdapters(config, overrides);
  const { clock, logger, hasher, database, mailer } = adapters;
  const models = createModels(database.sequelize);
  const { services, inner } = createServices({ config, models, ...adapters });
  const proxyWatch = createProxyWatch({ trustedProxies: config.http.trustedProxies, clock, logger });

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
    await services.installation.verifyRootKey();
    await services.storedHashes.refresh();
    await services.keys.load();
    await inner.revocations.load();
    if (config.registration !== 'open') logger.info(`REGISTRATION is ${config.registration}: POST /register is refused`);
    if (mailer === undefined && config.environment === 'production') logger.warn(NO_MAIL_SERVER);
    for (const { users, reason } of await services.storedHashes.unverifiable()) logger.warn({ users }, unverifiableHash(reason));
    jobs.push(...startJobs({ config, services, inner, logger }));
  });
  const requests = createWorkQueue({ atOnce: config.queues.requests, queueLimit: 0 });
  const health = createHealth({
    pingDatabase: () => start().then(() => database.ping()),
    knowRevocations: async () => inner.revocations.catchUp(),
    hasher,
    queueLimit: config.password.queueLimit,
    proxyWatch,
    database,
    requests,
  });
  for (const notice of config.notices) logger.warn(notice);

  const close = once(async () => {
    await start.underWay()?.catch(nothing);
    await Promise.all(jobs.map((job) => job.stop()));
    await services.outbox.close();
    await services.sessions.close();
    await services.serviceKeys.close();
    await services.audit.close();
    await hasher.close();
    await database.close();
    logger.flush();
  });
  return {
    config,
    logger,
    health,
    proxyWatch,
    requests,
    database,
    version: packageVersion(),
    services,
    prepare,
    start,
    close,
  };
}

/** What differs by deployment. */
function createAdapters(config: Config, overrides: Partial<Overrides>) {
  const clock = overrides.clock ?? systemClock;
  return {
    clock,
    logger: overrides.logger ?? createLogger({ level: config.logLevel, readable: config.environment === 'development' }),
    hasher: overrides.hasher ?? createHasher(config.password),
    database: overrides.database ?? createDatabase(config.database, { queueLimit: config.queues.transactions }),
    mailer: overrides.mailer ?? mailerOf(config),
    counters: createMemoryCounters(clock),
  };
}

const nothing = (): void => undefined;

const NO_MAIL_SERVER = 'SMTP_URL is not set: mails wait, and are given up after three days. Set it, and MAIL_FROM and APP_URL';

const unverifiableHash = (reason: string): string =>
  `A stored password hash ${reason}. Its users cannot log in until they reset their password: lingomate-auth export --unverifiable-hashes lists them`;

/** Nothing is connected before the first mail. */
const mailerOf = ({ mail: { smtpUrl, from } }: Config): Mailer | undefined =>
  smtpUrl === undefined ? undefined : createSmtpMailer({ smtpUrl, from });

export type { Services } from './services/index.js';
