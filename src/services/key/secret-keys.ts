import { createHmac, createSecretKey } from 'node:crypto';
import type { SecretAlgorithm } from '../../../config/index.js';
import { encodedHeader, type KeySource, TOKEN_TYPE, type TokenKey } from './token-key.js';

/** Named after its bytes, so that every process that shares a key gives it one name. */
function toTokenKey(secret: string, alg: SecretAlgorithm): TokenKey {
  const kid = createHmac('sha256', secret).update('lingomate-auth key id').digest('base64url').slice(0, 16);
  return { header: { alg, typ: TOKEN_TYPE, kid }, key: createSecretKey(secret, 'utf8') };
}

/** The keys of HS256 and its kin: the UTF-8 bytes of SECRET_KEY, and of the one before it, which only verifies. */
export function createSecretKeys({
  algorithm,
  secretKey,
  previousSecretKey,
}: {
  algorithm: SecretAlgorithm;
  secretKey: string;
  previousSecretKey: string | undefined;
}): KeySource {
  const signing = toTokenKey(secretKey, algorithm);
  const verifying = [signing, ...(previousSecretKey === undefined ? [] : [toTokenKey(previousSecretKey, algorithm)])];
  const byHeader = new Map(verifying.map(({ header, key }) => [encodedHeader(header), key]));
  return {
    signing: () => signing,
    find: (header) => byHeader.get(header),
    publicKeys: () => [],
    load: () => Promise.resolve(),
  };
}
