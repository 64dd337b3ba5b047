import { parse } from 'csv-parse';
import type { FieldFault } from '../../../errors/app-error.js';
import type { Members } from './members.js';
import { recordFault } from './source.js';
import { type Bytes, peek, unreadable } from './text.js';

/** Characters of one record: a quote that is never closed ends here. */
const MOST_RECORD_CHARACTERS = 1024 * 1024;
/** More than any header has. */
const PEEK_BYTES = 64 * 1024;
/** RFC 4180 has the comma; spreadsheets write the semicolon where the comma is decimal. The first of equals wins. */
const SEPARATORS = [',', ';', '\t'] as const;
/** The first line that names the separator, as Excel reads it. */
const SEPARATOR_LINE = /^sep=([,;\t])\r?$/i;
/** What stands for bytes that are no UTF-8. */
const REPLACED = '\uFFFD';

/** A record of a table, by the names of its columns, or what is wrong with it. */
export type TableRow = { readonly line: number; readonly row: Members } | { readonly line: number; readonly fault: FieldFault };

const UNEVEN = recordFault('the record has not as many cells as the header');
const NO_TEXT = recordFault('the record is not in UTF-8');
const OPEN_QUOTE = recordFault('a quote is opened and not closed: nothing behind it could be read');

/**
 * Yields the records of a table (RFC 4180) with a header, in UTF-8; cells that are empty are not there. Records end with LF, CRLF
 * or CR, also mixed; cells are separated by what separates those of the header, or by what a first line `sep=;` names. `onHeader`
 * is called with the columns before the first record, and may throw. Throws `malformed_request` for a header with a column twice.
 */
export async function* tableIn(bytes: Bytes, onHeader: (columns: readonly string[]) => void): AsyncGenerator<TableRow> {
  const { head, whole } = await peek(bytes, PEEK_BYTES);
  const { separator, isNamed } = separatorOf(head.toString());
  let columns: readonly string[] | undefined;
  let isNaming = isNamed;
  for await (const { record, line } of recordsIn(whole, separator)) {
    if (isNaming) isNaming = false;
    else if (record === undefined) yield { line, fault: OPEN_QUOTE };
    else if (columns === undefined) {
      columns = record.map((name) => name.trim());
      if (new Set(columns).size < columns.length) throw unreadable('The header names a column twice');
      onHeader(columns);
    } else if (record.length !== columns.length) yield { line, fault: UNEVEN };
    else if (record.some((cell) => cell.includes(REPLACED))) yield { line, fault: NO_TEXT };
    else yield { line, row: rowOf(columns, record) };
  }
}

/** Returns what separates the cells, and whether the first line is there to name it. */
function separatorOf(head: string): { separator: string; isNamed: boolean } {
  const [first = ''] = head
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split(/[\r\n]/, 1);
  const named = SEPARATOR_LINE.exec(first)?.[1];
  if (named !== undefined) return { separator: named, isNamed: true };
  const unquoted = first.replace(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((separator) => unquoted.split(separator).length);
  return { separator: SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',', isNamed: false };
}

const rowOf = (columns: readonly string[], record: readonly string[]): Members =>
  Object.fromEntries(columns.flatMap((column, place) => (record[place] === '' ? [] : [[column, record[place]] as const])));

interface RawRecord {
  /** Undefined where from here on nothing could be read. */
  readonly record: readonly string[] | undefined;
  /** Where it begins. */
  readonly line: number;
}

/** The parser's records as they come. Taken off before its stream keeps any, as that would drop them where it fails. */
async function* recordsIn(bytes: Bytes, separator: string): AsyncGenerator<RawRecord> {
  let read: RawRecord[] = [];
  let lastLine = 0;
  /** Line ends that the parser has counted twice: it counts CR and LF inside quotes each for itself. */
  let countedTwice = 0;
  const parser = parse({
    bom: true,
    delimiter: separator,
    // All of them, as the parser otherwise takes the first that it meets for the only one.
    record_delimiter: ['\r\n', '\n', '\r'],
    skip_empty_lines: true,
    relax_column_count: true,
    // What is quoted wrongly stands in a cell of its own, and is held against the rules; else the lines behind it were lost.
    relax_quotes: true,
    max_record_size: MOST_RECORD_CHARACTERS,
    on_record: (record: string[], { lines }) => {
      const inside = record.reduce((sum, cell) => sum + countOf(cell, LINE_END_CHARACTERS), 0);
      read.push({ record, line: lines - countedTwice - inside });
      countedTwice += record.reduce((sum, cell) => sum + countOf(cell, CRLF), 0);
      lastLine = lines - countedTwice;
      return null;
    },
  });
  /** What the parser says of a piece, or of the end, where it can't go on. */
  const feed = (piece?: Uint8Array): Promise<unknown> =>
    new Promise((done) => {
      if (piece === undefined) parser.end(done);
      else parser.write(piece, done);
    });
  parser.on('error', () => undefined).resume();
  const take = (): RawRecord[] => {
    const taken = read;
    read = [];
    return taken;
  };
  for await (const piece of bytes) {
    const fault = await feed(piece);
    yield* take();
    if (fault) break;
  }
  const fault = parser.destroyed || (await feed());
  yield* take();
  if (fault) yield { record: undefined, line: lastLine + 1 };
}

const LINE_END_CHARACTERS = /[\r\n]/g;
const CRLF = /\r\n/g;
const countOf = (cell: string, pattern: RegExp): number => cell.match(pattern)?.length ?? 0;
