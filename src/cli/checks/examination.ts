import { types } from 'node:util';
import { type Config, ConfigError, describeTarget, inspectConfig, isKeyPairAlgorithm, readEnvironment } from '../../../config/index.js';
import { type DatabaseState, inspectDatabase } from '../../adapters/inspection.js';
import { type Container, createContainer } from '../../container.js';
import { StartError } from '../../errors/start-error.js';
import { createLogger } from '../../observability/logger.js';
import { checkClock } from './clock.js';
import { checkDatabase, checkDisk } from './database.js';
import { checkFiles } from './files.js';
import { fail, type Finding, ok } from './finding.js';
import { checkHashes } from './hashes.js';
import { checkMailServer, checkOutbox } from './mail.js';
import { checkRoles } from './roles.js';
import { checkService } from './service.js';
import { checkServiceKeys } from './service-keys.js';
import { checkSettings } from './settings.js';
import { checkKeyPair, checkRootKey, checkSecret } from './signing-key.js';

/** Makes every check that can be made; without valid settings there is no other. */
export async function examine(): Promise<Finding[]> {
  let config: Config;
  try {
    config = inspectConfig(readEnvironment());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((fault) => fail('configuration', fault));
  }
  const [ofDatabase, ofMail, ofService] = await Promise.all([examineDatabase(config), checkMailServer(config), checkService(config)]);
  return [ok('configuration', 'every setting is valid'), ...checkSettings(config), ...ofDatabase, ofMail, ofService];
}

async function examineDatabase(config: Config): Promise<Finding[]> {
  const keyOfSettings = isKeyPairAlgorithm(config.token.algorithm) ? [] : [await checkSecret(config.token)];
  const disk = [...checkFiles(config.database), ...(await checkDisk(config.database))];
  let container: Container | undefined;
  try {
    container = createContainer(config, { logger: createLogger({ level: 'silent', readable: false }) });
    const state = await inspectDatabase(container.database);
    return [...checkDatabase(config.database, state), ...disk, ...(await examineContents(container, state)), ...keyOfSettings];
  } catch (error) {
    return [fail('database', reasonOf(error, config)), ...disk, ...keyOfSettings];
  } finally {
    await container?.close();
  }
}

/** What stands in the database can be read once its schema is today's. */
async function examineContents({ config, services }: Container, state: DatabaseState): Promise<Finding[]> {
  if (!state.exists || state.pending.length > 0 || state.refusal !== undefined) return [];
  const attempt = (check: string, finding: Promise<Finding>): Promise<Finding> =>
    finding.catch((error: unknown) => fail(check, reasonOf(error, config)));
  const always = [
    await attempt('root-key', checkRootKey(services)),
    await attempt('clock', checkClock(state, services)),
    await attempt('hashes', checkHashes(services)),
    await attempt('roles', checkRoles(services)),
    await attempt('outbox', checkOutbox(services)),
    await attempt('service-keys', checkServiceKeys(services)),
  ];
  return isKeyPairAlgorithm(config.token.algorithm) ? [...always, await attempt('signing-key', checkKeyPair(services))] : always;
}

/** An error of ours says what to do; one of the database does not. */
function reasonOf(error: unknown, { database }: Config): string {
  const message = types.isNativeError(error) ? error.message : String(error);
  if (error instanceof StartError) return message;
  return `${describeTarget(database)} can't be used (${message}). Start it, or name another in DATABASE_URL`;
}
