import { ConfigError, describeTarget, loadConfig, readEnvironment } from '../../config/index.js';
import { createDatabase } from '../adapters/database.js';
import { migrate } from '../adapters/migrator.js';
import { StartError } from '../errors/start-error.js';

/** Migrates the database of the environment and tells what it did. */
async function main(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const database = createDatabase(config.database);
  try {
    const { applied, lines } = await migrate(database);
    const where = describeTarget(config.database);
    const done = applied.length === 0 ? `${where} is up to date` : `Migrated ${where}: ${applied.join(', ')}`;
    process.stdout.write(`${[...config.notices, ...lines, done].join('\n')}\n`);
  } finally {
    await database.close();
  }
}

main().catch((error: unknown) => {
  if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
