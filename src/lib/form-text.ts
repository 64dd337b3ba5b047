/**
 * Parses `application/x-www-form-urlencoded`. Throws URIError for escapes that are no UTF-8, where the platform's parser
 * would put replacement characters into a password, and SyntaxError for a name that is sent twice (RFC 6749 §3.2).
 */
export function parseStrictForm(text: string): Record<string, string> {
  const members = new Map<string, string>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [name = '', ...value] = pair.split('=').map((part) => part.replaceAll('+', ' '));
    const decoded = decodeURIComponent(name);
    if (members.has(decoded)) throw new SyntaxError('a member is sent twice');
    members.set(decoded, decodeURIComponent(value.join('=')));
  }
  return Object.fromEntries(members);
}
