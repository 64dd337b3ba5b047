import { createPublicKey, type KeyObject } from 'node:crypto';
import type { KeyPairAlgorithm } from '../../../config/index.js';
import type { Clock } from '../../lib/clock.js';
import type { SigningKey } from '../../models/signing-key.model.js';
import { encodedHeader, type KeyFacts, type PublicKey, TOKEN_TYPE, type TokenHeader } from './token-key.js';

/** Beyond the life of a token, for clocks that differ. */
const MARGIN_MS = 60_000;

interface RingKey {
  readonly header: TokenHeader;
  readonly key: KeyObject;
  readonly jwk: PublicKey;
  readonly signsFrom: number;
  /** It no longer verifies from then on. */
  readonly until: number;
  readonly row: SigningKey;
}

/** The key pairs that were read last, and which of them is good for what now. */
export interface KeyRing {
  /** Takes what was read, in the order in which they sign. */
  fill(rows: readonly SigningKey[]): void;
  readonly isEmpty: boolean;
  /** The one that signs now. */
  current(): { readonly header: TokenHeader; readonly row: SigningKey };
  find(header: string): KeyObject | undefined;
  publicKeys(): PublicKey[];
  facts(): KeyFacts[];
}

interface Settings {
  readonly algorithm: KeyPairAlgorithm;
  readonly lifetimeSeconds: number;
}

export function createKeyRing({ algorithm, lifetimeSeconds }: Settings, clock: Clock): KeyRing {
  let keys: readonly RingKey[] = [];
  let byHeader: ReadonlyMap<string, RingKey> = new Map();

  const isGood = ({ until }: RingKey): boolean => clock.now() < until;
  const current = (): RingKey => {
    const now = clock.now();
    // Where the clock was put back, the oldest is the one that everybody has.
    const key = keys.findLast(({ signsFrom }) => signsFrom <= now) ?? keys[0];
    if (key === undefined) throw new TypeError('the keys were not loaded');
    return key;
  };
  const toRingKey = (row: SigningKey, next: SigningKey | undefined): RingKey => ({
    row,
    // Tokens of the last moment before the next one signs live so long.
    until: next === undefined ? Infinity : next.signs_from.getTime() + lifetimeSeconds * 1000 + MARGIN_MS,
    signsFrom: row.signs_from.getTime(),
    header: { alg: algorithm, typ: TOKEN_TYPE, kid: row.kid },
    key: createPublicKey({ key: row.public_jwk, format: 'jwk' }),
    jwk: { ...row.public_jwk, kid: row.kid, alg: algorithm, use: 'sig' },
  });
  return {
    fill: (rows) => {
      keys = rows.map((row, index) => toRingKey(row, rows[index + 1]));
      byHeader = new Map(keys.map((key) => [encodedHeader(key.header), key]));
    },
    get isEmpty() {
      return keys.length === 0;
    },
    current,
    find: (header) => {
      const key = byHeader.get(header);
      return key !== undefined && isGood(key) ? key.key : undefined;
    },
    publicKeys: () => keys.filter(isGood).map(({ jwk }) => jwk),
    facts: () =>
      keys.filter(isGood).map((key) => ({
        kid: key.row.kid,
        algorithm,
        createdAt: key.row.created_at,
        signsFrom: key.row.signs_from,
        verifiesUntil: Number.isFinite(key.until) ? new Date(key.until) : null,
        signing: key === current(),
      })),
  };
}
