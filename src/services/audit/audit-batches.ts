import type { PendingEvent } from './audit-records.js';

/** Events that wait for their write: as many as requests are worked on at once (REQUEST_LIMIT). Further ones are lost, and their number logged. */
export const MAX_WAITING = 1000;
/** How long an unavailable database is left alone. */
const RETRY_AFTER_MS = 1000;

/** Writes events in as few transactions as possible: those that arrive during a write share the next one. */
export interface Batches {
  /**
   * Resolves when the write that takes these events has ended, at once while the database is unavailable. Never rejects:
   * events that could not be written wait for the next attempt.
   */
  add(events: readonly PendingEvent[]): Promise<void>;
  /** Makes one last attempt to write what waits. */
  close(): Promise<void>;
}

interface Parts {
  /** Writes all of the events or none. `mayBeStored` where an earlier attempt failed, which may have been committed. */
  readonly write: (events: readonly PendingEvent[], mayBeStored: boolean) => Promise<void>;
  /** Is called after each failed attempt, with the number of events that were lost since the one before. */
  readonly onFailure: (error: unknown, lost: number) => void;
}

export function createBatches({ write, onFailure }: Parts): Batches {
  let waiting: readonly PendingEvent[] = [];
  let lost = 0;
  let isRetry = false;
  let current: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;

  const keep = (events: readonly PendingEvent[]): void => {
    waiting = events.slice(0, MAX_WAITING);
    lost += events.length - waiting.length;
  };
  const fail = (error: unknown): void => {
    onFailure(error, lost);
    lost = 0;
  };
  const writeWaiting = async (): Promise<void> => {
    next = undefined;
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    try {
      await write(batch, isRetry);
      isRetry = false;
    } catch (error) {
      keep([...batch, ...waiting]);
      isRetry = true;
      retry = setTimeout(() => {
        retry = undefined;
        void start();
      }, RETRY_AFTER_MS).unref();
      fail(error);
    }
  };
  const start = (): Promise<void> => {
    next ??= current.then(() => (current = writeWaiting()));
    return next;
  };
  return {
    add: (events) => {
      if (events.length === 0) return Promise.resolve();
      keep([...waiting, ...events]);
      return retry === undefined ? start() : Promise.resolve();
    },
    close: async () => {
      clearTimeout(retry);
      retry = undefined;
      await start();
      clearTimeout(retry);
    },
  };
}
