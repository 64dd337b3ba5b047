/** A piece of a list, as the contract answers it; null where it ends. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** Which piece a caller asks for. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

/** Makes a page of what was read: one more than asked for tells that the list goes on. */
export function toPage<T>(read: readonly T[], limit: number, cursorOf: (last: T) => string): Page<T> {
  const items = read.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: read.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** A cursor that says nothing to whoever holds it. */
export const writeCursor = (place: string): string => Buffer.from(place).toString('base64url');
export const readCursor = (cursor: string): string => Buffer.from(cursor, 'base64url').toString();
