import { AppError } from '../errors/app-error.js';
import type { Middleware } from './locals.js';

/** So many requests begin in one turn of the event loop: some milliseconds of work. */
const A_TURN = 4;

/**
 * Begins what came in one moment a few at a time, in its order, so that the event loop looks in between at what needs no
 * turn: signs of life, answers of the database, and who hangs up. As long as few come at once nothing waits; where `most`
 * wait, who comes then is refused with `overloaded`.
 */
export function inTurn(most: number, aTurn = A_TURN): Middleware {
  const waiting: { readonly begin: () => void; readonly isGone: () => boolean }[] = [];
  let begun = 0;
  let isTurning = false;

  const beginNext = (): void => {
    let next = waiting.shift();
    while (next?.isGone() === true) next = waiting.shift();
    next?.begin();
  };
  const turn = (): void => {
    begun = 0;
    isTurning = waiting.length > 0;
    if (!isTurning) return;
    // Each in a call of its own: what it does at once is done before the next, and all of it after the loop has looked round.
    for (let place = Math.min(aTurn, waiting.length); place > 0; place -= 1) setImmediate(beginNext);
    setImmediate(turn);
  };
  return ({ socket }, _res, next) => {
    if (!isTurning) {
      isTurning = true;
      setImmediate(turn);
    }
    if (waiting.length >= most) throw new AppError('overloaded', { details: { retryAfterSeconds: 1 } });
    if (waiting.length > 0 || begun >= aTurn) {
      waiting.push({ begin: next, isGone: () => socket.destroyed });
      return;
    }
    begun += 1;
    next();
  };
}
