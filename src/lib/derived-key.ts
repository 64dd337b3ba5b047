import { hkdfSync } from 'node:crypto';

const KEY_BYTES = 32;

/** A key of 32 bytes for one purpose alone, made of ROOT_KEY and never stored (HKDF, RFC 5869; ASVS 11.2.3). */
export function deriveKey(rootKey: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', rootKey, '', `lingomate-auth ${purpose}`, KEY_BYTES));
}
