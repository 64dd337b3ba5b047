import type { Clock } from '../../lib/clock.js';

/** So far a clock may be wrong, at a log-in, a revocation or a start, without anything being overlooked or forgotten too soon. */
export const CLOCK_DOUBT_MS = 2 * 60 * 60 * 1000;

/** Stands in the place of a session's id for all of them, known here or not: those of before a backup was put back. */
export const EVERY_SESSION = '*';

/** Access tokens of a session that are refused: up to a counter, or all (null); of every session, those issued up to then. */
export interface RevokedSession {
  readonly sessionId: string;
  readonly through: number | null;
  /** Milliseconds since 1970. */
  readonly revokedAt: number;
  /** For how long it counts: longer than any of these access tokens lives. */
  readonly holdMs: number;
}

interface Entry {
  readonly through: number;
  readonly revokedAt: number;
  readonly holdMs: number;
  /** By the clock that never jumps. */
  readonly learnedAt: number;
}

/** Which sessions' access tokens are refused, in memory. */
export interface RevocationIndex {
  /** Whether an access token of that session, which came with that refresh counter and was issued then (`iat`), is refused. */
  refuses(sessionId: string, counter: number, issuedAt: number): boolean;
  add(revoked: RevokedSession): void;
  readonly size: number;
}

/**
 * Keeps what it is told for its `holdMs`. Both clocks must say that it is over: with the wall clock alone a jump forth
 * would drop what a jump back makes good again, and with the other alone a token would outlive its entry where the wall
 * clock is put back.
 */
export function createRevocationIndex(clock: Clock): RevocationIndex {
  const entries = new Map<string, Entry>();
  /** NumericDate: tokens issued up to then are refused, whosever they are. Never forgotten, as it costs nothing and they expire. */
  let allThrough = -Infinity;

  /** A map keeps the order in which it was filled, so what is over stands in front; one that is held longer keeps some behind it. */
  const drop = (): void => {
    for (const [sessionId, { revokedAt, learnedAt, holdMs }] of entries) {
      if (clock.elapsed() - learnedAt <= holdMs || clock.now() - revokedAt <= holdMs) return;
      entries.delete(sessionId);
    }
  };
  return {
    refuses: (sessionId, counter, issuedAt) => {
      if (issuedAt <= allThrough) return true;
      const entry = entries.get(sessionId);
      return entry !== undefined && counter <= entry.through;
    },
    add: ({ sessionId, through, revokedAt, holdMs }) => {
      if (sessionId === EVERY_SESSION) {
        // One of a clock that is beyond doubt ahead would refuse everybody until then.
        const until = revokedAt > clock.now() + CLOCK_DOUBT_MS ? clock.now() : revokedAt;
        allThrough = Math.max(allThrough, Math.floor(until / 1000));
        return;
      }
      drop();
      const known = entries.get(sessionId);
      entries.delete(sessionId);
      entries.set(sessionId, {
        through: Math.max(through ?? Infinity, known?.through ?? 0),
        // One of a clock that is far ahead must not keep all that come behind it.
        revokedAt: Math.min(Math.max(revokedAt, known?.revokedAt ?? 0), clock.now() + CLOCK_DOUBT_MS),
        holdMs: Math.max(holdMs, known?.holdMs ?? 0),
        learnedAt: clock.elapsed(),
      });
    },
    get size() {
      return entries.size;
    },
  };
}
