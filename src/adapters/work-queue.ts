import { AppError } from '../errors/app-error.js';
import { createFairQueue } from '../lib/fair-queue.js';
import { type Flow, OWN_FLOW } from '../lib/flow.js';
import { createLinkedList } from '../lib/linked-list.js';

/** Weight of the newest piece of work in the moving average of durations. */
const NEWEST = 1 / 16;
const LONGEST_RETRY_SECONDS = 60;

interface Limits {
  /** The maximum of pieces of work that run at once. */
  readonly atOnce: number;
  /** The maximum of pieces of work that wait. */
  readonly queueLimit: number;
  /** How long a piece may wait before it is refused; without end where this is left out. */
  readonly mostWaitMs?: number;
}

export interface Place {
  /** Goes before all work that waits, and is not refused for how much there is: for the few pieces of work that no request asks for. */
  readonly ahead?: boolean;
  /** The client and account that it is done for. */
  readonly flow?: Flow;
}

/**
 * Runs a bounded number of pieces of work at once, while a bounded number waits. The flows take turns (fair queuing): a
 * client with one piece waits behind one piece of each other client, however many each of them has. A client without
 * competitors may use all of the queue.
 */
export interface WorkQueue {
  /**
   * Runs the work when it is its turn, and returns its result. When the queue is full, the newest piece of the client
   * with the most pieces is refused: the arriving one only if its own client has the most. Work that is refused is never
   * begun. Throws `overloaded`, with the seconds until the queue should have drained, and `unavailable` after too long a wait.
   */
  run<T>(work: () => Promise<T>, place?: Place): Promise<T>;
  /** How many pieces of work wait. */
  waiting(): number;
  /** Whether the next piece of work would cause a refusal. */
  isFull(): boolean;
}

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (error: AppError) => void;
}

export function createWorkQueue({ atOnce, queueLimit, mostWaitMs }: Limits): WorkQueue {
  const ahead = createLinkedList<Waiting>();
  const requested = createFairQueue<Waiting>();
  let running = 0;
  let usualMs: number | undefined;

  const waiting = (): number => ahead.size() + requested.size();
  const overloaded = (): AppError => {
    const seconds = Math.ceil(((usualMs ?? 0) * (waiting() + 1)) / atOnce / 1000);
    return new AppError('overloaded', { details: { retryAfterSeconds: Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS) } });
  };
  const enqueue = (entry: Waiting, place: Place): (() => void) => {
    if (place.ahead) return ahead.push(entry).remove;
    const remove = requested.push(entry, place.flow ?? OWN_FLOW);
    if (waiting() > queueLimit) requested.dropNewest()?.refuse(overloaded());
    return remove;
  };
  const next = (): Waiting | undefined => {
    const first = ahead.first();
    if (first === undefined) return requested.shift();
    first.remove();
    return first.value;
  };
  return {
    waiting,
    isFull: () => running >= atOnce && waiting() >= queueLimit,
    run: async (work, place = {}) => {
      if (running < atOnce) running += 1;
      else await turn((entry) => enqueue(entry, place), mostWaitMs);
      const begun = performance.now();
      try {
        return await work();
      } finally {
        const tookMs = performance.now() - begun;
        usualMs = usualMs === undefined ? tookMs : usualMs + (tookMs - usualMs) * NEWEST;
        // Handed over at once, or work that arrives in this moment would run besides.
        const following = next();
        if (following === undefined) running -= 1;
        else following.begin();
      }
    },
  };
}

/**
 * Resolves when the work's turn has come, and throws when it is refused or has waited for too long. `enqueue` returns a
 * function that takes the entry out of the queue.
 */
const turn = (enqueue: (entry: Waiting) => () => void, mostWaitMs: number | undefined): Promise<void> =>
  new Promise((begin, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const stopTimer = (): void => {
      clearTimeout(timer);
    };
    if (mostWaitMs !== undefined) {
      timer = setTimeout(() => {
        remove();
        reject(new AppError('unavailable'));
      }, mostWaitMs);
    }
    const remove = enqueue({
      begin: () => {
        stopTimer();
        begin();
      },
      refuse: (error) => {
        stopTimer();
        reject(error);
      },
    });
  });
