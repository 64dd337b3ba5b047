import { QueryTypes } from 'sequelize';
import { foldEmail } from '../lib/email-address.js';
import { foldName } from '../lib/names.js';
import { databaseOf, firstOf, inBytes, isPostgres, kindSql, portions } from './user-kinds.js';
import { inOrder, type ReadPlaces, type UserPlace } from './user-place.js';
import type { UserModel } from './user.model.js';

/** The texts with a prefix, in the order of their bytes. */
interface Range {
  readonly begins: string;
  /** The first text behind them; undefined where there is none. */
  readonly end: string | undefined;
}

/** A search by the beginning of a text. */
export interface Prefix {
  readonly name: Range;
  /** Another than that of names where the text has a domain beyond ASCII, of which addresses have the A-labels. */
  readonly email: Range;
  /** The id that the text is; that user comes first, and by no other key. */
  readonly id: number | undefined;
}

type RangeName = 'name' | 'email';

/** What users are found by: SQL for a key, and in which range it has to be. */
const KEYS: readonly (readonly [string, RangeName])[] = [
  ['coalesce(username_fold, lookalike_fold)', 'name'],
  ['email_fold', 'email'],
  ['display_name_fold', 'name'],
];

/** So many entries are walked at first for each place that is wanted, as most are found by all their keys; then more and more. */
const ENTRIES = KEYS.length;
const GROWTH = 8;
/** For many more at once PostgreSQL would rather read the whole table, and each of its answers is waited for only so long. */
const MOST_ENTRIES = 4000;

export function prefixOf(q: string): Prefix {
  const id = /^[1-9]\d*$/.test(q) ? Number(q) : NaN;
  return { name: rangeOf(foldName(q)), email: rangeOf(foldEmail(q)), id: Number.isSafeInteger(id) ? id : undefined };
}

const rangeOf = (begins: string): Range => ({ begins, end: endOf(begins) });

/** Replaces the last character that has a next one by that. UTF-8 orders as code points do, and has none for surrogates. */
function endOf(begins: string): string | undefined {
  const points = Array.from(begins);
  while (points.length > 0) {
    const last = points.pop()?.codePointAt(0) ?? 0;
    if (last < 0x10ffff) return points.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

/** Whether the database can hold that text: what it can't even be asked has no answer. */
export const isStorable = (User: UserModel, text: string): boolean => text.isWellFormed() && !(isPostgres(User) && text.includes('\0'));

/** An entry of an index of keys, by its number among those that a query has walked. */
interface Entry {
  readonly id: number;
  readonly key: string;
  readonly number: number;
  readonly fits: number;
}

/** The places of users of these kinds, read from the indexes of their keys. */
export function placesByPrefix(User: UserModel, prefix: Prefix, kinds: readonly string[]): ReadPlaces {
  const { name, email, id: own } = prefix;
  const limits = { ...boundsOf('name', name), ...boundsOf('email', email), ...(own === undefined ? {} : { own }) };

  /** What of all portions can be told by now, and where to go on: no further than the portion that was walked least. */
  const walk = async (from: UserPlace | undefined, most: number, entries: number) => {
    const [read, ends]: [Entry[], Entry[]] = [[], []];
    for (const portion of portions(kinds)) {
      const rows = await databaseOf(User).query<Entry>(entriesSql(User, Object.keys(portion), prefix, from), {
        type: QueryTypes.SELECT,
        bind: { ...limits, ...portion, ...(from && { from: from.key, id: from.id }), entries, most },
      });
      const last = rows.at(-1);
      if (last !== undefined && (last.number === entries || rows.length === most)) ends.push(last);
      // Two keys of a user may be one, and then stand beside each other.
      read.push(...rows.filter(({ id, fits }, index) => fits === 1 && id !== rows[index - 1]?.id));
    }
    const [least] = ends.sort(inOrder);
    const places = read.filter((entry) => least === undefined || inOrder(entry, least) <= 0).sort(inOrder);
    return { places: places.slice(0, most).map(({ key, id }) => ({ key, id })), end: least };
  };

  return async (most, after) => {
    const found: UserPlace[] = [];
    const isWithin =
      after !== undefined && [name, email].some((range) => after.key.startsWith(range.begins)) && isStorable(User, after.key);
    let from = isWithin ? after : undefined;
    for (let entries = most * ENTRIES; ; entries = Math.min(entries * GROWTH, MOST_ENTRIES)) {
      const walked = await walk(from, most - found.length, entries);
      found.push(...walked.places);
      if (found.length === most || walked.end === undefined) return found;
      from = walked.end;
    }
  };
}

/** What is bound of a range. */
const boundsOf = (name: RangeName, { begins, end }: Range): Record<string, string> => ({
  [`${name}Begins`]: begins,
  ...(end === undefined ? {} : { [`${name}End`]: end }),
});

interface Key {
  readonly sql: string;
  readonly name: RangeName;
  readonly range: Range;
}

/**
 * SQL that walks `$entries` entries of these kinds, from the first or behind the key `$from` and its `$id`, and gives up to
 * `$most` that fit, and the last one walked: who is found by several keys fits at the smallest, so that they come once.
 */
function entriesSql(User: UserModel, kinds: readonly string[], prefix: Prefix, from: UserPlace | undefined): string {
  const keys = KEYS.map(([sql, name]) => ({ sql: inBytes(User, sql), name, range: prefix[name] }));
  const walks = kinds.flatMap((kind) => keys.flatMap((key) => walksSql(`${kindSql(User)} = $${kind}`, key, from)));
  const conditions = [
    ...keys.map(({ sql, name, range: { end } }) => {
      const isBehind = end === undefined ? '' : ` OR ${sql} >= $${name}End`;
      return `coalesce(${sql} < $${name}Begins${isBehind} OR ${sql} >= numbered."key", TRUE)`;
    }),
    ...(prefix.id === undefined ? [] : ['users.id <> CAST($own AS BIGINT)']),
  ];
  return `
    WITH entries AS (
      ${firstOf(User, walks, '"key", id', '$entries')}
    ), numbered AS (
      SELECT id, "key", CAST(row_number() OVER (ORDER BY "key", id) AS INTEGER) AS number FROM entries
    ), judged AS (
      SELECT numbered.*, CASE WHEN ${conditions.join(' AND ')} THEN 1 ELSE 0 END AS fits
      FROM numbered JOIN users ON users.id = numbered.id
    )
    SELECT * FROM judged WHERE fits = 1 OR number = $entries ORDER BY number LIMIT $most`;
}

/** Behind a place are the rest of those who share its key, and the further keys: asked for both at once, SQLite would walk from the first. */
function walksSql(isKind: string, { sql, name, range }: Key, from: UserPlace | undefined): string[] {
  const walk = (condition: string): string => `SELECT id, ${sql} AS "key" FROM users WHERE ${isKind} AND ${condition}`;
  const before = range.end === undefined ? '' : ` AND ${sql} < $${name}End`;
  // The place may be in the range of other keys alone.
  if (from === undefined || isBefore(from.key, range.begins)) return [walk(`${sql} >= $${name}Begins${before}`)];
  if (range.end !== undefined && !isBefore(from.key, range.end)) return [];
  return [walk(`${sql} = $from AND id > CAST($id AS BIGINT)`), walk(`${sql} > $from${before}`)];
}

const isBefore = (one: string, other: string): boolean => Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0;
