import { type Transaction, UniqueConstraintError } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { FieldFault } from '../../errors/app-error.js';
import type { Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { Roles } from '../../lib/roles.js';
import type { Models } from '../../models/index.js';
import { addUsers, findClaimants, findNameHolders, type WantedNames } from '../../models/user-batch.js';
import type { User, UserModel } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import type { PasswordService } from '../password/password.service.js';
import { batchesOf } from './batches.js';
import { exportedUsers } from './exported-users.js';
import { type Candidate, examine } from './import-rules.js';
import type { ExportedUser, ImportedUser, ImportResult, ImportStatus, SourceRecord } from './imported-user.js';
import { type ReadingOptions, readUsers } from './sources/index.js';
import { type Bytes, piecesOf } from './sources/text.js';
import { noneTaken, settle, type Settled, type Taken, takenBy } from './taken-names.js';

/** Users in one transaction: fewer cost time, and more keep other writers waiting. */
const BATCH = 1000;
/** How often a user is tried whom somebody else's registration has met. */
const TRIES = 3;

export interface TransferService {
  /**
   * Adds the users that records tell of, and says of each what became of it, in their order. A bad one keeps no other from
   * being added. Who is there stays as they are, so that it can be run again, also after it was cut off: what was told is
   * done. `dryRun` changes nothing. Throws what the records throw, and where the database is away.
   */
  importUsers(records: AsyncIterable<SourceRecord>, options: ImportOptions): AsyncGenerator<ImportResult>;
  /** The same for what a text tells of. Throws also what `readUsers` does. */
  importText(text: Uint8Array | Bytes, source: TextOptions, options: ImportOptions): AsyncGenerator<ImportResult>;
  /** Returns every user in the order of their ids, in the form that an import reads. */
  exportUsers(options: ExportOptions): AsyncGenerator<ExportedUser>;
}

interface ExportOptions {
  readonly withHashes: boolean;
  /** Selects the users whose password hash cannot be verified: they log in once they have reset their password. */
  readonly onlyUnverifiable?: boolean;
  readonly by: Doer;
}

type TextOptions = Omit<ReadingOptions, 'now'>;

export interface ImportOptions {
  readonly dryRun: boolean;
  /** Whether a user whose hash cannot be verified is added without a password; otherwise the record fails. */
  readonly withoutUnknownHashes?: boolean;
  readonly by: Doer;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: Pick<PasswordService, 'hashFault'>;
  readonly audit: Pick<AuditService, 'record' | 'recordNow'>;
  readonly roles: Roles;
  readonly clock: Clock;
}

/** How users come from elsewhere, and how they leave. */
export function createTransferService(parts: Parts): TransferService {
  const { models, passwords, audit, clock } = parts;
  const { add, rehearse } = createBatchWork(parts);

  async function* importUsers(records: AsyncIterable<SourceRecord>, options: ImportOptions): AsyncGenerator<ImportResult> {
    const { dryRun, by } = options;
    const counts = { created: 0, would_create: 0, exists: 0, skipped: 0, failed: 0 } satisfies Record<ImportStatus, number>;
    const earlier = noneTaken();
    try {
      for await (const batch of batchesOf(records, BATCH)) {
        const results = dryRun ? await rehearse(batch, options, earlier) : await add(batch, options);
        for (const { status } of results) counts[status] += 1;
        yield* results;
      }
    } finally {
      // Also where whoever asked has gone: what is done is done.
      if (!dryRun && Object.values(counts).some((count) => count > 0)) {
        const details = { created: counts.created, existing: counts.exists, failed: counts.failed };
        await audit.recordNow({ type: 'users.imported', by, details });
      }
    }
  }

  return {
    importUsers,
    importText: (text, source, options) => {
      const bytes = text instanceof Uint8Array ? piecesOf(text) : text;
      return importUsers(readUsers(bytes, { ...source, now: () => clock.now() }), options);
    },
    exportUsers: async function* ({ withHashes, onlyUnverifiable = false, by }) {
      await audit.recordNow({ type: 'users.exported', by, details: { password_hashes: withHashes } });
      const isUnverifiable = ({ hashed_password: hash }: User): boolean => hash !== null && passwords.hashFault(hash) !== undefined;
      yield* exportedUsers(models.User, { withHashes, isWanted: onlyUnverifiable ? isUnverifiable : undefined });
    },
  };
}

/** A record, and whom it may become. */
interface Entry {
  readonly line: number;
  readonly username: string | undefined;
  readonly outcome: { readonly candidate: Candidate } | { readonly faults: readonly FieldFault[] } | { readonly skipped: string };
}

/** How a batch of records is written, or only looked at. */
function createBatchWork({ models: { User }, database, passwords, audit, roles, clock }: Parts) {
  const entriesOf = (records: readonly SourceRecord[], { by, withoutUnknownHashes = false }: ImportOptions): Entry[] => {
    const circumstances = { roles, passwords, now: new Date(clock.now()), adopts: by.kind === 'operator', withoutUnknownHashes };
    return records.map((record) => {
      const { line } = record;
      if (!('user' in record)) return { line, username: undefined, outcome: record };
      const examined = examine(record.user, circumstances);
      if ('faults' in examined) return { line, username: shortNameOf(record.user), outcome: examined };
      const { candidate } = examined;
      const notes = [...(record.notes ?? []), ...candidate.notes];
      return { line, username: candidate.row.username, outcome: { candidate: { ...candidate, notes } } };
    });
  };

  const settleAll = async (entries: readonly Entry[], earlier: Taken, transaction?: Transaction): Promise<Plan[]> => {
    const candidates = entries.flatMap(({ outcome }) => ('candidate' in outcome ? [outcome.candidate] : []));
    const stored = await storedFor(User, candidates, transaction);
    return entries.map((entry) => {
      const { outcome } = entry;
      return { entry, settled: 'candidate' in outcome ? settle(outcome.candidate, stored, earlier) : outcome };
    });
  };

  const write = (entries: readonly Entry[], by: Doer): Promise<ImportResult[]> =>
    database.forClient(by).transaction(async (transaction) => {
      const plans = await settleAll(entries, noneTaken(), transaction);
      const rows = plans.flatMap(({ settled }) => ('row' in settled ? [settled.row] : []));
      const ids = rows.length === 0 ? new Map<string, number>() : await addUsers(User, rows, transaction);
      for (const { username } of rows) {
        audit.record({ type: 'account.created', by, userId: ids.get(username) ?? null, details: { from: 'import' } }, transaction);
      }
      return plans.map((plan) => toResult(plan, 'created', ids));
    });

  /** The same again for each alone, where others have taken a name that was free when it was looked up. */
  const writeAlone = async (entry: Entry, by: Doer, tries = TRIES): Promise<ImportResult> => {
    try {
      const [result] = await write([entry], by);
      if (result === undefined) throw new TypeError('an entry has a result');
      return result;
    } catch (error) {
      if (!(error instanceof UniqueConstraintError)) throw error;
      if (tries > 1) return writeAlone(entry, by, tries - 1);
      return { line: entry.line, status: 'failed', ...nameOf(entry), errors: [NOT_UNIQUE] };
    }
  };

  return {
    add: async (records: readonly SourceRecord[], options: ImportOptions): Promise<ImportResult[]> => {
      const { by } = options;
      const entries = entriesOf(records, options);
      try {
        return await write(entries, by);
      } catch (error) {
        if (!(error instanceof UniqueConstraintError)) throw error;
      }
      const results: ImportResult[] = [];
      for (const entry of entries) results.push(await writeAlone(entry, by));
      return results;
    },
    /** `earlier` are those whom it would have added before, and then these too. */
    rehearse: async (records: readonly SourceRecord[], options: ImportOptions, earlier: Taken): Promise<ImportResult[]> =>
      (await settleAll(entriesOf(records, options), earlier)).map((plan) => toResult(plan, 'would_create', new Map())),
  };
}

interface Plan {
  readonly entry: Entry;
  readonly settled: Settled | { readonly skipped: string };
}

/** The columns of a team's own may be unique too. */
const NOT_UNIQUE: FieldFault = { path: 'username', code: 'not_allowed', message: 'or something else of it is somebody’s who is there' };

/** More of a name that breaks the rules helps nobody. */
const NAME_SHOWN = 64;
const shortNameOf = ({ username, email }: ImportedUser): string | undefined => (username ?? email)?.slice(0, NAME_SHOWN).toWellFormed();

const nameOf = ({ username }: Entry): { username?: string } => (username === undefined ? {} : { username });
/** A made name is shown as it is stored; it may not be the one that was tried first. */
const isNameMade = ({ outcome }: Entry): boolean => 'candidate' in outcome && outcome.candidate.isNameMade;
const notesOf = (notes: readonly string[]): { notes?: readonly string[] } => (notes.length === 0 ? {} : { notes });

/** Returns what stands in the way of these candidates in the database. */
async function storedFor(User: UserModel, candidates: readonly Candidate[], transaction?: Transaction): Promise<Taken> {
  const holders = await findNameHolders(User, wantedBy(candidates), transaction);
  const claims = candidates.flatMap(({ row, isNameMade: isMade }) => (isMade ? (row.email_fold ?? []) : []));
  return takenBy(holders, await findClaimants(User, claims, transaction));
}

/** The names and addresses whose holders candidates are held against. */
const wantedBy = (candidates: readonly Candidate[]): WantedNames => ({
  usernames: candidates.map(({ row }) => row.username),
  folds: [...new Set(candidates.map(({ fold }) => fold))],
  addresses: candidates.flatMap(({ row, isNameMade: isMade }) => (isMade ? row.email_fold : row.verified_email_fold) ?? []),
});

function toResult({ entry, settled }: Plan, made: 'created' | 'would_create', ids: ReadonlyMap<string, number>): ImportResult {
  const { line } = entry;
  if ('skipped' in settled) return { line, status: 'skipped', notes: [settled.skipped] };
  if ('faults' in settled) return { line, status: 'failed', ...nameOf(entry), errors: settled.faults };
  const [status, username] = 'there' in settled ? (['exists', settled.there.username] as const) : ([made, settled.row.username] as const);
  const id = ('there' in settled ? settled.there.id : undefined) ?? ids.get(username);
  const shown = isNameMade(entry) ? { username } : nameOf(entry);
  return { line, status, ...(id === undefined ? {} : { id }), ...shown, ...notesOf(settled.notes) };
}
