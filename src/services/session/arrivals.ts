/** That the refresh token of that counter, or the access token that came with it, was used at that time. */
export interface Arrival {
  readonly counter: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** How many sessions are remembered as seen; who is forgotten costs one more write, which then changes nothing. */
const MOST_SEEN = 100_000;
/** So many wait where they can't be written; what comes beyond is noted when it is seen again. */
const MOST_WAITING = MOST_SEEN;
/** So many are written together: who else wants to write waits for no more than that. */
const MOST_AT_ONCE = 500;
const RETRY_AFTER_MS = 1000;

/** Notes which tokens were seen in use: each once, however many requests bear it. */
export interface Arrivals {
  note(sessionId: string, counter: number, at: number): void;
  /** What is noted of a session and not written yet. */
  pending(sessionId: string): Arrival | undefined;
  /** Resolves when what is noted is written, or can't be; nothing is written after that. */
  close(): Promise<void>;
}

/**
 * Arrivals are written together, as soon as the write before is over. One that fails is tried again, and fails no
 * request: until it is written, an old refresh token is taken a little longer. `onFault` is told each time.
 */
export function createArrivals(
  write: (batch: ReadonlyMap<string, Arrival>) => Promise<void>,
  onFault: (error: unknown) => void = () => undefined,
): Arrivals {
  const isNew = createMemory();
  const waiting = new Map<string, Arrival>();
  let underWay: ReadonlyMap<string, Arrival> = new Map();
  let writing: Promise<void> | undefined;
  /** After a write that failed. */
  let resting = false;
  let closed = false;

  const takeBatch = (): ReadonlyMap<string, Arrival> => {
    const batch = new Map<string, Arrival>();
    for (const [sessionId, arrival] of waiting) {
      if (batch.size === MOST_AT_ONCE) break;
      batch.set(sessionId, arrival);
      waiting.delete(sessionId);
    }
    return batch;
  };
  const writeAll = async (): Promise<void> => {
    while (waiting.size > 0 && !resting) {
      underWay = takeBatch();
      try {
        await write(underWay);
      } catch (error) {
        onFault(error);
        for (const [sessionId, arrival] of underWay) if (!waiting.has(sessionId)) waiting.set(sessionId, arrival);
        rest();
      } finally {
        underWay = new Map();
      }
    }
    // Together with the last look at what waits: what is noted from now on starts anew.
    writing = undefined;
  };
  const start = (): void => {
    if (closed || resting || waiting.size === 0) return;
    writing ??= Promise.resolve().then(writeAll);
  };
  const rest = (): void => {
    resting = true;
    setTimeout(() => {
      resting = false;
      start();
    }, RETRY_AFTER_MS).unref();
  };
  return {
    note: (sessionId, counter, at) => {
      if (waiting.size >= MOST_WAITING || !isNew(sessionId, counter)) return;
      waiting.set(sessionId, { counter, at });
      start();
    },
    pending: (sessionId) => waiting.get(sessionId) ?? underWay.get(sessionId),
    close: async () => {
      await writing;
      closed = true;
    },
  };
}

/** Tells whether that counter of a session is asked about for the first time, and none beyond it was. */
function createMemory(): (sessionId: string, counter: number) => boolean {
  let seen = new Map<string, number>();
  let seenBefore = new Map<string, number>();
  return (sessionId, counter) => {
    if ((seen.get(sessionId) ?? seenBefore.get(sessionId) ?? 0) >= counter) return false;
    if (seen.size >= MOST_SEEN / 2) {
      seenBefore = seen;
      seen = new Map();
    }
    seen.set(sessionId, counter);
    return true;
  };
}
