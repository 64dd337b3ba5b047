import { dirname } from 'node:path';
import { loadConfig, type SettingsInput } from '../../config/index.js';
import { createDatabase } from '../../src/adapters/database.js';
import { RESTORE_WAIT_MS } from '../../src/adapters/backup-postgres.js';
import { createContainer } from '../../src/container.js';
import type { Clock } from '../../src/lib/clock.js';
import { createLogger } from '../../src/observability/logger.js';
import { type Accepted, type Restorable, restoreBackup, type RestoreReport } from '../../src/services/backup/restoring.js';
import { moduleArguments, moduleUrl, spawnNode } from './process.js';
import { isInstalled } from './programs.js';

/** Puts a backup in the place of the database of these settings, as the command does, by that clock; it accepts nothing unless told. */
export function restoreIn(settings: SettingsInput, backup: string, clock: Clock, accepted: Partial<Accepted> = {}): Promise<RestoreReport> {
  const config = loadConfig(settings);
  const logger = createLogger({ level: 'silent', readable: false });
  const open = (target: Restorable['database']['target']): Restorable => {
    const database = createDatabase(target, ...(target.dialect === 'postgres' ? [{ waitMs: RESTORE_WAIT_MS }] : []));
    const container = createContainer({ ...config, database: target }, { logger, clock, database });
    return { database, ...container.services, close: () => container.close() };
  };
  return restoreBackup(backup, { target: config.database, clock, open, accepted: { unsealed: false, foreignObjects: false, ...accepted } });
}

/** Restores, and kills itself at that moment. Its `open` is the one above. */
const KILLED = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { loadConfig } from ${JSON.stringify(moduleUrl('config/index.ts'))};

const { MOMENT, BACKUP } = process.env;
const kill = () => process.kill(process.pid, 'SIGKILL');
const { renameSync } = fs;
if (MOMENT === 'copied') fs.truncateSync = kill;
if (MOMENT === 'about to take its place') fs.renameSync = kill;
if (MOMENT === 'in its place') fs.renameSync = (...names) => { renameSync(...names); kill(); };
syncBuiltinESMExports();
const { createDatabase } = await import(${JSON.stringify(moduleUrl('src/adapters/database.ts'))});
const { createContainer } = await import(${JSON.stringify(moduleUrl('src/container.ts'))});
const { restoreBackup } = await import(${JSON.stringify(moduleUrl('src/services/backup/restoring.ts'))});
const config = loadConfig(process.env);
const open = (target) => {
  const database = createDatabase(target, ...(target.dialect === 'postgres' ? [{ waitMs: 10_000 }] : []));
  const { services, close } = createContainer({ ...config, database: target }, { database });
  const settle = async (...asked) => {
    if (MOMENT === 'migrated') kill();
    const settled = await services.backups.settle(...asked);
    if (MOMENT === 'settled, and not committed') kill();
    return settled;
  };
  return {
    database,
    audit: services.audit,
    backups: { ...services.backups, settle },
    close: async () => {
      if (MOMENT === 'settled') kill();
      await close();
    },
  };
};
const clock = { now: () => Math.floor(Date.now() / 1000) * 1000 + 990, elapsed: () => performance.now() };
await restoreBackup(BACKUP, { target: config.database, clock, open, accepted: { unsealed: false, foreignObjects: false } });`;

/** What a process does that restores the backup and is killed at that moment. */
export async function restoreUntil(moment: Moment, backup: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const child = spawnNode(moduleArguments(KILLED), dirname(backup), { ...settings, MOMENT: moment, BACKUP: backup });
  const { code, stderr } = await child.finished;
  if (code !== null || stderr !== '') throw new Error(`it was not killed as it was ${moment}: ${stderr}`);
}

export type Moment = 'copied' | 'migrated' | 'settled, and not committed' | 'settled' | 'about to take its place' | 'in its place';

/** Whether PostgreSQL's own programs are on this machine. */
export const hasPostgresPrograms = (): boolean => isInstalled('pg_dump');
