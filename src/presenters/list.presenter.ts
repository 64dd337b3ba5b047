import type { Page } from '../lib/pagination.js';

/** A list as the contract has it. */
export interface ListShape<Item> {
  readonly data: readonly Item[];
  readonly next_cursor: string | null;
}

export const presentPage = <T, Item>({ items, nextCursor }: Page<T>, present: (item: T) => Item): ListShape<Item> => ({
  data: items.map(present),
  next_cursor: nextCursor,
});
