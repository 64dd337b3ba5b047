import { RateLimiterRes } from 'rate-limiter-flexible';
import RateLimiterStoreAbstract from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js';
import type { Clock } from '../lib/clock.js';

/** How often something was counted, and for how many seconds that is still known. */
export interface Count {
  readonly points: number;
  readonly secondsLeft: number;
}

/**
 * Counts by key, each forgotten so many seconds after its first point. Points that are counted at once all count, wherever
 * the counts are kept. A key may be any text of moderate length that tells nobody anything.
 */
export interface Counters {
  /** Counts one more and tells how many that makes. */
  add(key: string, seconds: number): Promise<Count>;
  /** Takes one point back. */
  takeBack(key: string, seconds: number): Promise<void>;
  /** Undefined where nothing is counted. */
  read(key: string): Promise<Count | undefined>;
  /** Puts so many points in the place of those there, from now on for so many seconds. */
  put(key: string, points: number, seconds: number): Promise<void>;
  forget(key: string): Promise<void>;
}

/** Some 25 MB. Who would fill it has to be refused as many times first. */
const MOST_KEYS = 100_000;

/** Counts in this process, which a restart forgets. */
export const createMemoryCounters = (clock: Pick<Clock, 'elapsed'>, mostKeys = MOST_KEYS): Counters =>
  countersOn(new MemoryStore(clock, mostKeys));

/** Counters on any store that the library knows: Redis is another. The limits are ours, so the store has none. */
function countersOn(store: RateLimiterStoreAbstract): Counters {
  const countOf = ({ consumedPoints, msBeforeNext }: RateLimiterRes): Count => ({
    points: consumedPoints,
    secondsLeft: Math.max(1, Math.ceil(msBeforeNext / 1000)),
  });
  return {
    add: async (key, seconds) => countOf(await store.penalty(key, 1, { customDuration: seconds })),
    takeBack: async (key, seconds) => {
      await store.reward(key, 1, { customDuration: seconds });
    },
    read: async (key) => {
      const found = await store.get(key);
      return found === null ? undefined : countOf(found);
    },
    put: async (key, points, seconds) => {
      await store.set(key, points, seconds);
    },
    forget: async (key) => {
      await store.delete(key);
    },
  };
}

interface Entry {
  readonly points: number;
  /** By `clock.elapsed`. */
  readonly endsAt: number;
}

/** So many of the oldest are looked at for one that may go. */
const LOOKED_AT = 32;
/** What is over is removed no more often than this: it looks at every key. */
const SWEEP_MS = 10_000;
const FEW_KEYS = 1024;

/**
 * The library's own memory goes by the wall clock and by one timer a key, and has no end. This one goes by the time that
 * has passed, also a test's, and keeps no more than so many keys: what was counted once goes before what is under attack.
 */
class MemoryStore extends RateLimiterStoreAbstract {
  readonly #clock: Pick<Clock, 'elapsed'>;
  readonly #mostKeys: number;
  readonly #entries = new Map<string, Entry>();
  #sweptAt = 0;

  constructor(clock: Pick<Clock, 'elapsed'>, mostKeys: number) {
    super({ storeClient: undefined, points: Number.MAX_SAFE_INTEGER, duration: 1, keyPrefix: '' });
    this.#clock = clock;
    this.#mostKeys = mostKeys;
  }

  /** The library's word for a change of a key: `anew` puts, else it adds. */
  _upsert(key: string, points: number, milliseconds: number, anew: boolean): Promise<Entry> {
    const found = this.#live(key);
    const entry: Entry =
      found === undefined || anew
        ? { points: Math.max(0, points), endsAt: this.#clock.elapsed() + milliseconds }
        : { points: Math.max(0, found.points + points), endsAt: found.endsAt };
    if (found === undefined) this.#makeRoom();
    if (entry.points > 0) this.#entries.set(key, entry);
    else this.#entries.delete(key);
    return Promise.resolve(entry);
  }

  _get(key: string): Promise<Entry | null> {
    return Promise.resolve(this.#live(key) ?? null);
  }

  _delete(key: string): Promise<boolean> {
    return Promise.resolve(this.#entries.delete(key));
  }

  _getRateLimiterRes(_key: string, changed: number, { points, endsAt }: Entry): RateLimiterRes {
    return new RateLimiterRes(0, endsAt - this.#clock.elapsed(), points, points === changed);
  }

  #live(key: string): Entry | undefined {
    const found = this.#entries.get(key);
    if (found === undefined || found.endsAt > this.#clock.elapsed()) return found;
    this.#entries.delete(key);
    return undefined;
  }

  #makeRoom(): void {
    const now = this.#clock.elapsed();
    if (this.#entries.size >= Math.min(FEW_KEYS, this.#mostKeys) && now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      for (const [key, { endsAt }] of this.#entries) if (endsAt <= now) this.#entries.delete(key);
    }
    if (this.#entries.size >= this.#mostKeys) this.#evict();
  }

  #evict(): void {
    let looked = 0;
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      looked += 1;
      if (entry.points <= 1 || looked === LOOKED_AT) return;
      this.#entries.set(key, entry);
    }
  }
}
