import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode } from '../lib/error-code.js';
import { codePoints } from '../lib/names.js';

type Cell = string | Date | boolean | null | readonly string[];
/** A thing as it is printed. Its members are those of its JSON, and the headings of its columns. */
type Row = Readonly<Record<string, Cell>>;

/** How a command that prints data is asked for JSON. */
export const JSON_OPTION = ['--json', 'print one JSON document'] as const;
export interface OutputOptions {
  readonly json?: boolean;
}

const GAP = '  ';

/** Prints things as a JSON array, or in these columns. */
export function printList<R extends Row>(rows: readonly R[], columns: readonly (keyof R & string)[], options: OutputOptions): void {
  if (options.json) printJson(rows);
  else process.stdout.write(tableOf(rows, columns));
}

/** Prints one thing as a JSON object, or in these columns. */
export function printOne<R extends Row>(row: R, columns: readonly (keyof R & string)[], options: OutputOptions): void {
  if (options.json) printJson(row);
  else process.stdout.write(tableOf([row], columns));
}

export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints lines as they come, no faster than they are read; stops where whoever reads them has stopped, as `head` does. */
export async function printLines(lines: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(withEnds(lines)), process.stdout, { end: false });
  } catch (error) {
    if (errorCode(error) !== 'EPIPE') throw error;
  }
}

async function* withEnds(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** Tells whoever looks on, without getting into what is piped on. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}

function tableOf<R extends Row>(rows: readonly R[], columns: readonly (keyof R & string)[]): string {
  const headings = columns.map((name) => name.toUpperCase().replaceAll('_', ' '));
  const table = [headings, ...rows.map((row) => columns.map((name) => show(row[name])))];
  const widths = headings.map((_, column) => Math.max(...table.map((cells) => codePoints(cells[column] ?? ''))));
  const padded = table.map((cells) => cells.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - codePoints(cell))));
  return padded.map((cells) => `${cells.join(GAP).trimEnd()}\n`).join('');
}

function show(cell: Cell | undefined): string {
  if (cell === undefined || cell === null || cell === '') return '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  if (cell instanceof Date) return cell.toISOString();
  return visible(typeof cell === 'string' ? cell : cell.join(' '));
}

/** A name or a client's own words must not move the cursor or colour the terminal. */
export const visible = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '�');
