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

/** Chance says that they differ once in a hundred times; 3 % of an answer is less than a network’s own noise. */
const LEAST_P = 0.01;
const MOST_LONGER = 0.03;

export function compare(timings: Timings, one: string, other: string): Verdict {
  const [a = [], b = []] = [timings.get(one), timings.get(other)];
  const p = mannWhitney(a, b);
  const longer = median(a) / median(b) - 1;
  const isTold = p < LEAST_P && Math.abs(longer) > MOST_LONGER;
  return { p, longer, isTold, said: `${one} and ${other}: p ${p.toFixed(3)}, medians ${(100 * longer).toFixed(1)} % apart` };
}
