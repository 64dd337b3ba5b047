import { mannWhitney, median } from './mann-whitney.js';
import { seededRandom } from './random.js';

/** What an attacker could ask, by a name; `ask` is told the how-manieth time it is. */
export type Asking = readonly [what: string, ask: (round: number) => Promise<unknown>];

/** How long each way of asking took, in each round, as a multiple of that round's median. */
export type Timings = ReadonlyMap<string, readonly number[]>;

/**
 * Asks one after another, each way once a round, the rounds in an order that changes at random. What makes the machine slow for
 * a while makes whole rounds slow; measured by their own median they can be held against each other.
 */
export async function timed(ways: readonly Asking[], rounds: number): Promise<Timings> {
  const random = seededRandom(Date.now());
  const timings = new Map(ways.map(([what]): [string, number[]] => [what, []]));
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const order = shuffled(ways, (below) => random.below(below));
    const took: [string, number][] = [];
    for (const [what, ask] of order) {
      const began = performance.now();
      await ask(round + WARM_UP);
      took.push([what, performance.now() - began]);
    }
    const usual = median(took.map(([, ms]) => ms));
    if (round >= 0) for (const [what, ms] of took) timings.get(what)?.push(ms / usual);
  }
  return timings;
}

/** Rounds that are not counted, while code is compiled and connections are made. */
const WARM_UP = 10;

function shuffled<T>(items: readonly T[], below: (limit: number) => number): T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(below(left.length), 1));
}

/** How two ways of asking compare. */
export interface Verdict {
  readonly p: number;
  /** How much longer the one takes than the other, by their medians: 0.01 is a hundredth. */
  readonly longer: number;
  /** By ranks, or by medians where ranks see what nobody could use. */
  readonly isTold: boolean;
  readonly said: string;
}

/** The probability under which a difference of ranks counts, and the least difference of medians that an attacker could use over a network. */
const LEAST_P = 0.01;
const MOST_LONGER = 0.03;
/** A difference has to show in each of as many independent measurements: over all the pairs of a suite, one in a hundred is common. */
const MEASUREMENTS = 3;

export function compare(timings: Timings, one: string, other: string): Verdict {
  const [a = [], b = []] = [timings.get(one), timings.get(other)];
  const p = mannWhitney(a, b);
  const longer = median(a) / median(b) - 1;
  const isTold = p < LEAST_P && Math.abs(longer) > MOST_LONGER;
  return { p, longer, isTold, said: `${one} and ${other}: p ${p.toFixed(3)}, medians ${(100 * longer).toFixed(1)} % apart` };
}

/**
 * Measures these ways and compares each pair. Measures again while a pair differs, up to three times: a pair is distinguished only if
 * it differs in every measurement, and in the same direction.
 */
export async function compareAll(measure: () => Promise<Timings>, pairs: readonly (readonly [string, string])[]): Promise<Verdict[]> {
  const measured: Timings[] = [];
  const again = (one: string, other: string): Verdict => {
    const verdicts = measured.map((timings) => compare(timings, one, other));
    const isTold = verdicts.every((verdict) => verdict.isTold) && new Set(verdicts.map(({ longer }) => Math.sign(longer))).size === 1;
    const [{ p, longer } = { p: 1, longer: 0 }] = verdicts.slice(-1);
    return { p, longer, isTold, said: verdicts.map(({ said }) => said).join('; measured again: ') };
  };
  let verdicts: Verdict[];
  do {
    measured.push(await measure());
    verdicts = pairs.map(([one, other]) => again(one, other));
  } while (measured.length < MEASUREMENTS && verdicts.some(({ isTold }) => isTold));
  return verdicts;
}
