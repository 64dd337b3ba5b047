import { setImmediate as turn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import type { Database } from '../../src/adapters/database.js';

/** What a piece of work cost, in counts that are the same on every machine. */
export interface Work {
  /** Elements of arrays that were walked: by iteration and spreading, and by the methods that read an array through. */
  readonly steps: number;
  /** The most of them between two turns of the event loop. */
  readonly longestRun: number;
  /** SQL statements. */
  readonly statements: number;
  /** Characters of the longest one. */
  readonly longestStatement: number;
}

/** Methods that read, or move, as many elements as the array has. */
const THROUGH = ['concat', 'every', 'filter', 'find', 'findIndex', 'flatMap', 'forEach', 'includes', 'indexOf', 'join', 'map', 'reduce'];
const MOVING = ['shift', 'some', 'splice', 'unshift'];

interface Counter {
  count: number;
}

/** Has the arrays of this realm count what is walked; returns what takes that back. */
function countSteps(counter: Counter): () => void {
  const names: PropertyKey[] = [...THROUGH, ...MOVING];
  const before = [...names, Symbol.iterator].map((name) => [name, Object.getOwnPropertyDescriptor(Array.prototype, name)] as const);
  const replace = (name: PropertyKey, makeValue: (original: (...args: unknown[]) => unknown) => unknown): void => {
    const original: unknown = Reflect.get(Array.prototype, name);
    if (!isFunction(original)) throw new TypeError(`arrays have no ${String(name)}`);
    Object.defineProperty(Array.prototype, name, { configurable: true, writable: true, value: makeValue(original) });
  };
  for (const name of names)
    replace(
      name,
      (original) =>
        function (this: readonly unknown[], ...args: unknown[]): unknown {
          counter.count += this.length;
          return Reflect.apply(original, this, args);
        },
    );
  replace(
    Symbol.iterator,
    () =>
      function* (this: readonly unknown[]): Generator {
        for (let index = 0; index < this.length; index += 1) {
          counter.count += 1;
          yield this[index];
        }
      },
  );
  return () => {
    before.forEach(([name, descriptor]) => {
      if (descriptor !== undefined) Object.defineProperty(Array.prototype, name, descriptor);
    });
  };
}

const isFunction = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function';

/** Does the work and counts what it cost. Others that work in the same realm meanwhile are counted with it. */
export async function countWork(database: Database, work: () => Promise<unknown>): Promise<Work> {
  const counter: Counter = { count: 0 };
  const query = jest.spyOn(database.sequelize, 'query');
  const restore = countSteps(counter);
  let [seen, longestRun, isOver] = [0, 0, false];
  const watch = async (): Promise<void> => {
    while (!isOver) {
      await turn();
      longestRun = Math.max(longestRun, counter.count - seen);
      seen = counter.count;
    }
  };
  const watching = watch();
  try {
    await work();
  } finally {
    isOver = true;
    await watching;
    restore();
  }
  const lengths = query.mock.calls.map(([sql]) => (typeof sql === 'string' ? sql : sql.query).length);
  query.mockRestore();
  return { steps: counter.count, longestRun, statements: lengths.length, longestStatement: Math.max(0, ...lengths) };
}
