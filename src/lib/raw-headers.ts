/** Returns how many times a request carries a header; `name` is in lower case. Node's `headers` shows one value of several. */
export function countHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  // Names stand at even places. Comparing lengths first spares most of them the lower case.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index];
    if (sent?.length === name.length && sent.toLowerCase() === name) count += 1;
  }
  return count;
}
