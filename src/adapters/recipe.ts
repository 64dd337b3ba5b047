/** The normal form that a password is brought to before it is hashed (UAX 15). */
export type NormalForm = 'NFC' | 'NFKC';

/** bcrypt, its cost in the salt; `prehash` is what it is given in place of the password, so that a long one is not cut off. */
export interface BcryptRecipe {
  readonly kind: 'bcrypt';
  readonly salt: string;
  /** SHA-256 in base64 (passlib, of old), the same as an HMAC under the salt (passlib), SHA-256 in hex (Django). */
  readonly prehash?: 'sha256-base64' | 'hmac-sha256-base64' | 'sha256-hex';
  readonly form?: NormalForm;
}

/** PBKDF2 (RFC 8018). The salt is in base64, the length in bytes. */
export interface Pbkdf2Recipe {
  readonly kind: 'pbkdf2';
  readonly hash: 'sha1' | 'sha256' | 'sha512';
  readonly salt: string;
  readonly iterations: number;
  readonly length: number;
}

/** scrypt (RFC 7914) with N = 2^logN. The salt is in base64, the length in bytes. */
export interface ScryptRecipe {
  readonly kind: 'scrypt';
  readonly salt: string;
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly length: number;
  readonly form?: NormalForm;
  /** In base64: the digest is this, encrypted under what scrypt gives (Firebase). */
  readonly signerKey?: string;
}

/** Argon2 of version 19 (RFC 9106), `memory` in KiB. The salt is in base64, the length in bytes. */
export interface Argon2Recipe {
  readonly kind: 'argon2id' | 'argon2i';
  readonly salt: string;
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly length: number;
}

/** How a digest is made of a password. bcrypt's is its modular crypt format, any other's is base64. */
export type Recipe = BcryptRecipe | Pbkdf2Recipe | ScryptRecipe | Argon2Recipe;
