import { AppError } from '../errors/app-error.js';

/** Weight of the newest piece in how long one takes of late. */
const NEWEST = 1 / 16;
const LONGEST_RETRY_SECONDS = 60;

interface Limits {
  /** So many pieces are under way at once. */
  readonly atOnce: number;
  /** So many may wait; who comes then is refused. */
  readonly queueLimit: number;
  /** How long a piece may wait before it is refused; for ever where this is left out. */
  readonly mostWaitMs?: number;
}

export interface Place {
  /** Goes before all that wait, and is not refused for how many there are: for the few pieces of work that no request asks for. */
  readonly ahead?: boolean;
}

/** Work in its order of arrival, so many pieces at once, while a bounded number waits. */
export interface WorkQueue {
  /**
   * Does the work when it is its turn, and has its outcome. Work that is refused is not begun: `overloaded` at once where
   * too many wait, with the seconds until some of them should be done; `unavailable` where it has waited too long.
   */
  run<T>(work: () => Promise<T>, place?: Place): Promise<T>;
  /** How many wait. */
  waiting(): number;
  /** Whether the next would be refused. */
  isFull(): boolean;
}

export function createWorkQueue({ atOnce, queueLimit, mostWaitMs }: Limits): WorkQueue {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  let usualMs: number | undefined;

  const isFull = (): boolean => underWay >= atOnce && waiting.length >= queueLimit;
  const overloaded = (): AppError => {
    const seconds = Math.ceil(((usualMs ?? 0) * (waiting.length + 1)) / atOnce / 1000);
    return new AppError('overloaded', { details: { retryAfterSeconds: Math.min(Math.max(seconds, 1), LONGEST_RETRY_SECONDS) } });
  };
  const turn = (ahead: boolean): Promise<void> =>
    new Promise((begin, refuse) => {
      const patience =
        mostWaitMs === undefined
          ? undefined
          : setTimeout(() => {
              waiting.splice(waiting.indexOf(go), 1);
              refuse(new AppError('unavailable'));
            }, mostWaitMs);
      const go = (): void => {
        clearTimeout(patience);
        underWay += 1;
        begin();
      };
      if (ahead) waiting.unshift(go);
      else waiting.push(go);
    });
  return {
    waiting: () => waiting.length,
    isFull,
    run: async (work, { ahead = false } = {}) => {
      if (underWay < atOnce) underWay += 1;
      else if (ahead || !isFull()) await turn(ahead);
      else throw overloaded();
      const begun = performance.now();
      try {
        return await work();
      } finally {
        const tookMs = performance.now() - begun;
        usualMs = usualMs === undefined ? tookMs : usualMs + (tookMs - usualMs) * NEWEST;
        underWay -= 1;
        waiting.shift()?.();
      }
    },
  };
}
