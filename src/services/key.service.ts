import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Algorithm } from '../../config/index.js';

/** RFC 9068 §2.1: keeps any other kind of token from passing as an access token. */
const TYPE = 'at+jwt';

/** The JOSE header of a token that is signed with a key. */
export interface TokenHeader {
  readonly alg: Algorithm;
  readonly typ: string;
  readonly kid: string;
}

export interface TokenKey {
  readonly header: TokenHeader;
  readonly key: KeyObject;
}

export interface KeyService {
  readonly algorithm: Algorithm;
  readonly signing: TokenKey;
  /**
   * The key that tokens with this first part are verified with. Headers are ours to the letter or not at all: none is
   * parsed, so no `alg`, `kid`, `jku`, `jwk` or `crit` of a stranger is ever looked at (RFC 8725 §3.1, §3.10).
   */
  find(encodedHeader: string): KeyObject | undefined;
}

/** Named after its bytes, so that every process that shares a key gives it one name. */
function toTokenKey(secret: string, alg: Algorithm): TokenKey {
  const kid = createHmac('sha256', secret).update('lingomate-auth key id').digest('base64url').slice(0, 16);
  return { header: { alg, typ: TYPE, kid }, key: createSecretKey(secret, 'utf8') };
}

const encode = (header: TokenHeader): string => Buffer.from(JSON.stringify(header)).toString('base64url');

/** The keys that access tokens are signed and verified with: the UTF-8 bytes of SECRET_KEY, and of the one before it. */
export function createKeyService({
  algorithm,
  secretKey,
  previousSecretKey,
}: {
  algorithm: Algorithm;
  secretKey: string;
  previousSecretKey: string | undefined;
}): KeyService {
  const signing = toTokenKey(secretKey, algorithm);
  const verifying = [signing, ...(previousSecretKey === undefined ? [] : [toTokenKey(previousSecretKey, algorithm)])];
  const byHeader = new Map(verifying.map(({ header, key }) => [encode(header), key]));
  return { algorithm, signing, find: (encodedHeader) => byHeader.get(encodedHeader) };
}
