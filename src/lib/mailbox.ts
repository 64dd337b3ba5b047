import { isEmailAddress } from './email-address.js';

/** An e-mail address with the name that is shown for it; an empty name is none. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

/** A quoted name (RFC 5322 §3.2.4), or one without the characters that need quotes. */
const NAMED = /^(?:"(?<quoted>(?:[^"\\\p{C}]|\\["\\])*)" ?|(?<plain>[^\p{C}<>",;:@]+) )?<(?<address>.*)>$/u;

/**
 * Reads `Name <address>`, `"Name" <address>`, `<address>` or an address alone (RFC 5322 §3.4). The domain may be a host name
 * without a dot. Returns undefined for any other text.
 */
export function readMailbox(text: string): Mailbox | undefined {
  const { quoted, plain = '', address = text } = NAMED.exec(text)?.groups ?? {};
  const name = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
  return isEmailAddress(address, { labels: 1 }) ? { name: name.trim(), address } : undefined;
}
