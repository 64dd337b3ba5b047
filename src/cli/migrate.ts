import type { Command } from 'commander';
import { describeTarget, loadConfig, readEnvironment } from '../../config/index.js';

/** `migrate`: brings the database of the environment up to date and tells what that did. */
export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database up to date without serving')
    .action(async () => {
      const config = loadConfig(readEnvironment());
      const { createDatabase } = await import('../adapters/database.js');
      const { migrate } = await import('../adapters/migrator.js');
      const database = createDatabase(config.database);
      try {
        const { applied, lines } = await migrate(database);
        const where = describeTarget(config.database);
        const done = applied.length === 0 ? `${where} is up to date` : `Migrated ${where}: ${applied.join(', ')}`;
        process.stdout.write(`${[...config.notices, ...lines, done].join('\n')}\n`);
      } finally {
        await database.close();
      }
    });
}
