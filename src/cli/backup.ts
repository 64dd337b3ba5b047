import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Config, describeTarget, inspectConfig, readEnvironment } from '../../config/index.js';
import type { Container } from '../container.js';
import { StartError } from '../errors/start-error.js';
import { JSON_OPTION, type OutputOptions, printJson, printLine, remark } from './output.js';
import { withContainer } from './with-container.js';

/** `backup`: a copy of the database in one file. */
export function addBackup(program: Command): void {
  program
    .command('backup')
    .description('copy the database into a new file, also while the service runs; checked, and as of one moment')
    .argument('<file>')
    .option(...JSON_OPTION)
    .action(async (file: string, options: OutputOptions) => {
      assertThere(inspectConfig(readEnvironment()));
      // Before a newer version is started, what is wanted is what was before.
      await withContainer((container) => backUp(container, file, options), { asItIs: true });
    });
}

/** Asked first, as keys are made for a database that is not there yet. */
function assertThere({ database }: Config): void {
  if (database.dialect === 'postgres' || database.file === ':memory:' || existsSync(database.file)) return;
  throw new StartError(`DATABASE_URL: ${database.file} is not there. Name the database that is to be backed up`);
}

async function backUp({ config, services }: Container, file: string, { json }: OutputOptions): Promise<void> {
  const { users, sessions, auditEvents, bytes, sha256, recorded, foreignObjects } = await services.backups.make(file);
  if (json) {
    printJson({ file, bytes, sha256, users, sessions, audit_events: auditEvents, recorded, foreign_objects: foreignObjects });
  } else {
    printLine(`Backed up ${describeTarget(config.database)} to ${file}: ${users} users, ${sessions} sessions, ${auditEvents} audit events`);
  }
  if (!recorded) remark('The audit says nothing of it: the database lacks migrations, or takes no writes.');
  if (foreignObjects.length > 0)
    remark(`It holds ${foreignObjects.join(', ')}, which are not ours: restore it with --with-foreign-objects.`);
  remark(`The keys are not in it, and without them it is of little use. Keep ${keysOf(config)}, apart from it.`);
}

function keysOf({ database }: Config): string {
  const settings = 'SECRET_KEY and ROOT_KEY';
  return database.dialect === 'sqlite' ? `${database.file}.keys.json, or ${settings} where they are set` : settings;
}
