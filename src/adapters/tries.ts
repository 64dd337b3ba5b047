import { createHash } from 'node:crypto';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../errors/app-error.js';

/** Counts tries by whom they are made against, in this process. */
export interface Tries {
  /** Counts one more; throws `rate_limited`, with the seconds to wait, where there were too many. Tries that run at once all count. */
  take(key: string): Promise<void>;
  /** Forgets them: whoever it was has succeeded. */
  forget(key: string): Promise<void>;
}

/** So many tries in so many seconds. */
export function createTries({ most, seconds }: { most: number; seconds: number }): Tries {
  const limiter = new RateLimiterMemory({ points: most, duration: seconds });
  // What somebody sends may be long, and is kept for as long as it counts.
  const short = (key: string): string => createHash('sha256').update(key).digest('base64url');
  return {
    take: async (key) => {
      try {
        await limiter.consume(short(key));
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        throw new AppError('rate_limited', { details: { retryAfterSeconds: Math.max(1, Math.ceil(error.msBeforeNext / 1000)) } });
      }
    },
    forget: async (key) => {
      await limiter.delete(short(key));
    },
  };
}
