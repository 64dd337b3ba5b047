import { loadConfig, readEnvironment } from '../../config/index.js';
import type { Container } from '../container.js';

/**
 * Does an operator's work on the migrated database of the environment, and closes it. Signing keys are not loaded: the
 * work may be to replace one that ROOT_KEY no longer opens. What the log has to say goes to stderr, in words.
 */
export async function withContainer(work: (container: Container) => Promise<void>): Promise<void> {
  const config = loadConfig(readEnvironment());
  const { createContainer } = await import('../container.js');
  const { createLogger } = await import('../observability/logger.js');
  const logger = createLogger({ level: config.logLevel, readable: false, destination: { write: writeMessage } });
  const container = createContainer(config, { logger });
  try {
    await container.prepare();
    // What a migration did, an operator should know; what the command does, it prints itself.
    if (config.logLevel === 'info') logger.level = 'warn';
    await work(container);
  } finally {
    await container.close();
  }
}

function writeMessage(line: string): void {
  const entry: unknown = JSON.parse(line);
  if (typeof entry === 'object' && entry !== null && 'msg' in entry) process.stderr.write(`${String(entry.msg)}\n`);
}
