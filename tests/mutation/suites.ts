import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { addEventHandler, describe, getState, resetState, run, setState, type State } from 'jest-circus';
import { jest } from './jest-globals.js';

type DescribeBlock = State['rootDescribeBlock'];
type TestEntry = Extract<DescribeBlock['children'][number], { type: 'test' }>;

/** Of a test or a hook that waits for what never happens. */
const TEST_TIMEOUT_MS = 10_000;

/** One test as it went. */
export interface Outcome {
  /** The file and the titles. */
  readonly id: string;
  readonly milliseconds: number;
  /** Why it failed; undefined for one that held. */
  readonly failure: string | undefined;
}

export interface Outcomes {
  readonly tests: readonly Outcome[];
  /** What was thrown where no test could catch it. */
  readonly stray: string | undefined;
}

/** Test files that were loaded into this process, to be run as often as one likes. */
export interface Suites {
  /** Loads those that were not loaded yet. */
  load(files: Iterable<string>): Promise<void>;
  /** Runs the tests that are wanted, in the order of their loading; with `bail` none after one that failed. */
  run(isWanted: (id: string) => boolean, bail: boolean): Promise<Outcomes>;
}

/** What goes on while suites run, whichever they are. */
interface Watch {
  failed: boolean;
  strays: unknown[];
}

/**
 * Makes suites, each time with modules of their own. `onTurn` is told whose code runs from now on: the id of a test, or of
 * all that a hook is for.
 */
export function createSuitesMaker(root: string, onTurn: (ids: readonly string[]) => void): () => Suites {
  const watch: Watch = { failed: false, strays: [] };
  const stray = (error: unknown): void => {
    watch.failed = true;
    watch.strays.push(error);
  };
  process.on('uncaughtException', stray);
  process.on('unhandledRejection', stray);
  addEventHandler((event) => {
    if (event.name === 'hook_start' && event.hook.type.endsWith('All')) onTurn(testsUnder(event.hook.parent).map(idOf));
    if (event.name === 'test_start') onTurn([idOf(event.test)]);
    if (event.name === 'test_done' && event.test.errors.length > 0) watch.failed = true;
  });
  let generation = 0;
  return () => {
    generation += 1;
    return createSuites(root, generation, watch);
  };
}

function createSuites(root: string, generation: number, watch: Watch): Suites {
  const loaded = new Set<string>();
  resetState();
  const state = getState();
  state.testTimeout = TEST_TIMEOUT_MS;

  const load = async (file: string): Promise<void> => {
    // A block for each file, as its hooks are for its tests alone.
    describe(relative(root, file), () => undefined);
    const block = state.rootDescribeBlock.children.at(-1);
    if (block?.type !== 'describeBlock') throw new TypeError('no block');
    state.currentDescribeBlock = block;
    await import(`${pathToFileURL(file).href}?generation=${generation}`);
    state.currentDescribeBlock = state.rootDescribeBlock;
  };
  return {
    load: async (files) => {
      setState(state);
      state.hasStarted = false;
      for (const file of files) {
        if (loaded.has(file)) continue;
        loaded.add(file);
        await load(file);
      }
    },
    run: async (isWanted, bail) => {
      setState(state);
      const tests = testsUnder(state.rootDescribeBlock);
      tests.forEach(forget);
      Object.assign(watch, { failed: false, strays: [] });
      state.unhandledErrors = [];
      state.testNamePattern = new Chosen((id) => !(bail && watch.failed) && isWanted(id));
      await run();
      jest.restoreAllMocks();
      jest.useRealTimers();
      const unhandled: readonly unknown[] = state.unhandledErrors;
      const strays = [...watch.strays, ...unhandled];
      return {
        tests: tests.filter(({ status }) => status === 'done').map(outcomeOf),
        stray: strays.length === 0 ? undefined : strays.map(textOf).join('\n'),
      };
    },
  };
}

/** The file that the id of a test begins with. */
export const fileOf = (id: string): string => resolve(id.replace(/ .*/s, ''));

/** Tests are chosen by a pattern that is asked about each before it runs, and before the hooks that it needs. */
class Chosen extends RegExp {
  constructor(private readonly isChosen: (id: string) => boolean) {
    super('');
  }
  override test(id: string): boolean {
    return this.isChosen(id);
  }
}

const testsUnder = (block: DescribeBlock): TestEntry[] =>
  block.children.flatMap((child) => (child.type === 'test' ? [child] : testsUnder(child)));

/** As Jest puts it together, which is what the pattern is asked about. */
function idOf({ name, parent }: TestEntry): string {
  const titles = [name];
  for (let block = parent; block.parent; block = block.parent) titles.unshift(block.name);
  return titles.join(' ');
}

/** Makes a test as it was before it ran. */
function forget(test: TestEntry): void {
  Object.assign(test, { errors: [], invocations: 0, numPassingAsserts: 0, seenDone: false, startedAt: null, duration: null, status: null });
}

function outcomeOf(test: TestEntry): Outcome {
  const failure = test.errors.length === 0 ? undefined : test.errors.map(textOf).join('\n');
  return { id: idOf(test), milliseconds: test.duration ?? 0, failure };
}

function textOf(error: unknown): string {
  if (Array.isArray(error)) return textOf(error.find((one) => one !== undefined && one !== null));
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
