import { domainToASCII } from 'node:url';
import { foldName, hasInvisible, isBeyondNames } from './names.js';

/** RFC 5321 §4.5.3.1: what a server has to take. */
export const EMAIL_UNITS = 254;
const MOST_LOCAL_UNITS = 64;

/** RFC 5322 §3.2.3 and RFC 6532 §3.2: atoms with dots between them; no quoted form, which few mail servers take. */
const LOCAL = /^[\p{L}\p{M}\p{N}_!#$%&'*+\-/=?^`{|}~]+(?:\.[\p{L}\p{M}\p{N}_!#$%&'*+\-/=?^`{|}~]+)*$/u;
/** RFC 1123 §2.1, and U-labels (RFC 5890 §2.3.2.1). */
const LABEL = /^[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?$/u;
const BEYOND_ASCII = /[^\0-\x7f]/;
const ENCODED_LABEL = /^xn--/i;

interface Grammar {
  /** The fewest labels of the domain, 2 unless a host of the local network may be named. */
  readonly labels?: number;
}

/**
 * Reports whether a text is an e-mail address that mail can be sent to. Nothing in it ends a header, begins another
 * recipient or is invisible, and its domain has an A-label form (RFC 5890 §2.3.2.1).
 */
export function isEmailAddress(text: string, { labels: fewest = 2 }: Grammar = {}): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || at > MOST_LOCAL_UNITS || text.length > EMAIL_UNITS || hasInvisible(text)) return false;
  const domain = text.slice(at + 1);
  const labels = domain.split('.');
  return LOCAL.test(text.slice(0, at)) && labels.length >= fewest && labels.every((label) => LABEL.test(label)) && hasAscii(domain);
}

/** Whether the labels beyond ASCII, and those that claim to encode some, are valid (UTS 46). */
const hasAscii = (domain: string): boolean => !needsEncoding(domain) || domainToASCII(domain) !== '';

const needsEncoding = (domain: string): boolean =>
  BEYOND_ASCII.test(domain) || domain.split('.').some((label) => ENCODED_LABEL.test(label));

/**
 * Returns the form under which two spellings of an e-mail address are one: the local part as names are folded, the domain in
 * lower case and A-labels. The domain is not case-folded as names are: `straße.example` and `strasse.example` are two (RFC
 * 5894 §7.2). A text that is no address has a fold, too.
 */
export function foldEmail(address: string): string {
  if (isBeyondNames(address)) return address;
  const normal = address.normalize('NFKC');
  const at = normal.lastIndexOf('@');
  return at === -1 ? foldName(normal) : `${foldName(normal.slice(0, at))}@${foldDomain(normal.slice(at + 1))}`;
}

/**
 * Reports whether two addresses are one mailbox beyond doubt: they differ only in the case of A to Z or in the spelling of the
 * domain. The lower case of another letter can be a letter of another mailbox, as k is of the Kelvin sign.
 */
export const isSameMailbox = (one: string, other: string): boolean => mailboxOf(one) === mailboxOf(other);

function mailboxOf(address: string): string {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return `${local}@${foldDomain(address.slice(at + 1).normalize('NFKC'))}`;
}

/** Leaves to `domainToASCII` only what it can not take for a path, a port or a number of IPv4. */
function foldDomain(domain: string): string {
  const isEncodable = needsEncoding(domain) && !hasInvisible(domain) && domain.split('.').every((label) => LABEL.test(label));
  const ascii = isEncodable ? domainToASCII(domain) : '';
  return ascii === '' ? foldName(domain) : ascii;
}

/** Domains of one provider that ignores dots in the local part. */
const GMAIL: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com']);

/**
 * The key under which a mailbox is counted: addresses that are delivered to one mailbox share it. Ignores case, a `+tag`, the
 * spelling of an international domain, and the dots of Gmail. Never used to compare or deliver: two mailboxes of a server that
 * takes `+` literally share one key, which counts too much and never too little.
 */
export function mailboxKey(address: string): string {
  const fold = foldEmail(address);
  const at = fold.lastIndexOf('@');
  if (at === -1) return fold;
  const [local = ''] = fold.slice(0, at).split('+', 1);
  const domain = fold.slice(at + 1);
  return GMAIL.has(domain) ? `${local.replaceAll('.', '')}@gmail.com` : `${local}@${domain}`;
}
