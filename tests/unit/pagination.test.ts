import { describe, expect, test } from '@jest/globals';
import { type Page, readCursor, toPage, writeCursor } from '../../src/lib/pagination.js';

describe('a page', () => {
  const cursorOf = (last: number): string => `after ${last}`;
  test.each([
    ['nothing', [], { items: [], nextCursor: null }],
    ['less than asked for', [1, 2], { items: [1, 2], nextCursor: null }],
    ['as many as asked for', [1, 2, 3], { items: [1, 2, 3], nextCursor: null }],
    ['one more than asked for', [1, 2, 3, 4], { items: [1, 2, 3], nextCursor: 'after 3' }],
  ])('of %s', (_, read, page) => {
    expect(toPage(read, 3, cursorOf)).toEqual(page);
  });

  test('follows the one before it without a gap, until the list ends', () => {
    const all = Array.from({ length: 10 }, (_, index) => index);
    const seen: number[][] = [];
    let from: number | undefined = 0;
    while (from !== undefined) {
      const { items, nextCursor }: Page<number> = toPage(all.slice(from, from + 4), 3, String);
      seen.push([...items]);
      from = nextCursor === null ? undefined : Number(nextCursor) + 1;
    }
    expect(seen).toEqual([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]);
  });
});

describe('a cursor', () => {
  test.each(['', '1795600000000 0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11', 'ada ☂'])(
    'gives back what was written, and fits in a URL',
    (place) => {
      const cursor = writeCursor(place);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(readCursor(cursor)).toBe(place);
    },
  );

  test.each(['%%%', '\0', 'é', 'a'.repeat(10_000)])('that is none of ours is read without a fault', (text) => {
    expect(typeof readCursor(text)).toBe('string');
  });
});
