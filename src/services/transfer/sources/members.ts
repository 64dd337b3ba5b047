import type { FieldFault } from '../../../errors/app-error.js';

/** A record of a source, as it was read: nothing is known of its members. */
export type Members = Readonly<Record<string, unknown>>;

export const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A list of records in a document; whatever else is in it is left out of no count, so that places stay true. */
export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Numbers below are seconds since 1970, those above milliseconds: here the one are in 5138, the others in 1973. */
const MILLISECONDS_FROM = 100_000_000_000;

const YES = new Set<unknown>([true, 1, 'true', 't', 'yes', '1']);
const NO = new Set<unknown>([false, 0, 'false', 'f', 'no', '0']);

/**
 * Reads members by the names that they may have, the first that is there; one that is null or empty is not there. What is
 * of another type is kept in `faults`, under its name.
 */
export interface MemberReader {
  text(...names: string[]): string | undefined;
  flag(...names: string[]): boolean | undefined;
  /** ISO 8601 or PostgreSQL's form of it, in UTC where it names no zone; or a count since 1970. */
  time(...names: string[]): Date | undefined;
  /** A list of texts, or one text with commas or spaces between. */
  texts(...names: string[]): string[] | undefined;
  readonly faults: readonly FieldFault[];
  /** Returns a fault for each member that looks like a password hash and was asked for by none of the above. */
  unreadHashes(): FieldFault[];
}

/** Of a table without a header the first line is a user's hash, which no response repeats. */
const NAME = /^[A-Za-z_]\w{0,63}$/;

/** Returns the name of a member as the path of a fault, empty for what is no plain name. */
export const pathOf = (name: string): string => (NAME.test(name) ? name : '');

/** Names of members that hold a password or its hash, without `_` and `-`. */
const NAMED_LIKE_HASH = /^(?:hash(?:ed)?|encrypted)?(?:password|passwd|pwd)(?:hash(?:ed)?|digest|encrypted)?$/i;
/** Modular crypt and PHC formats, Django's, and those with a wrapper. */
const HASH = /^\s*(?:\{[\w@.-]+\})?(?:\$(?:\w|-)+\$|(?:pbkdf2_\w+|bcrypt\w*|argon2|scrypt)\$)/;

const looksLikeHash = (name: string, value: unknown): boolean =>
  typeof value === 'string' ? HASH.test(value) || (value !== '' && isNamedLikeHash(name)) : isMembers(value) && isNamedLikeHash(name);

const isNamedLikeHash = (name: string): boolean => NAMED_LIKE_HASH.test(name.replace(/[_-]/g, ''));

/** `readElsewhere` names the members that the caller reads by itself. */
export function createReader(members: Members, readElsewhere: readonly string[] = []): MemberReader {
  const faults: FieldFault[] = [];
  const asked = new Set(readElsewhere);
  const readAs =
    <T>(read: (value: unknown) => T | undefined, what: string) =>
    (...names: string[]): T | undefined => {
      for (const one of names) asked.add(one);
      const name = names.find((one) => Object.hasOwn(members, one) && !isAbsent(members[one]));
      if (name === undefined) return undefined;
      const value = read(members[name]);
      if (value === undefined) faults.push({ path: name, code: 'type', message: `must be ${what}` });
      return value;
    };
  return {
    faults,
    text: readAs((value) => (typeof value === 'string' ? value : undefined), 'a text'),
    flag: readAs(toFlag, 'true or false'),
    time: readAs(toTime, 'a time'),
    texts: readAs(toTexts, 'a list of texts'),
    unreadHashes: () =>
      Object.entries(members)
        .filter(([name, value]) => !asked.has(name) && looksLikeHash(name, value))
        .map(([name]) => ({ path: pathOf(name), code: 'unknown', message: UNREAD_HASH })),
  };
}

const UNREAD_HASH = 'looks like a password hash, and is not read from exports of this kind; say what the file is, or remove it';

const isAbsent = (value: unknown): boolean => value === null || value === undefined || value === '';

function toFlag(value: unknown): boolean | undefined {
  const plain = typeof value === 'string' ? value.toLowerCase() : value;
  if (YES.has(plain)) return true;
  return NO.has(plain) ? false : undefined;
}

function toTime(value: unknown): Date | undefined {
  if (typeof value === 'number') return valid(new Date(value < MILLISECONDS_FROM ? value * 1000 : value));
  if (typeof value !== 'string') return undefined;
  if (/^\d{9,16}$/.test(value)) return toTime(Number(value));
  const [, day, time = '00:00', zone = ''] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)\d*)?\s*(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(value) ?? [];
  if (day === undefined) return undefined;
  const offset =
    zone === '' || /^z$/i.test(zone)
      ? 'Z'
      : zone.replace(/^([+-]\d\d):?(\d\d)?$/, (_all, hours: string, minutes = '00') => `${hours}:${minutes}`);
  return valid(new Date(`${day}T${time}${offset}`));
}

const valid = (time: Date): Date | undefined => (Number.isNaN(time.getTime()) ? undefined : time);

function toTexts(value: unknown): string[] | undefined {
  if (typeof value === 'string') return value.split(/[\s,;]+/).filter((text) => text !== '');
  if (!isList(value) || !value.every((item) => typeof item === 'string')) return undefined;
  return [...value];
}

/** JSON that stands in a text, or is there already; undefined where it is neither. */
export function asMembers(value: unknown): Members | undefined {
  if (isMembers(value)) return value;
  if (typeof value !== 'string') return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return isMembers(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The first text of these that says something. */
export const firstText = (members: Members, ...names: string[]): string | undefined =>
  names.map((name) => members[name]).find((value): value is string => typeof value === 'string' && value.trim() !== '');
