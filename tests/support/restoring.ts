import { loadConfig, type SettingsInput } from '../../config/index.js';
import { createDatabase } from '../../src/adapters/database.js';
import { RESTORE_WAIT_MS } from '../../src/adapters/backup-postgres.js';
import { createContainer } from '../../src/container.js';
import type { Clock } from '../../src/lib/clock.js';
import { createLogger } from '../../src/observability/logger.js';
import { type Restorable, restoreBackup, type RestoreReport } from '../../src/services/backup/restoring.js';

/** Puts a backup in the place of the database of these settings, as the command does, by that clock. */
export function restoreIn(settings: SettingsInput, backup: string, clock: Clock): Promise<RestoreReport> {
  const config = loadConfig(settings);
  const logger = createLogger({ level: 'silent', readable: false });
  const open = (target: Restorable['database']['target']): Restorable => {
    const database = createDatabase(target, ...(target.dialect === 'postgres' ? [{ waitMs: RESTORE_WAIT_MS }] : []));
    const container = createContainer({ ...config, database: target }, { logger, clock, database });
    return { database, ...container.services, close: () => container.close() };
  };
  return restoreBackup(backup, { target: config.database, clock, open });
}
