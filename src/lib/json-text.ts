/** Deeper nesting than this is no request of ours, and costs whoever walks it. */
const MOST_DEPTH = 32;

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/gs;

/**
 * Parses JSON, and throws SyntaxError also where an object names a member twice (RFC 8259 §4 leaves open which counts,
 * so two readers could differ; ASVS 1.5.3) or nests more than 32 deep.
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  assertUnambiguous(text);
  return value;
}

/** Walks text that is known to be JSON: a string with a colon behind it is a member's name. */
function assertUnambiguous(text: string): void {
  const open: (Set<unknown> | undefined)[] = [];
  let lastString: string | undefined;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : undefined) > MOST_DEPTH) throw new SyntaxError('nested too deep');
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ':') {
      const name: unknown = JSON.parse(lastString ?? '""');
      if (open.at(-1)?.has(name)) throw new SyntaxError('a member is sent twice');
      open.at(-1)?.add(name);
    } else if (token !== ',') {
      lastString = token;
    }
  }
}
