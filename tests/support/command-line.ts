import type { Finished, Processes } from './process.js';
import type { TempFolder } from './temp-folder.js';

/** Runs `lingomate-auth` with these words in a process of its own, in that folder, to its end. */
export type CommandLine = (words: string, settings?: Readonly<Record<string, string>>) => Promise<Finished>;

export const commandLineIn =
  (folder: TempFolder, processes: Processes): CommandLine =>
  (words, settings = {}) =>
    processes.runFile('src/cli/index.ts', { cwd: folder.path, settings, args: words.split(' ').filter(Boolean) }).finished;

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** The members of a JSON document that a command printed. */
export function readObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object');
  return Object.fromEntries(Object.entries(value));
}

/** What a JSON list that a command printed holds. */
export function readList(text: string): Record<string, unknown>[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new TypeError('not a list');
  return value.map((item: unknown) => readObject(JSON.stringify(item)));
}
