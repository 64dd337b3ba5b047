import { domainToASCII } from 'node:url';
import { foldName } from './names.js';

/** RFC 5321 §4.5.3.1: what a server has to take. */
const MOST_UNITS = 254;
const MOST_LOCAL_UNITS = 64;

/** RFC 5322 §3.2.3 and RFC 6532 §3.2: atoms with dots between them; no quoted form, which nobody uses and few mail servers take. */
const LOCAL = /^[\p{L}\p{M}\p{N}_!#$%&'*+\-/=?^`{|}~]+(?:\.[\p{L}\p{M}\p{N}_!#$%&'*+\-/=?^`{|}~]+)*$/u;
/** Two labels or more (RFC 1123 §2.1). */
const DOMAIN =
  /^(?:[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?$/u;

/** Whether a text is an e-mail address that mail can be sent to: nothing in it ends a header or begins another recipient. */
export function isEmailAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  if (at < 1 || at > MOST_LOCAL_UNITS || text.length > MOST_UNITS) return false;
  return LOCAL.test(text.slice(0, at)) && DOMAIN.test(text.slice(at + 1));
}

/** Domains of one provider that ignores dots in the local part. */
const GMAIL: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com']);

/**
 * The key under which a mailbox is counted: addresses that are delivered to one mailbox share it. Ignores case, a `+tag`, the
 * spelling of an international domain, and the dots of Gmail. Never used to compare or deliver: two mailboxes of a server that
 * takes `+` literally share one key, which counts too much and never too little.
 */
export function mailboxKey(address: string): string {
  const fold = foldName(address);
  const at = fold.lastIndexOf('@');
  if (at === -1) return fold;
  const [local = ''] = fold.slice(0, at).split('+', 1);
  const domain = fold.slice(at + 1);
  const ascii = domainToASCII(domain) || domain;
  return GMAIL.has(ascii) ? `${local.replaceAll('.', '')}@gmail.com` : `${local}@${ascii}`;
}
