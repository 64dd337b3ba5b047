import type { DerivedKeys } from './derived-key.js';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts text so that only who has the key can read it, and nobody can change it or put it in the place of another
 * (AES-256-GCM; ASVS 11.3.2). `context` says what it is and belongs to; it is not kept in the result.
 */
export function seal(key: Buffer, text: string, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** The text that was sealed with this key and context; throws where either is another, or a byte was changed. */
export function unseal(key: Buffer, sealed: string, context: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
}

/** Opens text that was sealed under the current or the previous key; throws where it is neither, or the text was changed. */
export function unsealWithAny({ current, all: [, previous] }: DerivedKeys, sealed: string, context: string): string {
  try {
    return unseal(current, sealed, context);
  } catch (error) {
    if (previous === undefined) throw error;
    return unseal(previous, sealed, context);
  }
}
