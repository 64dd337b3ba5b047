/** Work that is done again and again until it is stopped. */
export interface Repeated {
  /** Resolves when the work under way, if any, is over. */
  stop(): Promise<void>;
}

/**
 * Does the work so many milliseconds after the last time ended, and for the first time after `first`. It must not throw.
 * It keeps no process alive.
 */
export function every(milliseconds: number, work: () => Promise<void>, first = milliseconds): Repeated {
  let stopped = false;
  let current = Promise.resolve();
  let timer: NodeJS.Timeout;
  const next = (wait: number): void => {
    timer = setTimeout(() => {
      current = work().then(() => {
        if (!stopped) next(milliseconds);
      });
    }, wait);
    timer.unref();
  };
  next(first);
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
