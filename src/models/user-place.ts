import { readCursor, writeCursor } from '../lib/pagination.js';

/** Where a user stands in the list that a filter makes: by what they were found by, in the order of its UTF-8 bytes, then by id. */
export interface UserPlace {
  /** Empty where nothing is looked for, or an id. */
  readonly key: string;
  readonly id: number;
}

/** Places in order, `most` of them if there are so many, behind that one or from the first. */
export type ReadPlaces = (most: number, after: UserPlace | undefined) => Promise<UserPlace[]>;

/** A place as a cursor that says nothing to whoever holds it. */
export const writePlace = ({ key, id }: UserPlace): string => writeCursor(`${id} ${key}`);

/** The place that a cursor stands for; undefined where it is none of ours. */
export function readPlace(cursor: string): UserPlace | undefined {
  const [, digits, key] = /^(-?\d{1,16}) (.*)$/s.exec(readCursor(cursor)) ?? [];
  const id = Number(digits);
  return key !== undefined && Number.isSafeInteger(id) ? { key, id } : undefined;
}

/** As the database orders places. */
export const inOrder = (one: UserPlace, other: UserPlace): number =>
  Buffer.compare(Buffer.from(one.key), Buffer.from(other.key)) || one.id - other.id;
