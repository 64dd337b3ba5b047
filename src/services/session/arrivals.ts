/** That the refresh token of that counter, or the access token that came with it, was used at that time. */
export interface Arrival {
  readonly counter: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** How many sessions are remembered as seen; who is forgotten costs one more write, which then changes nothing. */
const MOST_SEEN = 100_000;
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
 * request: until it is written, an old refresh token is taken a little longer.
 */
export function createArrivals(write: (batch: ReadonlyMap<string, Arrival>) => Promise<void>): Arrivals {
  let seen = new Map<string, number>();
  let seenBefore = new Map<string, number>();
  let waiting = new Map<string, Arrival>();
  let underWay: ReadonlyMap<string, Arrival> = new Map();
  let writing: Promise<void> | undefined;
  let closed = false;

  const remember = (sessionId: string, counter: number): boolean => {
    if ((seen.get(sessionId) ?? seenBefore.get(sessionId) ?? 0) >= counter) return false;
    if (seen.size >= MOST_SEEN / 2) {
      seenBefore = seen;
      seen = new Map();
    }
    seen.set(sessionId, counter);
    return true;
  };
  const writeAll = async (): Promise<void> => {
    while (waiting.size > 0) {
      underWay = waiting;
      waiting = new Map();
      try {
        await write(underWay);
      } catch {
        for (const [sessionId, arrival] of underWay) if (!waiting.has(sessionId)) waiting.set(sessionId, arrival);
        setTimeout(start, RETRY_AFTER_MS).unref();
        return;
      } finally {
        underWay = new Map();
      }
    }
  };
  const start = (): void => {
    if (closed) return;
    writing ??= writeAll().finally(() => {
      writing = undefined;
    });
  };
  return {
    note: (sessionId, counter, at) => {
      if (!remember(sessionId, counter)) return;
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
