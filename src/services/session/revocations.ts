import type { Transaction } from 'sequelize';
import { type Database, LOCKS } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import type { Clock } from '../../lib/clock.js';
import type { NewRevocation, Revocation, RevocationModel } from '../../models/revocation.model.js';
import { CLOCK_DOUBT_MS, createRevocationIndex, EVERY_SESSION, type RevocationIndex, type RevokedSession } from './revocation-index.js';

/** How old the index may be when it is asked: what every other process may be late by. */
const MOST_LAG_MS = 1000;
/** Beyond the life of an access token, for clocks that differ and answers under way. */
const MARGIN_MS = 60_000;
/** Kept in the database long after every token has expired, for clocks that jump. */
export const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
const PAGE = 1000;
const EVER = new Date(0);

/** What resource servers are told (`GET /revocations`). */
export interface RevocationFeed {
  readonly revoked: readonly Revocation[];
  /** Where the next call goes on; always there, as the feed has no end. */
  readonly nextCursor: string;
}

/** Whose access tokens are refused: written in the database, and known here without asking it. */
export interface Revocations {
  readonly size: number;
  /** Whether access tokens of that session and refresh counter, issued then (`iat`), are refused. Only true to the second: see `catchUp`. */
  refuses(sessionId: string, counter: number, issuedAt: number): boolean;
  /** A promise where the index is older than a second; it rejects with `unavailable` where it can't be brought up to date. */
  catchUp(): Promise<void> | undefined;
  /** Reads what other processes have written since the last time. */
  sync(): Promise<void>;
  /** Fills the index at start. */
  load(): Promise<void>;
  /** Must come first in a transaction that revokes, so that ids are in the order of the commits. */
  lock(transaction: Transaction): Promise<void>;
  /** Writes that access tokens of these sessions are refused; known here from the commit on. */
  record(sessions: readonly { id: string; through: number | null }[], transaction: Transaction): Promise<void>;
  /** Writes that every access token issued up to this second is refused, also of sessions that nobody here knows of. */
  recordEverything(transaction: Transaction): Promise<void>;
  /** What was revoked behind a cursor, within one life of an access token. */
  since(cursor: string | undefined, limit: number): Promise<RevocationFeed>;
}

interface Parts {
  readonly model: RevocationModel;
  readonly database: Database;
  readonly clock: Clock;
  readonly lifetimeSeconds: number;
}

export function createRevocations({ model, database, clock, lifetimeSeconds }: Parts): Revocations {
  const toldMs = lifetimeSeconds * 1000 + MARGIN_MS;
  const holdMs = toldMs + CLOCK_DOUBT_MS;
  const index = createRevocationIndex(clock);
  const copy = createCopy({ model, clock, index, holdMs });
  const record: Revocations['record'] = async (sessions, transaction) => {
    const revoked_at = new Date(clock.now());
    const rows = sessions.map(({ id, through }) => ({ session_id: id, through, revoked_at }));
    await model.add(rows, transaction);
    database.afterCommit(transaction, () => {
      for (const row of rows) index.add(toRevoked(row, holdMs));
    });
  };
  return {
    ...copy,
    get size() {
      return index.size;
    },
    refuses: (sessionId, counter, issuedAt) => index.refuses(sessionId, counter, issuedAt),
    lock: (transaction) => database.lock(transaction, LOCKS.revoking),
    record,
    recordEverything: (transaction) => record([{ id: EVERY_SESSION, through: null }], transaction),
    since: async (cursor, limit) => {
      const newest = await model.newest();
      // A cursor from beyond the newest is another database's, of before a backup was put back: who has it starts anew.
      const from = cursor === undefined || Number(cursor) > newest ? undefined : Number(cursor);
      const revoked = await model.pageAfter(from ?? 0, new Date(clock.now() - toldMs), limit);
      return { revoked, nextCursor: String(revoked.at(-1)?.id ?? from ?? newest) };
    },
  };
}

const toRevoked = ({ session_id: sessionId, through, revoked_at }: NewRevocation, holdMs: number): RevokedSession => ({
  sessionId,
  through,
  revokedAt: revoked_at.getTime(),
  holdMs,
});

interface CopyParts extends Pick<Parts, 'model' | 'clock'> {
  readonly index: RevocationIndex;
  readonly holdMs: number;
}

/** Keeps the index in step with the database, which all processes write to. */
function createCopy({ model, clock, index, holdMs }: CopyParts): Pick<Revocations, 'catchUp' | 'sync' | 'load'> {
  let lastId = 0;
  let syncedAt = -Infinity;
  let syncing: Promise<void> | undefined;

  const readAfter = async (id: number, since: Date): Promise<void> => {
    const rows = await model.pageAfter(id, since, PAGE);
    for (const row of rows) index.add(toRevoked(row, holdMs));
    const last = rows.at(-1)?.id ?? id;
    lastId = Math.max(lastId, last);
    if (rows.length === PAGE) await readAfter(last, since);
  };
  const readNew = async (): Promise<void> => {
    const begun = clock.elapsed();
    await readAfter(lastId, EVER);
    syncedAt = begun;
  };
  const sync = (): Promise<void> =>
    (syncing ??= readNew().finally(() => {
      syncing = undefined;
    }));
  const isLate = (): boolean => clock.elapsed() - syncedAt > MOST_LAG_MS;
  /** A reading that was under way when it was asked for may have begun too long ago, and another one then begins. */
  const readLate = async (): Promise<void> => {
    const joined = syncing !== undefined;
    await sync();
    if (joined && isLate()) await sync();
  };
  return {
    sync,
    catchUp: () => {
      if (!isLate()) return undefined;
      return readLate().catch((cause: unknown) => {
        throw new AppError('unavailable', { cause });
      });
    },
    load: async () => {
      const begun = clock.elapsed();
      const newest = await model.newest();
      await readAfter(0, new Date(clock.now() - holdMs));
      lastId = Math.max(lastId, newest);
      syncedAt = begun;
    },
  };
}
