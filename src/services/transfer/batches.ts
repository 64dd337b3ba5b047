/** The items in lists of so many; where they end by a throw, those before it come first. */
export async function* batchesOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let end: { readonly error: unknown } | undefined;
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch((error: unknown) => ({ error }));
      if ('error' in next) end = next;
      if ('error' in next || next.done === true) break;
      if (batch.push(next.value) < size) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  } finally {
    await iterator.return?.();
  }
  if (end !== undefined) throw end.error;
}
