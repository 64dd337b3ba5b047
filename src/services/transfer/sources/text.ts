import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FieldFault } from '../../../errors/app-error.js';
import { AppError } from '../../../errors/app-error.js';

export type Bytes = AsyncIterable<Uint8Array>;

const NEWLINE = 10;
const MEGABYTE = 1024 * 1024;
/** No record of ours is longer, and one that never ends must not fill the memory. */
const MOST_LINE_BYTES = MEGABYTE;
/** A document is read as a whole, and takes several times as much as it is parsed. */
const MOST_DOCUMENT_BYTES = 200 * MEGABYTE;

/** A line of text that is not blank, counted from 1, or what is wrong with it. */
export type Line = { readonly line: number; readonly text: string } | { readonly line: number; readonly fault: FieldFault };

const TOO_LONG: FieldFault = { path: '', code: 'too_long', message: 'the line has over 1 MB' };
const NO_TEXT: FieldFault = { path: '', code: 'format', message: 'the line is not in UTF-8' };

/** The lines of a text in UTF-8; one that can't be read keeps none of the others from being read. */
export async function* linesIn(bytes: Bytes): AsyncGenerator<Line> {
  for await (const { line, content, cut } of splitLines(bytes)) {
    if (cut) yield { line, fault: TOO_LONG };
    else if (!isUtf8(content)) yield { line, fault: NO_TEXT };
    else {
      const text = withoutMark(content.toString(), line === 1).trim();
      if (text !== '') yield { line, text };
    }
  }
}

/** The beginning of a file may bear a mark of its encoding. */
const withoutMark = (text: string, first: boolean): string => (first ? text.replace(/^\uFEFF/, '') : text);

interface RawLine {
  readonly line: number;
  readonly content: Buffer;
  /** It was longer than is kept. */
  readonly cut: boolean;
}

/** The lines that are not empty. Empty ones are passed over at once: ten million of them would hold up the process. */
async function* splitLines(bytes: Bytes): AsyncGenerator<RawLine> {
  let line = 1;
  let begun: Buffer[] = [];
  let length = 0;
  const keep = (piece: Buffer): void => {
    length += piece.length;
    if (length > MOST_LINE_BYTES) begun = [];
    else if (piece.length > 0) begun.push(piece);
  };
  const take = (): RawLine => {
    const [only = Buffer.alloc(0), ...more] = begun;
    const taken = { line, content: more.length === 0 ? only : Buffer.concat(begun), cut: length > MOST_LINE_BYTES };
    [begun, length] = [[], 0];
    return taken;
  };
  for await (const chunk of bytes) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let from = 0; from < buffer.length;) {
      if (length === 0 && buffer[from] === NEWLINE) {
        line += 1;
        from += 1;
        continue;
      }
      const to = buffer.indexOf(NEWLINE, from);
      keep(buffer.subarray(from, to === -1 ? buffer.length : to));
      from = to === -1 ? buffer.length : to + 1;
      if (to === -1) continue;
      yield take();
      line += 1;
    }
  }
  if (length > 0) yield take();
}

export const unreadable = (detail: string, cause?: unknown): AppError => new AppError('malformed_request', { cause, details: { detail } });

/** A JSON document of 200 MB at most. Throws `payload_too_large`, and `malformed_request` where it is none; neither quotes it. */
export async function readDocument(bytes: Bytes): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of bytes) {
    pieces.push(piece);
    length += piece.length;
    if (length > MOST_DOCUMENT_BYTES) {
      throw new AppError('payload_too_large', { details: { detail: 'A JSON document may have 200 MB: send larger ones as JSON lines' } });
    }
  }
  const whole = Buffer.concat(pieces);
  if (!isUtf8(whole)) throw unreadable('The document is not in UTF-8');
  try {
    return JSON.parse(withoutMark(whole.toString(), true));
  } catch (error) {
    // The parser's own words quote the text, which holds hashes.
    if (error instanceof SyntaxError) throw unreadable('The document is not JSON');
    throw error;
  }
}

const PIECE_BYTES = 64 * 1024;

/** A text in pieces: a parser works on one at a time, and who works on a large one holds up the process. */
export function piecesOf(text: Uint8Array): Bytes {
  return Readable.from(
    Array.from({ length: Math.ceil(text.length / PIECE_BYTES) }, (_, at) => text.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES)),
  );
}

/** The first bytes of a text, and the whole of it to be read from its beginning. */
export async function peek(bytes: Bytes, most: number): Promise<{ head: Buffer; ended: boolean; whole: Bytes }> {
  const iterator = bytes[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let length = 0;
  let ended = false;
  while (length < most && !ended) {
    const next = await iterator.next();
    if (next.done === true) ended = true;
    else {
      read.push(next.value);
      length += next.value.length;
    }
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield* read;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(read), ended, whole: whole() };
}
