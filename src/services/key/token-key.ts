import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import type { Algorithm } from '../../../config/index.js';

/** RFC 9068 §2.1: keeps any other kind of token from passing as an access token. */
export const TOKEN_TYPE = 'at+jwt';

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

/** A public key as others read it (RFC 7517). */
export type PublicKey = JWK & {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly use: 'sig';
};

/** What may be told of a key. */
export interface KeyFacts {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly createdAt: Date;
  readonly signsFrom: Date;
  /** Null for as long as no other follows it. */
  readonly verifiesUntil: Date | null;
  readonly signing: boolean;
}

/** Where keys come from. */
export interface KeySource {
  /** The key that signs now. */
  signing(): TokenKey;
  /**
   * The key that tokens with this first part are verified with. Headers are ours to the letter or not at all: none is
   * parsed, so no `alg`, `kid`, `jku`, `jwk` or `crit` of a stranger is ever looked at (RFC 8725 §3.1, §3.10).
   */
  find(encodedHeader: string): KeyObject | undefined;
  /** The public halves of those that verify; none of shared secrets. */
  publicKeys(): PublicKey[];
  /** Reads what is there now. Throws StartError where ROOT_KEY does not open it, and what the database says. */
  load(): Promise<void>;
}

/** A header as it stands in a token. */
export const encodedHeader = (header: TokenHeader): string => Buffer.from(JSON.stringify(header)).toString('base64url');
