interface Batch<T> {
  readonly items: T[];
  /** Set on the last: how it ended. */
  readonly end?: { readonly error?: unknown };
}

/**
 * The items in lists of so many, read one list ahead of whoever works on them; where they end by a throw, those before it
 * come first.
 */
export async function* batchesOf<T>(source: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  const iterator = source[Symbol.asyncIterator]();
  /** Never rejects, as nobody may be waiting for it by then. */
  const read = async (): Promise<Batch<T>> => {
    const items: T[] = [];
    try {
      while (items.length < size) {
        const next = await iterator.next();
        if (next.done === true) return { items, end: {} };
        items.push(next.value);
      }
      return { items };
    } catch (error) {
      return { items, end: { error } };
    }
  };
  try {
    for (let reading = read(); ;) {
      const { items, end } = await reading;
      if (end === undefined) reading = read();
      if (items.length > 0) yield items;
      if (end === undefined) continue;
      if ('error' in end) throw end.error;
      return;
    }
  } finally {
    // Not waited for: what is read ahead may come from somebody who never sends it.
    iterator.return?.().catch(nothing);
  }
}

const nothing = (): void => undefined;
