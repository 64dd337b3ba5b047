/** The time, as the whole house reads it; tests hand in one that they move. */
export interface Clock {
  /** Milliseconds since 1970 in UTC. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that stands until it is moved. */
export interface MovableClock extends Clock {
  /** Moves the time on by so many seconds, or back where negative. */
  advance(seconds: number): void;
  set(time: Date): void;
}

export function movableClock(start: number): MovableClock {
  let time = start;
  return {
    now: () => time,
    advance: (seconds) => {
      time += seconds * 1000;
    },
    set: (to) => {
      time = to.getTime();
    },
  };
}
