import { existsSync, statSync } from 'node:fs';
import type { Transaction } from 'sequelize';
import { describeTarget } from '../../../config/index.js';
import { migrations } from '../../../migrations/index.js';
import { makeDraft, publish, removeDraft, taken } from '../../adapters/backup-file.js';
import { sealBackup, verifySeal } from '../../adapters/backup-seal.js';
import { type Marks, type OurTables, raiseIds } from '../../adapters/backup-marks.js';
import { dumpTables, examineDump, schemaInUse } from '../../adapters/backup-postgres.js';
import { type BackupContents, copyDatabase, examineCopy } from '../../adapters/backup-sqlite.js';
import { type Database, databaseFault, isFile } from '../../adapters/database.js';
import { inspectDatabase } from '../../adapters/inspection.js';
import { AppError } from '../../errors/app-error.js';
import { StartError } from '../../errors/start-error.js';
import { OPERATOR } from '../../lib/actor.js';
import { deriveKeys, type RootKeys } from '../../lib/derived-key.js';
import type { Models } from '../../models/index.js';
import type { AuditService } from '../audit/audit.service.js';
import { type InstallationService, WRONG_ROOT_KEY } from '../installation.service.js';
import type { KeyService } from '../key/key.service.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { OutboxService } from '../outbox/outbox.service.js';
import type { SessionService } from '../session/session.service.js';

/** A backup that was made. */
export interface BackupReport extends BackupContents {
  readonly file: string;
  readonly bytes: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  /** False where the audit could not be told. */
  readonly recorded: boolean;
}

/** What a database that was put back has lost, as nobody can know what became of it since. */
export interface Settled {
  readonly sessionsEnded: number;
  readonly oneTimeTokens: number;
  readonly mails: number;
  /** Good service keys: they are as the backup has them. */
  readonly serviceKeys: number;
}

export interface BackupService {
  /**
   * Copies the database into a new file, as it is at one moment, while others go on writing to it; checked, on the disk, and
   * whole or not there. Throws `conflict` where the file is there, and StartError.
   */
  make(file: string): Promise<BackupReport>;
  /**
   * What must be done to a database that is put back, before anybody uses it: every session has ended, every access token is
   * refused, what works once is gone, and no id is given that was given before. `before` tells of the one whose place it
   * takes; undefined where that could not be read.
   */
  settle(tables: OurTables, before: Marks | undefined, transaction: Transaction): Promise<Settled>;
  /**
   * Verifies the seal of a backup, made under ROOT_KEY or ROOT_KEY_PREVIOUS, and returns the length of its content in bytes.
   * Throws `validation_failed` where it has none, that of another key (both are accepted with `unsealed`), or was changed.
   */
  verifySeal(file: string, shown: string, options: { unsealed: boolean }): Promise<number>;
  /** Which tables are in a backup. */
  tables(): Promise<OurTables>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly rootKeys: RootKeys;
  readonly audit: AuditService;
  readonly installation: InstallationService;
  readonly keys: KeyService;
  readonly sessions: SessionService;
  readonly oneTimeTokens: OneTimeTokenService;
  readonly outbox: OutboxService;
}

export function createBackupService({
  models,
  database,
  rootKeys,
  audit,
  installation,
  keys,
  sessions,
  oneTimeTokens,
  outbox,
}: Parts): BackupService {
  const sealKeys = deriveKeys(rootKeys, 'backups');
  const names = [...Object.values({ ...models }).map(({ tableName }) => tableName), 'schema_migrations'];
  const tables = async (): Promise<OurTables> => ({
    schema: database.target.dialect === 'postgres' ? await schemaInUse(database) : undefined,
    names,
  });
  return {
    tables,
    verifySeal: (file, shown, options) => verifySeal(file, shown, sealKeys, options),
    make: async (file) => {
      if (existsSync(file)) throw taken(file);
      const recorded = await record({ database, audit, installation });
      const draft = makeDraft(file);
      try {
        const contents = await copyTo(draft, file, database, await tables());
        const sha256 = await sealBackup(draft, sealKeys);
        publish(draft, file);
        return { file, ...contents, bytes: statSync(file).size, sha256, recorded };
      } finally {
        removeDraft(draft);
      }
    },
    settle: async (ours, before, transaction) => {
      await raiseIds(database, ours, before, transaction);
      const sessionsEnded = await sessions.endEverything(before?.ahead ?? [], transaction);
      await installation.keepFingerprint(transaction);
      await keys.withdrawAll(transaction);
      const tokens = await oneTimeTokens.discardAll(transaction);
      const mails = await outbox.discardUnsent(transaction);
      const serviceKeys = await models.ServiceKey.count({ where: { revoked_at: null }, transaction });
      const settled = { sessionsEnded, oneTimeTokens: tokens, mails, serviceKeys };
      audit.record({ type: 'backup.restored', by: OPERATOR, details: settled }, transaction);
      return settled;
    },
  };
}

/** Tells the audit; whether it could be told. Throws StartError where there is nothing to back up. */
async function record({ database, audit, installation }: Pick<Parts, 'database' | 'audit' | 'installation'>): Promise<boolean> {
  const where = describeTarget(database.target);
  const { exists, pending, refusal, obstacle } = await inspectDatabase(database);
  if (database.target.dialect === 'sqlite' && !isFile(database.target)) {
    throw new StartError('DATABASE_URL: a database in memory lives in its process alone and can’t be backed up. Name a file in it');
  }
  if (!exists) throw new StartError(`DATABASE_URL: ${where} is not there. Name the database that is to be backed up`);
  if (pending.length === migrations.length)
    throw new StartError(`DATABASE_URL: ${where} has no tables of ours. Start the service on it first`);
  // Sealed under another key it could not be restored, and the audit would go on under that key.
  if (pending.length === 0 && (await installation.matchRootKey()) === 'none') throw new StartError(WRONG_ROOT_KEY);
  // It is copied as it is: who is about to start a newer version wants what was before.
  if (pending.length > 0 || refusal !== undefined || obstacle !== undefined) return false;
  try {
    await audit.recordNow({ type: 'backup.made', by: OPERATOR });
    return true;
  } catch (error) {
    // A disk that is full is a reason for a backup, and none against it.
    if (error instanceof AppError || databaseFault(error) !== undefined) return false;
    throw error;
  }
}

async function copyTo(draft: string, shown: string, database: Database, ours: OurTables): Promise<BackupContents> {
  const { target } = database;
  if (!isFile(target)) {
    await dumpTables(database, draft, ours);
    return examineDump(draft, shown, ours);
  }
  await copyDatabase(target.file, draft);
  return examineCopy(draft, shown, ours);
}
