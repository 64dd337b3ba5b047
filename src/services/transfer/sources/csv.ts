import { CsvError, type Info, parse } from 'csv-parse';
import { Readable } from 'node:stream';
import type { FieldFault } from '../../../errors/app-error.js';
import { isList, isMembers, type Members } from './members.js';
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
  try {
    for await (const { record, line } of recordsIn(bytes)) {
      if (columns === undefined) {
        columns = record.map((name) => name.trim());
        if (new Set(columns).size < columns.length) throw unreadable('The header names a column twice');
        onHeader(columns);
      } else if (record.length !== columns.length) yield { line, fault: UNEVEN };
      else if (record.some((cell) => cell.includes(REPLACED))) yield { line, fault: NO_TEXT };
      else yield { line, row: rowOf(columns, record) };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    yield { line: Number(error['lines']), fault: OPEN_QUOTE };
  }
}

const rowOf = (columns: readonly string[], record: readonly string[]): Members =>
  Object.fromEntries(columns.flatMap((column, place) => (record[place] === '' ? [] : [[column, record[place]] as const])));

/** Each record with the line that it begins on. */
async function* recordsIn(bytes: Bytes): AsyncGenerator<{ record: string[]; line: number }> {
  const parser = parse({
    bom: true,
    info: true,
    skip_empty_lines: true,
    relax_column_count: true,
    // What is quoted wrongly stands in a cell of its own, and is held against the rules; else the lines behind it were lost.
    relax_quotes: true,
    max_record_size: MOST_RECORD_CHARACTERS,
  });
  const input = Readable.from(bytes, { objectMode: false });
  // What ends one stream by an error ends the next only where somebody hands that on.
  input.once('error', (error) => parser.destroy(error));
  try {
    for await (const parsed of input.pipe(parser)) {
      const { record, lines } = partsOf(parsed);
      yield { record, line: lines - record.reduce((sum, cell) => sum + newlinesIn(cell), 0) };
    }
  } finally {
    input.destroy();
    parser.destroy();
  }
}

function partsOf(parsed: unknown): { record: string[]; lines: Info['lines'] } {
  if (!isMembers(parsed) || !isList(parsed['record']) || !isMembers(parsed['info'])) throw new TypeError('csv-parse gave no record');
  return { record: parsed['record'].map(String), lines: Number(parsed['info']['lines']) };
}

const newlinesIn = (cell: string): number => (cell.includes('\n') ? cell.split('\n').length - 1 : 0);
