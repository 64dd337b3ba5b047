import type { Transaction } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { Clock } from '../../lib/clock.js';
import type { Logger } from '../../observability/logger.js';
import { createBatches } from './audit-batches.js';
import { isSummarised, type NewAuditEvent } from './audit-events.js';
import { type PendingEvent, toPending } from './audit-records.js';
import { createSummaries } from './audit-summaries.js';

/** How refused requests are recorded: see `recordRefusal` of the audit service. */
export interface Refusals {
  recordRefusal(event: NewAuditEvent, subject?: string): Promise<void>;
  recordSummaries(): Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  readonly database: Database;
  readonly append: (events: readonly PendingEvent[], transaction: Transaction) => Promise<void>;
  /** Returns which events of these ids are stored. */
  readonly findStored: (ids: readonly string[], transaction: Transaction) => Promise<ReadonlySet<string>>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}

export function createRefusals({ database, append, findStored, clock, logger }: Parts): Refusals {
  const summaries = createSummaries(clock);
  const write = async (events: readonly PendingEvent[], mayBeStored: boolean, transaction: Transaction): Promise<void> => {
    const ids = events.map(({ id }) => id);
    const stored = mayBeStored ? await findStored(ids, transaction) : new Set();
    const missing = events.filter(({ id }) => !stored.has(id));
    if (missing.length > 0) await append(missing, transaction);
  };
  const batches = createBatches({
    // Ahead of requests, one transaction at a time: a flood that fills the queue does not keep its own record out.
    write: (events, mayBeStored) => database.transaction((transaction) => write(events, mayBeStored, transaction), { ahead: true }),
    onFailure: (error, lost) => {
      logger.warn({ err: error, lost }, 'refusals could not be written to the audit; it is tried again');
    },
  });
  const add = (events: readonly NewAuditEvent[]): Promise<void> => batches.add(events.map((event) => toPending(event, clock.now())));
  return {
    recordRefusal: (event, subject) => add(isSummarised(event.type) ? summaries.add(event, subject) : [event]),
    recordSummaries: () => add(summaries.endDue()),
    close: async () => {
      await add(summaries.endAll());
      await batches.close();
    },
  };
}
