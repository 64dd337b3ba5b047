import { isAbsolute, relative } from 'node:path';
import { type InstrumenterContext, type MutantCoverage } from '@stryker-mutator/api/core';
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached,
  type DryRunOptions,
  type DryRunResult,
  DryRunStatus,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import { createSuitesMaker, fileOf, type Outcome, type Outcomes } from './suites.js';

declare global {
  // What the mutated code reads and writes; a `var`, as nothing else is a member of the global object.
  var __stryker__: InstrumenterContext | undefined;
}

/**
 * Runs the suites in one process for mutant after mutant. Jest makes a world of its own for every file of every run, which
 * takes seconds; a mutant is no more than a number that the mutated code asks for, so what was loaded once can be run again.
 */
class OneProcessRunner implements TestRunner {
  readonly #context: InstrumenterContext = (globalThis.__stryker__ ??= {});
  readonly #turns = new Map<string, readonly string[]>();
  readonly #newSuites = createSuitesMaker(process.cwd(), (ids) => {
    const turn = ids.join('\n');
    this.#turns.set(turn, ids);
    this.#context.currentTestId = turn;
  });
  readonly #suites = this.#newSuites();

  capabilities() {
    return { reloadEnvironment: true };
  }

  async dryRun({ testFiles = [] }: DryRunOptions): Promise<DryRunResult> {
    await this.#suites.load(testFiles);
    const { tests, stray } = await this.#suites.run(() => true, false);
    if (stray !== undefined) return { status: DryRunStatus.Error, errorMessage: stray };
    return { status: DryRunStatus.Complete, tests: tests.map(resultOf), mutantCoverage: this.#coverage() };
  }

  async mutantRun({ activeMutant, testFilter = [], hitLimit, sandboxFileName }: MutantRunOptions): Promise<MutantRunResult> {
    // Of a mutant in what is evaluated at loading Stryker can't tell who covers it, and names all files in place of tests.
    const atLoading = testFilter.every(isAbsolute);
    const wanted = new Set(testFilter);
    const files = new Set(testFilter.map(fileOf));
    if (!atLoading) await this.#suites.load(files);

    Object.assign(this.#context, { activeMutant: activeMutant.id, hitLimit, hitCount: hitLimit === undefined ? undefined : 0 });
    const outcomes = await (atLoading
      ? this.#runAnew(closestFirst(testFilter, sandboxFileName))
      : this.#suites.run((id) => wanted.has(id), true));
    const { hitCount } = this.#context;
    Object.assign(this.#context, { activeMutant: undefined, hitLimit: undefined, hitCount: undefined });

    const endless = determineHitLimitReached(hitCount, hitLimit);
    if (endless) return toMutantRunResult(endless);
    const failed = failuresOf(outcomes);
    if (!atLoading && failed.some(isDoubtful)) await this.#assertSound(new Set(failed.map(({ id }) => id)));
    const held = outcomes.tests.filter(({ id }) => !failed.some((one) => one.id === id));
    return toMutantRunResult({ status: DryRunStatus.Complete, tests: [...held, ...failed].map(resultOf) });
  }

  /** Loads anew, and runs, file after file, up to the first with a test that fails. */
  async #runAnew(files: readonly string[]): Promise<Outcomes> {
    const suites = this.#newSuites();
    const tests: Outcome[] = [];
    for (const file of files) {
      const fault = await suites.load([file]).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      // As a suite that can't be loaded fails.
      if (fault !== undefined)
        return { tests: [...tests, { id: relative(process.cwd(), file), milliseconds: 0, failure: fault }], stray: undefined };
      const outcomes = await suites.run((id) => fileOf(id) === file, true);
      tests.push(...outcomes.tests);
      if (failuresOf(outcomes).length > 0) return { tests, stray: outcomes.stray };
    }
    return { tests, stray: undefined };
  }

  /** What fails without the mutant as well was broken by the one before. Stryker then tries again in a new process. */
  async #assertSound(ids: ReadonlySet<string>): Promise<void> {
    const failed = failuresOf(await this.#suites.run((id) => ids.has(id), false));
    if (failed.length > 0) throw new Error(`was left broken: ${failed.map(({ failure }) => failure).join('\n')}`);
  }

  /** What a hook covered is covered by all the tests that it is for. */
  #coverage(): MutantCoverage {
    const { static: atLoading = {}, perTest = {} } = this.#context.mutantCoverage ?? {};
    const coverage: MutantCoverage = { static: atLoading, perTest: {} };
    for (const [turn, hits] of Object.entries(perTest)) {
      for (const id of this.#turns.get(turn) ?? []) {
        const known = (coverage.perTest[id] ??= {});
        for (const [mutant, count] of Object.entries(hits)) known[mutant] = (known[mutant] ?? 0) + count;
      }
    }
    return coverage;
  }
}

function resultOf({ id, milliseconds, failure }: Outcome): TestResult {
  const test = { id, name: id, timeSpentMs: milliseconds, fileName: fileOf(id) };
  return failure === undefined ? { ...test, status: TestStatus.Success } : { ...test, status: TestStatus.Failed, failureMessage: failure };
}

/** Whether a test failed by something that the mutant of another run may have left behind, and not by what it asserts. */
const isDoubtful = ({ failure }: Outcome): boolean => failure?.includes('expect(') !== true;

/** The tests that failed; what went wrong beside them is held against the last. */
function failuresOf({ tests, stray }: Outcomes): Outcome[] {
  const failed = tests.filter(({ failure }) => failure !== undefined);
  const last = tests.at(-1);
  return failed.length > 0 || stray === undefined || last === undefined ? failed : [{ ...last, failure: stray }];
}

/** Tests of what lies beside the file, then others: `tests/services/a.test.ts` is about `src/services/a.ts`. */
function closestFirst(files: readonly string[], mutated: string): string[] {
  const [, ...place] = relative(process.cwd(), mutated).split(/[/.]/);
  const distance = (file: string): number => {
    const [, ...other] = relative(process.cwd(), file).split(/[/.]/);
    const same = place.findIndex((part, index) => part !== other[index]);
    return same === -1 ? 0 : place.length - same;
  };
  return [...files].sort((one, other) => distance(one) - distance(other));
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'one-process', OneProcessRunner)];
