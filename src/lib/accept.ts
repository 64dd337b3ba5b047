/** How an Accept header rates a response (RFC 9110 §12.5.1). */
interface Rating {
  readonly quality: number;
  /** 2 for the type itself, 1 for `type/*`, 0 for any. */
  readonly specificity: number;
  readonly position: number;
}

/** What errors are is JSON too, and clients of RFC 9457 name that type alone. */
const JSON_TYPES = ['application/json', 'application/problem+json'];
const HTML_TYPES = ['text/html'];
const UNACCEPTABLE: Rating = { quality: 0, specificity: -1, position: 0 };

/** Whether a client takes JSON, or is a browser that shows it. Without an Accept header, or with an empty one, it does. */
export function acceptsJson(accept = ''): boolean {
  // Spares most requests the parsing.
  const isUsual = (accept.includes('*/*') || accept.includes('application/json')) && !accept.includes('q=0');
  if (accept === '' || isUsual || rate(accept, JSON_TYPES).quality > 0) return true;
  const html = rate(accept, HTML_TYPES);
  return html.quality > 0 && html.specificity > 0;
}

/** Whether a client prefers HTML to JSON: by quality, then by the more specific range, then by the earlier one. */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept?.includes('text/html') !== true) return false;
  const [html, json] = [rate(accept, HTML_TYPES), rate(accept, JSON_TYPES)];
  const preference = html.quality - json.quality || html.specificity - json.specificity || json.position - html.position;
  return html.quality > 0 && preference > 0;
}

/** Rates a response of these types by the most specific range that names one; parameters other than `q` are ignored. */
function rate(accept: string, types: readonly string[]): Rating {
  let best = UNACCEPTABLE;
  // A quoted parameter may hold commas and semicolons.
  const ranges = accept
    .replaceAll(/"(?:\\.|[^"\\])*"?/g, '')
    .toLowerCase()
    .split(',');
  for (const [position, range] of ranges.entries()) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim());
    const specificity = specificityOf(name, types);
    if (specificity < 0 || specificity < best.specificity) continue;
    const quality = qualityOf(parameters);
    if (specificity > best.specificity || quality > best.quality) best = { quality, specificity, position };
  }
  return best;
}

/** The weight of a range; 1 where it has none, or none that can be read. */
function qualityOf(parameters: readonly string[]): number {
  const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
  return Number.isNaN(weight) ? 1 : weight;
}

function specificityOf(range: string, types: readonly string[]): number {
  if (types.includes(range)) return 2;
  if (types.some((type) => range === `${type.slice(0, type.indexOf('/'))}/*`)) return 1;
  return range === '*/*' || range === '*' ? 0 : -1;
}
