import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { AppError } from '../errors/app-error.js';

/** One comparison: the secret, the salt with its cost in front, the digest to meet, and salts to work through where it is not met. */
export interface Comparison {
  readonly secret: string;
  readonly salt: string;
  readonly expected: string;
  readonly padding: readonly string[];
}

/** bcrypt off the event loop. Every method throws AppError `overloaded` where too many hashes wait already. */
export interface Hasher {
  /** The 60 characters of bcrypt's modular crypt format. */
  digest(secret: string, salt: string): Promise<string>;
  matches(comparison: Comparison): Promise<boolean>;
  /** Hashes waiting for a thread. */
  waiting(): number;
  close(): Promise<void>;
}

const WORKER = new URL('./bcrypt-worker.mjs', import.meta.url).href;

/** A pool of threads, started when there is work for them. `threads: 0` is one for each core. */
export function createHasher({ threads, queueLimit }: { threads: number; queueLimit: number }): Hasher {
  const pool = new Piscina<object, unknown>({
    filename: WORKER,
    minThreads: 0,
    maxThreads: threads === 0 ? availableParallelism() : threads,
    maxQueue: queueLimit,
    idleTimeout: 60_000,
    // A loader given to this process is not for the threads.
    execArgv: [],
  });
  const run = async (task: object): Promise<unknown> => {
    if (pool.queueSize >= queueLimit) throw new AppError('overloaded');
    return pool.run(task);
  };
  return {
    digest: async (secret, salt) => {
      const digest = await run({ secret, salt });
      if (typeof digest !== 'string') throw new TypeError('a bcrypt thread answered a digest with something else');
      return digest;
    },
    matches: async (comparison) => (await run(comparison)) === true,
    waiting: () => pool.queueSize,
    close: () => pool.destroy(),
  };
}
