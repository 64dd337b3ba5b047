import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../src/adapters/database.js';

/** What a piece of work cost, in counts that are the same on every machine. */
export interface Work {
  /** Elements of arrays that were walked: by iteration and spreading, and by the methods that read an array through. */
  readonly steps: number;
  /** The most of them between two turns of the event loop. */
  readonly longestRun: number;
  /** SQL statements of this work alone: jobs run by the clock, so a slow machine has more of them. */
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

/** Holds the lengths of the statements that are sent on behalf of one counted work. */
const statementLengths = new AsyncLocalStorage<number[]>();

/** Counts the statements that are sent within a `statementLengths` context. Returns a function that stops it. */
function countStatements({ sequelize }: Database): () => void {
  const query: unknown = Reflect.get(sequelize, 'query');
  if (!isFunction(query)) throw new TypeError('Sequelize has no query method');
  const counted = function (this: unknown, ...args: unknown[]): unknown {
    const [sql] = args;
    statementLengths.getStore()?.push((typeof sql === 'string' ? sql : JSON.stringify(sql)).length);
    return Reflect.apply(query, this, args);
  };
  Object.defineProperty(sequelize, 'query', { configurable: true, value: counted });
  return () => {
    Reflect.deleteProperty(sequelize, 'query');
  };
}

/** Runs `work` and counts its cost. Array elements that jobs walk meanwhile are counted too, their statements are not. */
export async function countWork(database: Database, work: () => Promise<unknown>): Promise<Work> {
  const counter: Counter = { count: 0 };
  const lengths: number[] = [];
  const restoreQuery = countStatements(database);
  const restoreArrays = countSteps(counter);
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
    await statementLengths.run(lengths, work);
  } finally {
    isOver = true;
    await watching;
    restoreArrays();
    restoreQuery();
  }
  return { steps: counter.count, longestRun, statements: lengths.length, longestStatement: Math.max(0, ...lengths) };
}
