import { type Config, loadConfig, readEnvironment } from '../../config/index.js';
import type { Container } from '../container.js';
import type { Logger } from '../observability/logger.js';

/**
 * Does an operator's work on the migrated database of the environment, or as it is, and closes it. Signing keys are not
 * loaded: the work may be to replace one that ROOT_KEY no longer opens. What the log has to say goes to stderr, in words.
 */
export async function withContainer(
  work: (container: Container) => Promise<void>,
  { asItIs = false, anyRootKey = false } = {},
): Promise<void> {
  const config = loadConfig(readEnvironment());
  const { createContainer } = await import('../container.js');
  const logger = await createOperatorLogger(config);
  const container = createContainer(config, { logger });
  try {
    if (!asItIs) await container.prepare();
    if (!asItIs && !anyRootKey) await container.services.installation.verifyRootKey();
    // What a migration did, an operator should know; what the command does, it prints itself.
    if (config.logLevel === 'info') logger.level = 'warn';
    await work(container);
  } finally {
    await container.close();
  }
}

/** What the log has to say, in words, to who looks on. */
export async function createOperatorLogger({ logLevel }: Config): Promise<Logger> {
  const { createLogger } = await import('../observability/logger.js');
  return createLogger({ level: logLevel, readable: false, destination: { write: writeMessage } });
}

function writeMessage(line: string): void {
  const entry: unknown = JSON.parse(line);
  if (typeof entry === 'object' && entry !== null && 'msg' in entry) process.stderr.write(`${String(entry.msg)}\n`);
}
