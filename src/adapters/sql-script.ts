/** A part of a script as `pg_restore` writes it: statements, or the rows of a table behind its COPY. */
export type Piece =
  | { readonly kind: 'sql'; readonly text: string }
  | { readonly kind: 'copy'; readonly statement: string; readonly schema: string; readonly table: string }
  | { readonly kind: 'rows'; readonly data: Buffer; readonly count: number }
  | { readonly kind: 'end' };

const LINE_FEED = 0x0a;
const END_OF_ROWS = Buffer.from('\\.\n');
const COPY = /^COPY (?:("(?:[^"]|"")+"|\w+)\.)?("(?:[^"]|"")+"|\w+) \(.*\) FROM stdin;\n$/;
/** Of psql alone (`\restrict`), or of newer servers alone (`SET transaction_timeout`). */
const LEFT_OUT = /^(\\(un)?restrict |SET \w+_timeout = )/;
/** A line feed stands for itself alone in it: could it be one of the spaces too, many of them would take for ever. */
const IS_EMPTY = /^([^\S\n]*(--.*)?\n)*$/;

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

/** Reads such a script as it comes. */
export interface ScriptReader {
  read(chunk: Buffer): Piece[];
  /** What is left at its end. Throws where it breaks off. */
  finish(): Piece[];
}

export function createScriptReader(): ScriptReader {
  let unread = Buffer.alloc(0);
  let statements = '';
  let isCopying = false;

  const takeStatements = (): Piece[] => {
    const text = statements;
    statements = '';
    return IS_EMPTY.test(text) ? [] : [{ kind: 'sql', text }];
  };
  const readStatement = (line: string): Piece[] => {
    const [, schema = '', table] = COPY.exec(line) ?? [];
    if (table === undefined) {
      if (!LEFT_OUT.test(line)) statements += line;
      return [];
    }
    isCopying = true;
    return [...takeStatements(), { kind: 'copy', statement: line, schema: unquoted(schema), table: unquoted(table) }];
  };
  /** The rows from there on, up to their end or that of what is there, and where it goes on. */
  const readRows = (bytes: Buffer, from: number): { pieces: Piece[]; next: number } => {
    let count = 0;
    for (let start = from; ; count += 1) {
      const end = bytes.indexOf(LINE_FEED, start) + 1;
      const rows: Piece[] = count === 0 ? [] : [{ kind: 'rows', data: bytes.subarray(from, start), count }];
      if (end === 0) return { pieces: rows, next: start };
      if (bytes.subarray(start, end).equals(END_OF_ROWS)) {
        isCopying = false;
        return { pieces: [...rows, { kind: 'end' }], next: end };
      }
      start = end;
    }
  };
  return {
    read: (chunk) => {
      const bytes = Buffer.concat([unread, chunk]);
      const pieces: Piece[] = [];
      let at = 0;
      for (let end = bytes.indexOf(LINE_FEED) + 1; end !== 0; end = bytes.indexOf(LINE_FEED, at) + 1) {
        if (isCopying) {
          const read = readRows(bytes, at);
          pieces.push(...read.pieces);
          at = read.next;
        } else {
          pieces.push(...readStatement(bytes.subarray(at, end).toString()));
          at = end;
        }
      }
      unread = bytes.subarray(at);
      return pieces;
    },
    finish: () => {
      if (isCopying || unread.length > 0) throw new Error('the script breaks off');
      return takeStatements();
    },
  };
}
