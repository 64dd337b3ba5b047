import type { Transaction } from 'sequelize';
import { type Database, LOCKS } from '../../adapters/database.js';
import { badCursor } from '../../errors/bad-cursor.js';
import { SYSTEM } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { RootKeys } from '../../lib/derived-key.js';
import { type Page, type PageRequest, readCursor, toPage, writeCursor } from '../../lib/pagination.js';
import type { StoredEvent } from '../../models/audit-event.model.js';
import type { Models } from '../../models/index.js';
import type { Logger } from '../../observability/logger.js';
import { type Chain, createChain, EMPTY, type Head, isSeq, UNSOUND, usable } from './audit-chain.js';
import type { NewAuditEvent } from './audit-events.js';
import { type AuditFilter, type AuditRecord, type PendingEvent, toPending, toRecord, whereOf } from './audit-records.js';
import { createRefusals } from './audit-refusals.js';
import { type AuditVerification, headText, readHead, verifyChain } from './audit-verification.js';

export type { AuditFilter, AuditRecord } from './audit-records.js';
export type { AuditVerification } from './audit-verification.js';

export interface AuditService {
  /**
   * Records an event in the transaction of what it tells of: it is kept where that commits, and nothing is where it can't be
   * written (ASVS 16.3). Appended as the last of the transaction, with all others of it.
   */
  record(event: NewAuditEvent, transaction: Transaction): void;
  /** Records an event in a transaction of its own, before an action that must not happen without it, such as an export. Rejects where it can't be written. */
  recordNow(event: NewAuditEvent): Promise<void>;
  /**
   * Records a refused request. Resolves when the write has ended, and never rejects: the response to a refusal does not
   * depend on the audit. Concurrent events share a transaction. Of the summarised types, the first of one kind by one
   * caller is recorded at once and further ones of a minute as one event; `subject` distinguishes kinds that the event's
   * user does not. Must not be called inside a transaction.
   */
  recordRefusal(event: NewAuditEvent, subject?: string): Promise<void>;
  /** Records the refusals that were counted in windows which are over. */
  recordSummaries(): Promise<void>;
  /** The events that fit, newest first. Throws `validation_failed` for a cursor that is not ours. */
  list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditRecord>>;
  /** The events that fit, oldest first, read in pages. */
  everything(filter: AuditFilter): AsyncIterable<AuditRecord>;
  /** The last event's number and code, to be noted elsewhere: whoever cuts off the tail can't make it true again. */
  head(): Promise<string>;
  /**
   * Whether every event stands as it was recorded, and none but those; compared with a head noted elsewhere, where one is
   * given. Throws `validation_failed` where that can't be read.
   */
  verify(noted?: string): Promise<AuditVerification>;
  /** Removes what is older than it is kept, as much as one transaction may take, and says whether there is more. */
  prune(): Promise<boolean>;
  /** Records every refusal that is still counted. */
  close(): Promise<void>;
}

const PAGE = 1000;
const PRUNED_AT_ONCE = 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly rootKeys: RootKeys;
  readonly clock: Clock;
  /** 0 keeps events for ever. */
  readonly retentionDays: number;
  readonly logger: Pick<Logger, 'warn'>;
}

/** The one owner of the audit chain: who records, reads, verifies and cuts it (ASVS 16.3, 16.4.2). */
export function createAuditService({ models, database, rootKeys, clock, retentionDays, logger }: Parts): AuditService {
  const { AuditEvent } = models;
  const chain = createChain(rootKeys);
  const appending = createAppending({ models, database, chain });
  const refusals = createRefusals({
    database,
    append: (events, transaction) => appending.append(events, transaction),
    findStored: (ids, transaction) => AuditEvent.findStored(ids, transaction),
    clock,
    logger,
  });
  const record = createRecording({ database, clock, appending });

  return {
    record,
    recordNow: (event) =>
      database.forClient(event.by).transaction((transaction) => {
        record(event, transaction);
        return Promise.resolve();
      }),
    ...refusals,
    list: async (filter, { limit, cursor }) => {
      const before = cursor === undefined ? undefined : readPlace(cursor);
      const rows = await AuditEvent.stored(whereOf(filter, { before }), 'DESC', limit + 1);
      return toPage(rows.map(toRecord), limit, ({ seq }) => writeCursor(String(seq)));
    },
    everything: async function* (filter) {
      for (let after = 0, more = true; more;) {
        const rows = await AuditEvent.stored(whereOf(filter, { after }), 'ASC', PAGE);
        for (const row of rows) yield toRecord(row);
        after = Number(rows.at(-1)?.seq);
        more = rows.length === PAGE;
      }
    },
    head: async () => headText(usable(await models.AuditHead.read())),
    verify: async (noted) => verifyChain({ models, chain }, noted === undefined ? undefined : readHead(noted)),
    prune: async () => {
      if (retentionDays === 0) return false;
      const before = clock.now() - retentionDays * DAY_MS;
      return database.transaction(
        async (transaction) => {
          const cut = await appending.cut(before, transaction);
          if (cut === undefined) return false;
          record({ type: 'audit.pruned', by: SYSTEM, details: { ...cut } }, transaction);
          return cut.events === PRUNED_AT_ONCE;
        },
        { ahead: true },
      );
    },
  };
}

/** Collects the events of a transaction, which are appended together as its last step. */
function createRecording({ database, clock, appending }: Pick<Parts, 'database' | 'clock'> & { appending: Appending }) {
  const pending = new WeakMap<Transaction, PendingEvent[]>();
  return (event: NewAuditEvent, transaction: Transaction): void => {
    const row = toPending(event, clock.now());
    const waiting = pending.get(transaction);
    if (waiting !== undefined) {
      waiting.push(row);
      return;
    }
    const rows = [row];
    pending.set(transaction, rows);
    database.beforeCommit(transaction, async () => {
      // What is recorded by a step behind this one begins anew.
      pending.delete(transaction);
      await appending.append(rows, transaction);
    });
  };
}

/** What retention has removed. */
interface Cut {
  readonly events: number;
  /** The number of the last of them. */
  readonly through: number;
  /** Whether they were as they had been recorded. */
  readonly intact: boolean;
}

interface Appending {
  append(events: readonly PendingEvent[], transaction: Transaction): Promise<void>;
  /** Undefined where there is nothing to remove. */
  cut(before: number, transaction: Transaction): Promise<Cut | undefined>;
}

/** What is gone on from, when nobody else does. */
interface LockedHead {
  readonly head: Head;
  /** Whether it can be trusted. */
  readonly sound: boolean;
  /** The last number that is taken: the head's, unless it was set back or something was put behind it. */
  readonly last: number;
}

/**
 * How the chain is written. What somebody has changed keeps nobody from writing, and is never made good: a head that is
 * not sound stays so, or the next event would seal what was done to it.
 */
function createAppending({
  models: { AuditEvent, AuditHead },
  database,
  chain,
}: Pick<Parts, 'models' | 'database'> & { chain: Chain }): Appending {
  const writeHead = (head: Head, sound: boolean, transaction: Transaction): Promise<void> =>
    AuditHead.write({ ...head, seal: sound ? chain.sealOf(head) : UNSOUND }, transaction);

  const lockHead = async (transaction: Transaction): Promise<LockedHead> => {
    await database.lock(transaction, LOCKS.auditing);
    const stored = await AuditHead.read(transaction);
    const head = usable(stored);
    const last = isSeq(stored.last_seq) ? stored.last_seq : 0;
    const sound = stored.seq === null ? stored.last_seq === null : chain.isSealed(stored);
    return { head, sound, last: Math.max(head.seq, last) };
  };

  return {
    append: async (events, transaction) => {
      const { head, sound, last } = await lockHead(transaction);
      let seq = last;
      let { mac } = head;
      const rows = events.map((event) => {
        seq += 1;
        const link = { seq, ...event };
        mac = chain.macOf(mac, link);
        return { ...link, mac };
      });
      await AuditEvent.add(rows, transaction);
      await writeHead({ ...head, seq, mac }, sound, transaction);
    },
    cut: async (before, transaction) => {
      const { head, sound } = await lockHead(transaction);
      const oldest = await AuditEvent.storedAfter(undefined, PRUNED_AT_ONCE, transaction);
      const kept = oldest.findIndex(({ at }) => typeof at !== 'number' || at >= before);
      const removed = kept === -1 ? oldest : oldest.slice(0, kept);
      // A number that none of ours has would be no anchor; whoever put it there is found by it.
      const last = removed.findLast(({ seq }) => isSeq(seq));
      if (last === undefined || !isSeq(last.seq)) return undefined;
      const intact = isUnbroken(chain, head, removed);
      const anchor_mac = typeof last.mac === 'string' ? last.mac : EMPTY.mac;
      await AuditEvent.deleteThrough(last.seq, transaction);
      await writeHead({ ...head, anchor_seq: last.seq, anchor_mac }, sound && intact, transaction);
      return { events: removed.length, through: last.seq, intact };
    },
  };
}

/** Whether events follow each other, the first of them what retention has removed last. */
function isUnbroken(chain: Chain, { anchor_seq, anchor_mac }: Head, events: readonly StoredEvent[]): boolean {
  let previous: unknown = anchor_mac;
  return events.every((event, index) => {
    const follows = event.seq === anchor_seq + 1 + index && typeof previous === 'string' && chain.follows(previous, event);
    previous = event.mac;
    return follows;
  });
}

function readPlace(cursor: string): number {
  const place = readCursor(cursor);
  if (!/^\d{1,10}$/.test(place)) throw badCursor();
  return Number(place);
}
