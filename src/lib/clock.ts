/** The time, as the whole house reads it; tests hand in one that they move. */
export interface Clock {
  /** Milliseconds since 1970 in UTC. Jumps when somebody sets the clock. */
  now(): number;
  /** Milliseconds since some moment of this process: never jumps, and never goes back. */
  elapsed(): number;
}

export const systemClock: Clock = { now: () => Date.now(), elapsed: () => performance.now() };

/** A clock that stands until it is moved. */
export interface MovableClock extends Clock {
  /** Lets so many seconds pass; negative ones put the clock back, as `set` does. */
  advance(seconds: number): void;
  /** Sets the clock, as an operator or NTP would: no time has passed. */
  set(time: Date): void;
}

export function movableClock(start: number): MovableClock {
  let time = start;
  let passed = 0;
  return {
    now: () => time,
    elapsed: () => passed,
    advance: (seconds) => {
      time += seconds * 1000;
      passed += Math.max(0, seconds * 1000);
    },
    set: (to) => {
      time = to.getTime();
    },
  };
}
