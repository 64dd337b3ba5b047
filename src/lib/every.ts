/** Work that is done again and again until it is stopped. */
export interface Repeated {
  /** Resolves when the work under way, if any, is over. */
  stop(): Promise<void>;
}

/** Does the work so many milliseconds after the last time ended. It must not throw. It keeps no process alive. */
export function every(milliseconds: number, work: () => Promise<void>): Repeated {
  let stopped = false;
  let current = Promise.resolve();
  let timer: NodeJS.Timeout;
  const next = (): void => {
    timer = setTimeout(() => {
      current = work().then(() => {
        if (!stopped) next();
      });
    }, milliseconds);
    timer.unref();
  };
  next();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
