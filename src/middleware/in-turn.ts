import type { Middleware } from './locals.js';

/** How long requests are begun in one turn of the event loop, in milliseconds. */
const SLICE_MS = 10;

/**
 * Begins what came in one moment a slice at a time, so that the event loop looks in between at what needs no slice: signs of
 * life, answers of the database, and who hangs up. While a slice is not used up, nothing waits.
 */
export function inTurn(sliceMs = SLICE_MS): Middleware {
  const waiting: (() => void)[] = [];
  let endsAt: number | undefined;
  const nextTurn = (): void => {
    const begin = waiting.shift();
    endsAt = undefined;
    if (begin === undefined) return;
    endsAt = performance.now() + sliceMs;
    setImmediate(nextTurn);
    begin();
  };
  return (_req, _res, next) => {
    if (endsAt === undefined) {
      endsAt = performance.now() + sliceMs;
      setImmediate(nextTurn);
    }
    if (waiting.length === 0 && performance.now() < endsAt) next();
    else waiting.push(next);
  };
}
