import { parse } from 'csv-parse';
import type { FieldFault } from '../../../errors/app-error.js';
import type { Members } from './members.js';
import { recordFault } from './source.js';
import { type Bytes, unreadable } from './text.js';

/** Characters of one record: a quote that is never closed ends here. */
const MOST_RECORD_CHARACTERS = 1024 * 1024;
/** What stands for bytes that are no UTF-8. */
const REPLACED = '\uFFFD';

/** A record of a table, by the names of its columns, or what is wrong with it. */
export type TableRow = { readonly line: number; readonly row: Members } | { readonly line: number; readonly fault: FieldFault };

const UNEVEN = recordFault('the record has not as many cells as the header');
const NO_TEXT = recordFault('the record is not in UTF-8');
const OPEN_QUOTE = recordFault('a quote is opened and not closed: nothing behind it could be read');

/**
 * The records of a table (RFC 4180) with a header, in UTF-8; cells that are empty are not there. `onHeader` is told the
 * columns before the first record, and may throw. Throws `malformed_request` for a header with a column twice.
 */
export async function* tableIn(bytes: Bytes, onHeader: (columns: readonly string[]) => void): AsyncGenerator<TableRow> {
  let columns: readonly string[] | undefined;
  for await (const { record, line } of recordsIn(bytes)) {
    if (record === undefined) yield { line, fault: OPEN_QUOTE };
    else if (columns === undefined) {
      columns = record.map((name) => name.trim());
      if (new Set(columns).size < columns.length) throw unreadable('The header names a column twice');
      onHeader(columns);
    } else if (record.length !== columns.length) yield { line, fault: UNEVEN };
    else if (record.some((cell) => cell.includes(REPLACED))) yield { line, fault: NO_TEXT };
    else yield { line, row: rowOf(columns, record) };
  }
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
async function* recordsIn(bytes: Bytes): AsyncGenerator<RawRecord> {
  let read: RawRecord[] = [];
  let lastLine = 0;
  const parser = parse({
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
    // What is quoted wrongly stands in a cell of its own, and is held against the rules; else the lines behind it were lost.
    relax_quotes: true,
    max_record_size: MOST_RECORD_CHARACTERS,
    on_record: (record: string[], { lines }) => {
      lastLine = lines;
      read.push({ record, line: lines - record.reduce((sum, cell) => sum + newlinesIn(cell), 0) });
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

const newlinesIn = (cell: string): number => (cell.includes('\n') ? cell.split('\n').length - 1 : 0);
