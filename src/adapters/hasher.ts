import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { type Flow, OWN_FLOW } from '../lib/flow.js';
import type { BcryptRecipe, Recipe } from './recipe.js';
import { createWorkQueue } from './work-queue.js';

/** One comparison: the password, how a digest is made of it, which one it must give, and what to work through where it does not. */
export interface Comparison {
  readonly password: string;
  readonly recipe: Recipe;
  readonly expected: string;
  readonly padding: readonly Recipe[];
}

/**
 * Password hashes off the event loop. The threads are shared fairly among the flows (`work-queue.ts`). Every method throws
 * AppError `overloaded` where too many hashes wait.
 */
export interface Hasher {
  /** The 60 characters of bcrypt's modular crypt format. */
  digest(password: string, recipe: BcryptRecipe, flow?: Flow): Promise<string>;
  matches(comparison: Comparison, flow?: Flow): Promise<boolean>;
  /** Hashes waiting for a thread. */
  waiting(): number;
  close(): Promise<void>;
}

const WORKER = new URL('./hash-worker.mjs', import.meta.url).href;

/** A pool of threads, started when there is work for them. `threads: 0` is one for each core. */
export function createHasher({ threads, queueLimit }: { threads: number; queueLimit: number }): Hasher {
  const maxThreads = threads === 0 ? availableParallelism() : threads;
  const queue = createWorkQueue({ atOnce: maxThreads, queueLimit });
  const pool = new Piscina<object, unknown>({
    filename: WORKER,
    minThreads: 0,
    maxThreads,
    idleTimeout: 60_000,
    // A loader given to this process is not for the threads.
    execArgv: [],
  });
  const run = (task: object, flow: Flow = OWN_FLOW): Promise<unknown> => queue.run(() => pool.run(task), { flow });
  return {
    digest: async (password, recipe, flow) => {
      const digest = await run({ password, recipe }, flow);
      if (typeof digest !== 'string') throw new TypeError('a thread for hashes answered a digest with something else');
      return digest;
    },
    matches: async (comparison, flow) => (await run(comparison, flow)) === true,
    waiting: () => queue.waiting(),
    close: () => pool.destroy(),
  };
}
