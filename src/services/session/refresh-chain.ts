import type { Replaced } from '../../models/session.model.js';

/** How long an old token is still taken after its successor was seen: requests of other tabs may be under way. */
export const GRACE_MS = 30_000;
/** So far apart may the clocks of two processes be. */
const SKEW_MS = 300_000;
/** How long an answer that was lost may be asked for again. */
export const RETRY_MS = 24 * 60 * 60 * 1000;
/** So many replacements within one grace period are kept apart; who refreshes faster loses the grace of the oldest. */
const MOST_REPLACED = 32;

/** A session's refresh tokens: each is made in exchange for the one before it, and counts one more. */
export interface Chain {
  /** Of the newest. */
  readonly counter: number;
  /** Which ones were shown to be replaced, and when; oldest first. */
  readonly replaced: readonly Replaced[];
  /** When the newest was made (milliseconds since 1970). */
  readonly rotatedAt: number;
  /** Access tokens that came with a refresh token up to this one are refused. */
  readonly refusedThrough: number;
}

/**
 * What to do with a refresh token that is presented: `rotate` makes its successor, `repeat` gives the newest once more,
 * `reused` ends the session, and `unknown` was never given.
 */
export type Verdict = 'rotate' | 'repeat' | 'reused' | 'unknown';

/**
 * An old token is taken, and gets the newest, until something shows that a newer one arrived, and for `GRACE_MS` after
 * that, `RETRY_MS` at most. So an answer that was lost logs nobody out, and whoever holds an old token is found out as
 * soon as the newer one is used (RFC 9700 §4.14.2).
 */
export function judge(chain: Chain, presented: number, now: number): Verdict {
  if (presented > chain.counter) return 'unknown';
  if (presented === chain.counter) return 'rotate';
  if (presented <= deadThrough(chain.replaced, now) || now - chain.rotatedAt > RETRY_MS) return 'reused';
  // The newest one's access token would be refused at once.
  return chain.counter <= chain.refusedThrough ? 'rotate' : 'repeat';
}

/**
 * What is known to be replaced once the token of that counter, or the access token that came with it, was seen in use:
 * those before it. The same list where that is nothing new.
 */
export function withArrival(replaced: readonly Replaced[], counter: number, now: number): readonly Replaced[] {
  const through = counter - 1;
  if (through <= (replaced.at(-1)?.[0] ?? 0)) return replaced;
  const dead = replaced.filter(([, at]) => isOver(at, now)).slice(-1);
  const fresh = replaced.filter(([, at]) => !isOver(at, now));
  const crowd = fresh.length - MOST_REPLACED + 1;
  const kept = crowd > 0 ? fresh.map(([one, at], index): Replaced => [one, index < crowd ? 0 : at]).slice(crowd - 1) : fresh;
  return [...dead, ...kept, [through, now]];
}

/** Also where it seems yet to come by more than clocks of two processes differ: one that was set back must not bring a dead token to life. */
const isOver = (at: number, now: number): boolean => now - at > GRACE_MS || at - now > SKEW_MS;

/** Tokens up to this counter are past their grace. */
const deadThrough = (replaced: readonly Replaced[], now: number): number =>
  Math.max(0, ...replaced.filter(([, at]) => isOver(at, now)).map(([through]) => through));
