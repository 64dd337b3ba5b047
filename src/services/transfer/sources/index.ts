import type { FieldFault } from '../../../errors/app-error.js';
import { AppError } from '../../../errors/app-error.js';
import { parseStrictJson } from '../../../lib/json-text.js';
import type { SourceRecord } from '../imported-user.js';
import { createBetterAuthSource } from './better-auth.js';
import { tableIn } from './csv.js';
import { djangoSource } from './django.js';
import { createFirebaseSource } from './firebase.js';
import type { FirebaseParameters } from './hash-forms.js';
import { keycloakSource } from './keycloak.js';
import { isMembers, type Members } from './members.js';
import { ownSource, unknownFaults } from './own.js';
import type { TextSource } from './source-names.js';
import { recordFault, type Source } from './source.js';
import { createSupabaseSource } from './supabase.js';
import { type Bytes, linesIn, peek, readDocument, unreadable } from './text.js';

/** How records may be held together. */
export type Container = 'lines' | 'csv' | 'document';

export interface ReadingOptions {
  /** Told by what stands at the beginning, where it is left out. */
  readonly from?: TextSource | undefined;
  readonly container?: Container | undefined;
  readonly firebase?: FirebaseParameters | undefined;
  readonly now: () => number;
}

/** So much is looked at to tell how records are held together: no line of an export is as long. */
const PEEK_BYTES = 256 * 1024;

/**
 * The users that a text tells of. Lines and tables are read as they come, documents as a whole. What is wrong with one
 * record is told in its place. Throws `malformed_request` where the text can't be read at all, `payload_too_large` for a
 * document that is, and `validation_failed` where an option is missing.
 */
export async function* readUsers(bytes: Bytes, options: ReadingOptions): AsyncGenerator<SourceRecord> {
  const sources = sourcesOf(options);
  const { head, ended, whole } = await peek(bytes, PEEK_BYTES);
  assertNoBanner(head.toString(), options.container);
  const container = options.container ?? containerOf(options.from, head.toString(), ended, sources);
  if (container === 'csv') yield* readTable(whole, options.from, sources);
  else if (container === 'lines') yield* readLines(whole, options.from, sources);
  else yield* readRows(await readDocument(whole), options.from, sources);
}

type Sources = Readonly<Record<TextSource, Source>>;

function sourcesOf({ firebase, now }: ReadingOptions): Sources {
  return {
    lines: ownSource,
    csv: ownSource,
    supabase: createSupabaseSource({ now }),
    keycloak: keycloakSource,
    'better-auth': createBetterAuthSource({ now }),
    firebase: createFirebaseSource(firebase),
    django: djangoSource,
  };
}

/** The others' first, as any record could be one of ours. */
const inOrder = ({ lines, csv: _csv, ...others }: Sources): Source[] => [...Object.values(others), lines];

/**
 * A document begins with a bracket, or an object that goes on behind its line; a line of JSON is a whole object. Where the
 * first line is a broken one, others begin like it.
 */
function containerOf(from: TextSource | undefined, head: string, ended: boolean, sources: Sources): Container {
  if (from === 'lines' || from === 'csv') return from;
  const text = head.replace(/^\uFEFF/, '').trimStart();
  if (text.startsWith('[')) return 'document';
  if (!text.startsWith('{')) return 'csv';
  const [first = '', ...more] = text.split('\n');
  if (more.length === 0 && !ended) return 'document';
  const parsed = parse(first);
  if (parsed === undefined) return !/[[{,]\s*$/.test(first) && more.some((line) => line.startsWith('{')) ? 'lines' : 'document';
  return Object.values(sources).some((source) => source.rowsOf(parsed) !== undefined) ? 'document' : 'lines';
}

const NPM_BANNER = /^> [@\w./-]{1,128}@[\w.+-]{1,64}(?= |$)/;

/** Throws where a program has written lines of its own before the records, as npm does. Quotes none but npm's. */
function assertNoBanner(head: string, container: Container | undefined): void {
  const [first = '', ...more] = head
    .replace(/^\uFEFF/, '')
    .trimStart()
    .split(/\r?\n/);
  const [banner] = NPM_BANNER.exec(first) ?? [];
  if (banner !== undefined) throw unreadable(`The first line is npm’s: "${banner}". Write the file again with npm run --silent`);
  if (container === 'csv' || /^[[{]|^$/.test(first) || !more.some((line) => isMembers(parse(line)))) return;
  throw unreadable('The first line is neither JSON nor the header of a table. Remove it, or write the file again with npm run --silent');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const NO_OBJECT = recordFault('the record is not a JSON object');

const readRow = (line: number, row: unknown, source: Source): SourceRecord =>
  isMembers(row) ? { line, ...source.read(row) } : faulty(line, NO_OBJECT);

const faulty = (line: number, fault: FieldFault): SourceRecord => ({ line, faults: [fault] });

async function* readLines(bytes: Bytes, from: TextSource | undefined, sources: Sources): AsyncGenerator<SourceRecord> {
  let source = from && sources[from];
  for await (const read of linesIn(bytes)) {
    const row = 'fault' in read ? undefined : parseLine(read.text);
    if (isMembers(row)) source ??= sourceOf(row, sources);
    if ('fault' in read) yield faulty(read.line, read.fault);
    else yield source === undefined ? faulty(read.line, NO_OBJECT) : readRow(read.line, row, source);
  }
}

/** Undefined for what is no JSON, and for an object that names a member twice: which of them counts, nobody can tell. */
function parseLine(text: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (error) {
    // Its message quotes the text.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const sourceOf = (row: Members, sources: Sources): Source => inOrder(sources).find((source) => source.isRow(row)) ?? sources.lines;

async function* readTable(bytes: Bytes, from: TextSource | undefined, sources: Sources): AsyncGenerator<SourceRecord> {
  let source = from && sources[from];
  const onHeader = (columns: readonly string[]): void => {
    source ??= sourceOf(Object.fromEntries(columns.map((column) => [column, ''])), sources);
    if (source === ownSource) assertKnown(columns);
  };
  for await (const read of tableIn(bytes, onHeader)) {
    yield 'fault' in read || source === undefined
      ? faulty(read.line, 'fault' in read ? read.fault : NO_OBJECT)
      : readRow(read.line, read.row, source);
  }
}

/** Every record has them, so that it is said once. */
function assertKnown(columns: readonly string[]): void {
  const fields = unknownFaults(columns);
  if (fields.length > 0) throw new AppError('validation_failed', { details: { fields } });
}

/** Records of a document, by their place in it. */
function* readRows(document: unknown, from: TextSource | undefined, sources: Sources): Generator<SourceRecord> {
  for (const source of from === undefined ? inOrder(sources) : [sources[from]]) {
    const rows = source.rowsOf(document);
    if (rows === undefined) continue;
    let line = 0;
    for (const row of rows) yield readRow((line += 1), row, source);
    return;
  }
  throw unreadable('The document is of no known form. Say with `from` what it is of');
}
