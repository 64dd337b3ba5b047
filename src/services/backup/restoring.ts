import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseTarget } from '../../../config/index.js';
import { makeDraft, removeDraft, unusable } from '../../adapters/backup-file.js';
import { readMarks, selectIn } from '../../adapters/backup-marks.js';
import { examineDump, lockTables, replaceTables } from '../../adapters/backup-postgres.js';
import { type BackupContents, examineCopy, putToRest, takeIn } from '../../adapters/backup-sqlite.js';
import { type Database, isFile, LOCKS } from '../../adapters/database.js';
import { migrate, migrateIn } from '../../adapters/migrator.js';
import { type HeldFile, holdAlone } from '../../adapters/sqlite-swap.js';
import { StartError } from '../../errors/start-error.js';
import type { Clock } from '../../lib/clock.js';
import type { AuditService, AuditVerification } from '../audit/audit.service.js';
import type { BackupService, Settled } from './backup.service.js';

/** A database that a backup is put into, and the rules on it. Nothing is migrated or connected yet. */
export interface Restorable {
  readonly database: Database;
  readonly audit: AuditService;
  readonly backups: BackupService;
  close(): Promise<void>;
}

/** What putting back has done. */
export interface RestoreReport {
  /** What the backup holds. */
  readonly contents: BackupContents;
  readonly settled: Settled;
  /** Where the database as it was is kept; undefined where there was none, or it was on PostgreSQL. */
  readonly kept: string | undefined;
  /** Whether the audit chain of the backup is as it was recorded. */
  readonly chain: AuditVerification;
}

/** What an operator accepts in a backup that they trust by other means. */
export interface Accepted {
  /** No seal, or that of another ROOT_KEY. */
  readonly unsealed: boolean;
  /** Schema objects that no migration of ours makes, which may act on our tables. */
  readonly foreignObjects: boolean;
}

interface Parts {
  readonly accepted: Accepted;
  readonly target: DatabaseTarget;
  readonly open: (target: DatabaseTarget) => Restorable;
  readonly clock: Clock;
}

/**
 * Puts a backup in the place of the database. In any moment either the one or the other is there as a whole, and never a
 * backup whose sessions live. Throws `validation_failed` for a file that is no sound backup of ours, `conflict` where
 * the database is in use, and StartError; nothing is changed then.
 */
export function restoreBackup(backup: string, parts: Parts): Promise<RestoreReport> {
  const { target } = parts;
  if (target.dialect === 'postgres') return restoreTables(backup, parts);
  if (isFile(target)) return restoreFile(backup, behindLink(target.file), parts);
  return Promise.reject(new StartError('DATABASE_URL: a database in memory can’t be restored. Name a file'));
}

const behindLink = (file: string): string => (existsSync(file) && lstatSync(file).isSymbolicLink() ? realpathSync(file) : file);

/** Throws `validation_failed` where a backup has schema objects that are not ours and were not accepted. */
function assertAccepted(contents: BackupContents, backup: string, accepted: Accepted): BackupContents {
  const { foreignObjects } = contents;
  if (foreignObjects.length === 0 || accepted.foreignObjects) return contents;
  throw unusable(
    backup,
    `has schema objects that are not of Lingomate Auth: ${foreignObjects.join(', ')}. They can change what the service stores. If they are your own, restore it with --with-foreign-objects`,
  );
}

/** Works on a copy of the backup beside the database, which takes its place when all is done. */
async function restoreFile(backup: string, file: string, { open, clock, accepted }: Parts): Promise<RestoreReport> {
  const draft = makeDraft(file);
  const opened = open({ dialect: 'sqlite', file: draft });
  const { database, audit, backups } = opened;
  let held: HeldFile | undefined;
  try {
    const tables = await backups.tables();
    await takeIn(backup, draft, file, () => backups.verifySeal(draft, backup, accepted));
    const contents = assertAccepted(await examineCopy(draft, backup, tables), backup, accepted);
    held = await holdAlone(file, draft, tables, clock.now());
    const { marks } = held;
    await migrate(database);
    const chain = await audit.verify();
    const settled = await database.transaction((transaction) => backups.settle(tables, marks, transaction));
    await opened.close();
    await putToRest(draft);
    await untilNextSecond(clock);
    return { contents, settled, kept: held.replaceByDraft(), chain };
  } finally {
    await opened.close();
    await held?.release();
    removeDraft(draft);
  }
}

/** Does all in one transaction. */
async function restoreTables(backup: string, { target, open, clock, accepted }: Parts): Promise<RestoreReport> {
  const opened = open(target);
  const { database, audit, backups } = opened;
  try {
    const tables = await backups.tables();
    await backups.verifySeal(backup, backup, accepted);
    const contents = assertAccepted(await examineDump(backup, backup, tables), backup, accepted);
    const settled = await database.transaction(async (transaction) => {
      await database.lock(transaction, LOCKS.migrating);
      await lockTables(database, tables, transaction);
      const marks = await readMarks(selectIn(database, transaction), tables, clock.now());
      await replaceTables(database, backup, tables, transaction);
      await migrateIn(database, transaction);
      const done = await backups.settle(tables, marks, transaction);
      await untilNextSecond(clock);
      return done;
    });
    return { contents, settled, kept: undefined, chain: await audit.verify() };
  } finally {
    await opened.close();
  }
}

/** Tokens of this second are refused: who logs in on what was put back gets none of it. */
const untilNextSecond = (clock: Clock): Promise<void> => sleep(1000 - (clock.now() % 1000));
