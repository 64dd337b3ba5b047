import { AppError } from '../errors/app-error.js';
import { createFairQueue } from '../lib/fair-queue.js';
import { flowOf } from '../lib/flow.js';
import type { Middleware } from './locals.js';

/** Requests that begin in one turn of the event loop: some milliseconds of work. */
const A_TURN = 4;

/** The event loop's own, also where a test replaces the global one by a fake later. */
const soon = setImmediate;

interface Waiting {
  readonly begin: () => void;
  readonly refuse: (error: AppError) => void;
  readonly isGone: () => boolean;
}

/**
 * Begins requests that arrive in one moment a few at a time, so that the event loop looks in between at what needs no
 * turn: health checks, responses of the database, and closed connections. While few arrive at once none waits. The
 * clients take turns, and those of one client begin in their order. Where more than `most` wait, the newest of the client
 * with the most is refused with `overloaded`.
 */
export function inTurn(most: number, aTurn = A_TURN): Middleware {
  const waiting = createFairQueue<Waiting>();
  let begun = 0;
  let isTurning = false;

  const beginNext = (): void => {
    let next = waiting.shift();
    while (next?.isGone() === true) next = waiting.shift();
    next?.begin();
  };
  const turn = (): void => {
    begun = 0;
    isTurning = waiting.size() > 0;
    if (!isTurning) return;
    // Each in a call of its own: what it does at once is done before the next, and all of it after the loop has looked round.
    for (let place = Math.min(aTurn, waiting.size()); place > 0; place -= 1) soon(beginNext);
    soon(turn);
  };
  return ({ socket }, res, next) => {
    if (!isTurning) {
      isTurning = true;
      soon(turn);
    }
    if (waiting.size() === 0 && begun < aTurn) {
      begun += 1;
      next();
      return;
    }
    waiting.push({ begin: next, refuse: next, isGone: () => socket.destroyed }, flowOf(res.locals.client));
    if (waiting.size() > most) waiting.dropNewest()?.refuse(new AppError('overloaded', { details: { retryAfterSeconds: 1 } }));
  };
}
