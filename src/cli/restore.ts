import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { type Config, type DatabaseTarget, describeTarget, loadConfig, readEnvironment } from '../../config/index.js';
import type { Logger } from '../observability/logger.js';
import type { Accepted, Restorable, RestoreReport } from '../services/backup/restoring.js';
import { printLine, remark } from './output.js';
import { createOperatorLogger } from './with-container.js';

interface RestoreOptions {
  readonly yes?: boolean;
  readonly unsealed?: boolean;
  readonly withForeignObjects?: boolean;
}

/** `restore`: puts a backup in the place of the database. */
export function addRestore(program: Command): void {
  const restore = program
    .command('restore')
    .description('put a backup in the place of the database; every session ends')
    .argument('<file>')
    .option('--yes', 'do not ask')
    .option('--unsealed', 'also a file without our seal, or with that of another ROOT_KEY; whoever made it decides who is an administrator')
    .option('--with-foreign-objects', 'also with triggers, views, tables and columns that are not ours, which can change what we store')
    .action(async (file: string, { yes = false, unsealed = false, withForeignObjects = false }: RestoreOptions) => {
      const config = loadConfig(readEnvironment());
      const where = describeTarget(config.database);
      if (!yes && !process.stdin.isTTY) return restore.error('error: it replaces the database; say --yes');
      if (!yes && !(await agrees(`Replace ${where} by ${file}, and end every session? Type yes: `))) {
        remark('Nothing was changed.');
        return;
      }
      if (unsealed) remark('WARNING: the seal is not required. Everything in the file is trusted as it is.');
      tell(file, where, await restoreTo(config, file, { unsealed, foreignObjects: withForeignObjects }));
    });
}

async function agrees(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim() === 'yes';
  } finally {
    terminal.close();
  }
}

async function restoreTo(config: Config, file: string, accepted: Accepted): Promise<RestoreReport> {
  const logger = await createOperatorLogger(config);
  const { restoreBackup } = await import('../services/backup/restoring.js');
  const { systemClock } = await import('../lib/clock.js');
  const parts = await loadParts();
  const opening = (target: DatabaseTarget): Restorable => open(config, target, logger, parts);
  return restoreBackup(file, { target: config.database, clock: systemClock, accepted, open: opening });
}

type Parts = Awaited<ReturnType<typeof loadParts>>;

async function loadParts() {
  const { createContainer } = await import('../container.js');
  const { createDatabase } = await import('../adapters/database.js');
  const { RESTORE_WAIT_MS } = await import('../adapters/backup-postgres.js');
  return { createContainer, createDatabase, waitMs: RESTORE_WAIT_MS };
}

/** The service on that database, which waits for PostgreSQL as long as it takes. */
function open(config: Config, target: DatabaseTarget, logger: Logger, { createContainer, createDatabase, waitMs }: Parts): Restorable {
  const database = target.dialect === 'postgres' ? createDatabase(target, { waitMs }) : createDatabase(target);
  const container = createContainer({ ...config, database: target }, { logger, database });
  const { audit, backups } = container.services;
  return { database, audit, backups, close: () => container.close() };
}

function tell(file: string, where: string, { contents, settled, kept, chain }: RestoreReport): void {
  printLine(`Restored ${where} from ${file}: ${contents.users} users, ${contents.auditEvents} audit events`);
  printLine(`Ended sessions: ${settled.sessionsEnded}; every access token of before is refused`);
  printLine(`Dropped: ${settled.oneTimeTokens} one-time tokens, ${settled.mails} waiting mails`);
  if (kept !== undefined) printLine(`What was there before is kept at ${kept}`);
  if (contents.foreignObjects.length > 0) remark(`WARNING: restored with ${contents.foreignObjects.join(', ')}`);
  printLine(`Good service keys: ${settled.serviceKeys}; one that was revoked after the backup is good again: see service-keys list`);
  if (chain.intact) return;
  remark(`The audit chain of the backup is not intact, or ROOT_KEY is another: ${chain.faults[0]?.what ?? ''}. See audit verify`);
}
