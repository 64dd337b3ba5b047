import { hkdfSync } from 'node:crypto';

const KEY_BYTES = 32;

/** ROOT_KEY, and the value that it had before a rotation: that one verifies and opens, and makes nothing new. */
export interface RootKeys {
  readonly current: string;
  readonly previous: string | undefined;
}

/** The keys of one purpose. */
export interface DerivedKeys {
  /** Signs, seals and hashes what is new. */
  readonly current: Buffer;
  /** Those that verify and open, the current one first. */
  readonly all: readonly Buffer[];
}

/** Derives a key of 32 bytes for one purpose from a root key; it is never stored (HKDF, RFC 5869; ASVS 11.2.3). */
export function deriveKey(rootKey: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', rootKey, '', `lingomate-auth ${purpose}`, KEY_BYTES));
}

/** Derives the keys of one purpose from the current and the previous root key. */
export function deriveKeys(rootKeys: RootKeys, purpose: string): DerivedKeys {
  const current = deriveKey(rootKeys.current, purpose);
  return { current, all: rootKeys.previous === undefined ? [current] : [current, deriveKey(rootKeys.previous, purpose)] };
}
