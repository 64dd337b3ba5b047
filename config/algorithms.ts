/** The algorithms of a shared secret that ALGORITHM may name, and the minimum key length of each, in bytes (RFC 7518 §3.2). */
export const HMAC_KEY_BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;
export type SecretAlgorithm = keyof typeof HMAC_KEY_BYTES;
/** The algorithms of a key pair that ALGORITHM may name; the pair is made here. */
export const KEY_PAIR_ALGORITHMS = ['RS256', 'PS256', 'ES256'] as const;
export type KeyPairAlgorithm = (typeof KEY_PAIR_ALGORITHMS)[number];
/** How access tokens may be signed (RFC 7518 §3.1). */
export type Algorithm = SecretAlgorithm | KeyPairAlgorithm;
export const isKeyPairAlgorithm = (algorithm: string): algorithm is KeyPairAlgorithm =>
  KEY_PAIR_ALGORITHMS.some((one) => one === algorithm);
