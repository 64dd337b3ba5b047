import type { Counters } from '../../adapters/counters.js';

/** How an attempt ended: `refused` for another reason than what is counted, `broken` by a fault of ours. */
export type Outcome = 'succeeded' | 'failed' | 'refused' | 'broken';

/** How much of a limit is left, as draft-ietf-httpapi-ratelimit-headers tells it. */
export interface Standing {
  readonly policy: string;
  readonly quota: number;
  readonly windowSeconds: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

/** An attempt that is counted from its beginning, so that those made at once all count. */
export interface Attempt {
  readonly standing: Standing;
  /** So long it has to wait, and may not be made now. Absent where it may. */
  readonly waitSeconds?: number;
  /** Whether it is the first that has to wait. */
  readonly reached: boolean;
  /** Says how it ended; only for one that may be made. `reached` tells whether further ones have to wait because of it. */
  end(outcome: Outcome): Promise<{ readonly standing: Standing; readonly reached: boolean }>;
}

/** Counts attempts by whom they are made, or against whom. */
export interface Tally {
  begin(key: string): Promise<Attempt>;
}

const standingsOf =
  ({ policy, most, windowSeconds }: Pick<GuessRules, 'policy' | 'most' | 'windowSeconds'>) =>
  (remaining: number, resetSeconds: number): Standing => ({
    policy,
    quota: most,
    windowSeconds,
    remaining: Math.max(0, remaining),
    resetSeconds,
  });

interface QuotaRules {
  readonly policy: string;
  readonly most: number;
  readonly seconds: number;
  /** The outcomes that count; all but `broken` unless given. */
  readonly counts?: readonly Outcome[];
}

/** So many in so long, from the first on. */
export function createQuota(counters: Counters, { policy, most, seconds, counts = ['succeeded', 'failed', 'refused'] }: QuotaRules): Tally {
  const standingOf = standingsOf({ policy, most, windowSeconds: seconds });
  return {
    begin: async (key) => {
      const { points, secondsLeft } = await counters.add(key, seconds);
      const standing = standingOf(most - points, secondsLeft);
      const end: Attempt['end'] = async (outcome) => {
        if (counts.includes(outcome)) return { standing, reached: false };
        await counters.takeBack(key, seconds);
        return { standing: standingOf(most - points + 1, secondsLeft), reached: false };
      };
      if (points <= most) return { standing, reached: false, end };
      return { standing, waitSeconds: secondsLeft, reached: points === most + 1, end };
    },
  };
}

/** Bounds the attempts that are made at the same time; one that has ended counts no more. */
export function createAtOnce(counters: Counters, { policy, most }: Pick<GuessRules, 'policy' | 'most'>): Tally {
  const standingOf = standingsOf({ policy, most, windowSeconds: BUSY_SECONDS });
  return {
    begin: async (key) => {
      const { points } = await counters.add(key, FORGOTTEN_SECONDS);
      const standing = standingOf(most - points, BUSY_SECONDS);
      const end: Attempt['end'] = async () => {
        await counters.takeBack(key, FORGOTTEN_SECONDS);
        return { standing, reached: false };
      };
      if (points <= most) return { standing, reached: false, end };
      await end('broken');
      return { standing, waitSeconds: BUSY_SECONDS, reached: false, end };
    },
  };
}

/** Longer than any attempt takes. */
const FORGOTTEN_SECONDS = 60;

interface GuessRules {
  readonly policy: string;
  readonly most: number;
  readonly windowSeconds: number;
  readonly longestWaitSeconds: number;
  /** So many in a row, and no more until one is right. */
  readonly consecutive?: number;
  /** Whether one that is right makes up for those before: it does for an account, and not for an address, from which an attacker logs in as themselves in between. */
  readonly clearedBySuccess: boolean;
}

export interface GuessTally extends Tally {
  /** Begins the row anew, and lets nobody off a wait. */
  endRow(key: string): Promise<void>;
}

const FIRST_WAIT_SECONDS = 60;
/** For so long waits go on doubling. */
const WAITS_SECONDS = 24 * 60 * 60;
/** How long a row of failures is known: as good as for ever. */
const ROW_SECONDS = 365 * 24 * 60 * 60;
/** In place of a count while there is a wait: more than whoever tries meanwhile can add or take back. */
const WAITING = 1_000_000_000;
/** Where as many as may be tried are being tried at this moment. */
const BUSY_SECONDS = 1;

const keysOf = (key: string) => ({ window: key, failures: `${key} failures`, waits: `${key} waits`, row: `${key} row` });

/**
 * Wrong guesses: so many within a window, after them one after each wait, and each wait is twice as long as the one before.
 * Only what was tried and wrong counts; what has to wait is not looked at (NIST SP 800-63B-4 §3.2.2; ASVS 6.3.1).
 */
export function createGuesses(counters: Counters, rules: GuessRules): GuessTally {
  const { most, windowSeconds, longestWaitSeconds, consecutive = Number.POSITIVE_INFINITY, clearedBySuccess } = rules;
  const hasRow = consecutive < Number.POSITIVE_INFINITY;
  const standingOf = standingsOf(rules);

  /** The first counts double, as what was counted once is forgotten first where there are too many keys. */
  const addKept = async (key: string, seconds: number): Promise<number> => {
    const { points } = await counters.add(key, seconds);
    return points === 1 ? (await counters.add(key, seconds)).points - 1 : points - 1;
  };
  const clear = async (key: string): Promise<void> => {
    for (const one of Object.values(keysOf(key))) await counters.forget(one);
  };
  const takeBack = async (key: string): Promise<void> => {
    await counters.takeBack(keysOf(key).window, windowSeconds);
    if (hasRow) await counters.takeBack(keysOf(key).row, ROW_SECONDS);
  };
  const waitFrom = async (key: string): Promise<number> => {
    const { window, failures, waits } = keysOf(key);
    const seconds = Math.min(longestWaitSeconds, FIRST_WAIT_SECONDS * 2 ** ((await addKept(waits, WAITS_SECONDS)) - 1));
    await counters.put(window, WAITING, seconds);
    await counters.forget(failures);
    return seconds;
  };

  return {
    endRow: (key) => counters.forget(keysOf(key).row),
    begin: async (key) => {
      const { window, failures, waits, row } = keysOf(key);
      const allowed = (await counters.read(waits)) === undefined ? most : 1;
      const { points, secondsLeft } = await counters.add(window, windowSeconds);
      const inRow = hasRow ? (await counters.add(row, ROW_SECONDS)).points : 0;
      // Or those of an earlier window would end before this one.
      if (points === 1) await counters.forget(failures);
      const standing = standingOf(allowed - points, secondsLeft);
      const isOver = inRow > consecutive;
      if (points > allowed || isOver) {
        await takeBack(key);
        const waitSeconds = points > WAITING / 2 ? secondsLeft : isOver ? longestWaitSeconds : BUSY_SECONDS;
        return { standing: standingOf(0, waitSeconds), waitSeconds, reached: false, end: () => Promise.reject(new TypeError('not begun')) };
      }
      return {
        standing,
        reached: false,
        end: async (outcome) => {
          if (outcome === 'failed') {
            const isLast = inRow >= consecutive;
            // Counts failures and not attempts, as concurrent attempts may still succeed.
            const isFull = (await addKept(failures, windowSeconds)) >= allowed;
            // One back-off begins: where the last of the consecutive failures is among those of the window, that failure begins it.
            const rowIsFull = hasRow && ((await counters.read(row))?.points ?? 0) >= consecutive;
            if (!isLast && (!isFull || rowIsFull)) return { standing, reached: false };
            const seconds = await waitFrom(key);
            return { standing: standingOf(0, isLast ? longestWaitSeconds : seconds), reached: true };
          }
          if (outcome === 'succeeded' && clearedBySuccess) {
            await clear(key);
            return { standing: standingOf(most, windowSeconds), reached: false };
          }
          await takeBack(key);
          return { standing: standingOf(allowed - points + 1, secondsLeft), reached: false };
        },
      };
    },
  };
}
