import { createReadStream, createWriteStream, existsSync, statSync, truncateSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { migrations } from '../../migrations/index.js';
import { StartError } from '../errors/start-error.js';
import { errorCode } from '../lib/error-code.js';
import { statOf, unusable } from './backup-file.js';
import { type OurTables, quoteText, tablesIn } from './backup-marks.js';
import { foreignObjectsIn, referenceOf } from './schema-reference.js';
import { openRaw, patiently, type RawConnection } from './sqlite-file.js';

/** What a backup holds. */
export interface BackupContents {
  readonly users: number;
  /** Ended ones too, as long as they are kept. */
  readonly sessions: number;
  readonly auditEvents: number;
  /** Schema objects that no migration of ours makes: a team's own, or an attacker's. */
  readonly foreignObjects: readonly string[];
}

/** Copies a database as it is at one moment, while others go on writing to it, into a file that is there and empty. */
export async function copyDatabase(file: string, draft: string): Promise<void> {
  const source = await openRaw(file, { write: false });
  try {
    await source.all(`VACUUM INTO ${quoteText(draft)}`);
  } catch (error) {
    throw new StartError(`${file} can't be copied to ${draft} (${errorCode(error)}). Make room there, or name another place`, {
      cause: error,
    });
  } finally {
    await source.close();
  }
}

/**
 * Copies a backup into the draft of the file that it is to replace, and removes the seal from the copy. `verifySeal`
 * verifies the copy, so that nothing can change after the check, and returns the length of its content.
 * Throws `validation_failed` where it refuses.
 */
export async function takeIn(backup: string, draft: string, file: string, verifySeal: () => Promise<number>): Promise<void> {
  assertAtRest(backup, file);
  // `copyFile` would give the draft the mode of the backup.
  await pipeline(createReadStream(backup), createWriteStream(draft, { flags: 'r+' }));
  truncateSync(draft, await verifySeal());
}

/** What is still in a log beside a file would be lost on the way. */
function assertAtRest(backup: string, file: string): void {
  const found = statOf(backup, backup);
  const inPlace = statSync(file, { throwIfNoEntry: false });
  if (found.ino === inPlace?.ino && found.dev === inPlace.dev) throw unusable(backup, 'is the database itself');
  const log = ['-wal', '-journal'].find((side) => existsSync(backup + side) && statSync(backup + side).size > 0);
  if (log !== undefined) throw unusable(backup, `has a ${log} beside it, so it is a database in use. Make a backup of it`);
}

/** Reads a copy through and through, and says what it holds. Throws `validation_failed`, and says `shown` for its name. */
export async function examineCopy(draft: string, shown: string, ours: OurTables): Promise<BackupContents> {
  const copy = await openRaw(draft, { write: false });
  try {
    // Before anything else is read: a view or an expression of the file must not run functions.
    await copy.all('PRAGMA trusted_schema=OFF');
    const history = await historyOf(copy, shown);
    const foreignObjects = await foreignObjectsIn((sql) => copy.all(sql), await referenceOf(history));
    await assertSound(copy, shown, ours);
    return { ...(await countsOf(copy, ours)), foreignObjects };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'SQLITE_NOTADB') throw unusable(shown, 'is not a SQLite database', error);
    if (code === 'SQLITE_CORRUPT') throw unusable(shown, 'is damaged', error);
    throw error;
  } finally {
    await copy.close();
  }
}

async function assertSound(copy: RawConnection, shown: string, ours: OurTables): Promise<void> {
  const [integrity] = await copy.all('PRAGMA integrity_check(1)');
  const found = String(integrity?.['integrity_check']);
  if (found !== 'ok') throw unusable(shown, `is damaged (${found.replaceAll('\n', ' ')})`);
  // A team's own tables may never have been held to theirs.
  const loose = (await copy.all('PRAGMA foreign_key_check')).find(({ table }) => ours.names.includes(String(table)));
  if (loose !== undefined)
    throw unusable(shown, `is damaged (${String(loose['table'])} speaks of what is not in ${String(loose['parent'])})`);
}

/** The migrations that a copy records in a table, and in no view. Throws `validation_failed` where they are not ours. */
async function historyOf(copy: RawConnection, shown: string): Promise<string[]> {
  const tables = await copy.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'");
  const columns = tables.length === 0 ? [] : await copy.all('PRAGMA table_info(schema_migrations)');
  const isOurs = columns.some(({ name }) => name === 'name');
  const recorded = (isOurs ? await copy.all('SELECT name FROM schema_migrations') : []).map(({ name }) => String(name));
  assertHistory(recorded, shown);
  return recorded;
}

async function countsOf(copy: RawConnection, ours: OurTables): Promise<Omit<BackupContents, 'foreignObjects'>> {
  const tables = await tablesIn((sql) => copy.all(sql), ours);
  const count = async (table: string): Promise<number> =>
    tables.has(table) ? Number((await copy.all(`SELECT count(*) AS rows FROM ${table}`))[0]?.['rows']) : 0;
  return { users: await count('users'), sessions: await count('auth_sessions'), auditEvents: await count('auth_audit_events') };
}

/** Throws `validation_failed` where a backup is not of ours, or of a newer version. */
export function assertHistory(recorded: readonly string[], shown: string): void {
  if (recorded.length === 0) throw unusable(shown, 'is no backup of Lingomate Auth: it has no record of its migrations');
  const unknown = recorded.find((name) => !migrations.some((migration) => migration.name === name));
  if (unknown !== undefined)
    throw unusable(shown, `comes from a newer version of Lingomate Auth (it has ${unknown}). Install that version`);
}

/** Leaves all that is in a database in its one file. */
export async function putToRest(file: string): Promise<void> {
  const connection = await openRaw(file, { write: true });
  try {
    // A connection that was closed a moment ago may still be on its way out.
    await patiently(() => connection.all('PRAGMA journal_mode=DELETE'));
  } finally {
    await connection.close();
  }
}
