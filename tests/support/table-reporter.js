import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/**
 * @typedef {import('@jest/reporters').Test} Test
 * @typedef {import('@jest/reporters').TestResult} TestResult
 * @typedef {import('@jest/reporters').AggregatedResult} AggregatedResult
 * @typedef {TestResult['testResults'][number]} Case
 * @typedef {{ result: 'ok' | 'FAILED' | 'skipped', expected: string, seen: string }} Row
 * @typedef {{ expected: number, seen: number, cuts: boolean }} Widths
 */

const RESULT_WIDTH = 9;
/** A column is no wider than this; what is longer shifts the rest of its row. */
const EXPECTED_WIDTH = 100;
/** What of a terminal's width the last column gets, where the others would need it too. */
const SEEN_SHARE = 0.35;
const FAILURE_LENGTH = 200;

/**
 * Prints a row for each test: how it ended, what its title promises, and what was seen (what the answers were, what the
 * test told by `seen`, how it failed). Only a terminal's edge cuts a row.
 */
export default class TableReporter {
  /** @param {{ rootDir: string, json: boolean, testNamePattern?: string }} globalConfig */
  constructor({ rootDir, json, testNamePattern }) {
    this.folder = join(rootDir, 'tests');
    this.out = json ? process.stderr : process.stdout;
    this.isPartial = Boolean(testNamePattern);
    /** @type {Map<string, { ok: number, FAILED: number, skipped: number }>} */
    this.totals = new Map();
    this.notes = join(mkdtempSync(join(tmpdir(), 'lingomate-auth-')), 'seen');
    writeFileSync(this.notes, '');
    // The workers, which are started later, take it over.
    process.env['SEEN_NOTES'] = this.notes;
  }

  /**
   * @param {Test} test
   * @param {TestResult} result
   */
  onTestResult({ path }, result) {
    const file = relative(this.folder, path).replace(/\.test\.ts$/, '');
    const total = { ok: 0, FAILED: 0, skipped: 0 };
    const seen = this.seenIn(path);
    /** @type {Map<string, Row[]>} */
    const groups = new Map();
    /** @type {(group: readonly string[], row: Row) => void} */
    const add = (group, row) => {
      const name = [file, ...group].map(readable).join(' › ');
      groups.set(name, [...(groups.get(name) ?? []), row]);
      total[row.result] += 1;
    };
    if (result.testExecError) add([], { result: 'FAILED', expected: 'the suite runs', seen: reasonOf(result.failureMessage ?? '') });
    for (const one of result.testResults) {
      if (isSkipped(one) && this.isPartial) continue;
      add(one.ancestorTitles, rowOf(one, seen.get(one.fullName) ?? ''));
    }
    this.totals.set(file, total);
    const rows = [...groups.values()].flat();
    const widths = this.widthsFor(rows);
    const lines = [...groups].flatMap(([name, ofGroup]) => ['', name, ...ofGroup.map((row) => lineOf(row, widths))]);
    if (lines.length > 0) this.print(['', lineOf(HEADING, widths), ...lines]);
    if (result.failureMessage) process.stderr.write(`${result.failureMessage}\n`);
  }

  /**
   * @param {unknown} _contexts
   * @param {AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    rmSync(dirname(this.notes), { recursive: true, force: true });
    const totals = [...this.totals].filter(([, { ok, FAILED, skipped }]) => ok + FAILED + skipped > 0);
    const width = Math.max(0, ...totals.map(([file]) => file.length));
    /** @type {(result: Row['result']) => number} */
    const sum = (result) => totals.reduce((all, [, total]) => all + total[result], 0);
    this.print([
      '',
      ...totals.sort(([a], [b]) => a.localeCompare(b)).map(([file, total]) => `${file.padEnd(width)}  ${countsOf(total)}`),
      '',
      `${countsOf({ ok: sum('ok'), FAILED: sum('FAILED'), skipped: sum('skipped') })} in ${Math.round((Date.now() - results.startTime) / 1000)} s`,
    ]);
  }

  /**
   * What each test of a suite saw, by its full name.
   * @param {string} path
   * @returns {Map<string, string>}
   */
  seenIn(path) {
    const lines = readFileSync(this.notes, 'utf8').split('\n').filter(Boolean);
    const notes = lines.map(textsOf).filter(([ofPath]) => ofPath === path);
    return new Map(notes.map(([, name = '', seen = '']) => [name, seen]));
  }

  /**
   * @param {readonly Row[]} rows
   * @returns {Widths}
   */
  widthsFor(rows) {
    const expected = Math.max(...[HEADING, ...rows].map((row) => row.expected.length));
    const seen = Math.max(...[HEADING, ...rows].map((row) => row.seen.length));
    if (!this.out.isTTY) return { expected: Math.min(expected, EXPECTED_WIDTH), seen, cuts: false };
    const room = this.out.columns - RESULT_WIDTH - 2;
    const forSeen = Math.min(seen, Math.max(room - expected, Math.floor(room * SEEN_SHARE)));
    return { expected: Math.min(expected, room - forSeen), seen: forSeen, cuts: true };
  }

  /** @param {readonly string[]} lines */
  print(lines) {
    this.out.write(`${lines.join('\n')}\n`);
  }
}

/**
 * @param {string} line
 * @returns {string[]}
 */
function textsOf(line) {
  /** @type {unknown} */
  const texts = JSON.parse(line);
  return Array.isArray(texts) ? texts.map(String) : [];
}

/** @param {Case} one */
const isSkipped = ({ status }) => status !== 'passed' && status !== 'failed';

/**
 * @param {Case} one
 * @param {string} noted
 * @returns {Row}
 */
function rowOf(one, noted) {
  const expected = readable(one.title);
  // A skipped test's title says why.
  if (isSkipped(one)) return { result: 'skipped', expected, seen: '–' };
  if (one.status === 'failed') {
    return { result: 'FAILED', expected, seen: [reasonOf(one.failureMessages[0] ?? ''), readable(noted)].filter(Boolean).join('; ') };
  }
  return { result: 'ok', expected, seen: readable(noted) || `– (${one.numPassingAsserts} assertions held)` };
}

const HEADING = { result: 'RESULT', expected: 'EXPECTED', seen: 'SEEN' };

/**
 * @param {{ result: string, expected: string, seen: string }} row
 * @param {Widths} widths
 */
function lineOf({ result, expected, seen }, widths) {
  /** @type {(text: string, width: number) => string} */
  const fit = (text, width) => (widths.cuts && text.length > width ? `${text.slice(0, width - 1)}…` : text);
  return `${result.padEnd(RESULT_WIDTH)}${fit(expected, widths.expected).padEnd(widths.expected)}  ${fit(seen, widths.seen)}`;
}

/** @param {{ ok: number, FAILED: number, skipped: number }} total */
const countsOf = ({ ok, FAILED, skipped }) => `${ok} passed, ${FAILED} failed, ${skipped} skipped`;

/**
 * A failure in one line, without where it was thrown.
 * @param {string} message
 */
function reasonOf(message) {
  const [what = ''] = stripVTControlCharacters(message).split(/\n\s+at /);
  const line = what.replace(/\s+/g, ' ').trim();
  return readable(line.length > FAILURE_LENGTH ? `${line.slice(0, FAILURE_LENGTH)}…` : line);
}

/**
 * Characters that would break a line, or the terminal, by their numbers.
 * @param {string} text
 */
const readable = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
