import type { KeyObject } from 'node:crypto';
import type { KeyPairAlgorithm } from '../../../config/index.js';
import { type Database, LOCKS } from '../../adapters/database.js';
import { OPERATOR, SYSTEM } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import { type DerivedKeys, deriveKeys, type RootKeys } from '../../lib/derived-key.js';
import type { SigningKey, SigningKeyModel } from '../../models/signing-key.model.js';
import type { AuditService } from '../audit/audit.service.js';
import { type KeyMaterial, makeKeyMaterial, openPrivateKey, reseal } from './key-material.js';
import { createKeyRing } from './key-ring.js';
import type { KeyFacts, KeySource } from './token-key.js';

/**
 * How long a new key is published before it signs, unless the caller names a longer time: longer than `jose` and the middleware
 * of this package keep the key set (30 s), so that a verifier has the key of every token that it gets.
 */
export const ANNOUNCED_SECONDS = 60;

/** When a new key signs; one that is `atOnce` also withdraws all others. */
export interface Rotation {
  readonly atOnce: boolean;
  /** Longer where verifiers or proxies keep the key set longer. */
  readonly announcedSeconds?: number | undefined;
}

interface Parts {
  readonly algorithm: KeyPairAlgorithm;
  readonly rootKeys: RootKeys;
  readonly lifetimeSeconds: number;
  readonly model: SigningKeyModel;
  readonly database: Database;
  readonly audit: AuditService;
  readonly clock: Clock;
}

/** When a new key is for: the first of all, the next one, or at once in the place of all others. */
type Purpose = 'first' | 'next' | 'at once';

export interface KeyPairs extends KeySource {
  /** Makes a new key pair, which signs once verifiers have it. */
  rotate(rotation: Rotation): Promise<KeyFacts>;
  list(): Promise<KeyFacts[]>;
}

/** Key pairs that live in the database and are shared by all processes; the first is made by whoever starts first. */
export function createKeyPairs(parts: Parts): KeyPairs {
  const { algorithm, rootKeys, model, clock } = parts;
  const sealingKeys = deriveKeys(rootKeys, 'signing keys at rest');
  const ring = createKeyRing(parts, clock);
  const privateKeys = new Map<string, KeyObject>();

  /** Opened once: it costs, and the log-in that needs it waits. */
  const privateKeyOf = (row: SigningKey): KeyObject => {
    const key = privateKeys.get(row.kid) ?? openPrivateKey(sealingKeys, row);
    privateKeys.set(row.kid, key);
    return key;
  };
  const read = async (): Promise<void> => {
    ring.fill(await model.inOrder(algorithm));
  };

  return {
    signing: () => {
      const { header, row } = ring.current();
      return { header, key: privateKeyOf(row) };
    },
    find: (header) => ring.find(header),
    publicKeys: () => ring.publicKeys(),
    load: async () => {
      await read();
      if (ring.isEmpty) {
        await add(parts, await makeKeyMaterial(algorithm, sealingKeys.current), 'first');
        await read();
      }
      privateKeyOf(ring.current().row);
      if (rootKeys.previous !== undefined) await resealAll(parts, sealingKeys);
    },
    rotate: async ({ atOnce, announcedSeconds }) => {
      await read();
      // Under another ROOT_KEY no process could open the new key, and signing would stop when its time comes.
      if (!atOnce && !ring.isEmpty) privateKeyOf(ring.current().row);
      const material = await makeKeyMaterial(algorithm, sealingKeys.current);
      await add(parts, material, atOnce ? 'at once' : 'next', announcedSeconds);
      await read();
      const made = ring.facts().find(({ kid }) => kid === material.kid);
      if (made === undefined) throw new TypeError('a key that was made is there');
      return made;
    },
    list: async () => {
      await read();
      return ring.facts();
    },
  };
}

/** Seals every private half that is still sealed under the previous ROOT_KEY under the current one. */
async function resealAll({ algorithm, model, database }: Parts, sealingKeys: DerivedKeys): Promise<void> {
  await database.transaction(async (transaction) => {
    await database.lock(transaction, LOCKS.makingKeys);
    for (const row of await model.inOrder(algorithm, transaction)) {
      const sealed_private_key = reseal(sealingKeys, row);
      if (sealed_private_key !== undefined) await model.update({ sealed_private_key }, { where: { kid: row.kid }, transaction });
    }
  });
}

/** Of several processes that make the first key at once, one does. */
async function add(
  { algorithm, model, database, audit, clock }: Parts,
  material: KeyMaterial,
  purpose: Purpose,
  announcedSeconds = ANNOUNCED_SECONDS,
): Promise<void> {
  await database.transaction(async (transaction) => {
    await database.lock(transaction, LOCKS.makingKeys);
    const others = await model.inOrder(algorithm, transaction);
    if (purpose === 'first' && others.length > 0) return;
    const now = new Date(clock.now());
    if (purpose === 'at once') await model.update({ withdrawn_at: now }, { where: { algorithm, withdrawn_at: null }, transaction });
    const signs_from = purpose === 'next' && others.length > 0 ? new Date(clock.now() + announcedSeconds * 1000) : now;
    await model.create({ ...material, algorithm, created_at: now, signs_from, withdrawn_at: null }, { transaction });
    const by = purpose === 'first' ? SYSTEM : OPERATOR;
    audit.record({ type: 'signing_key.rotated', by, details: { kid: material.kid, at_once: purpose === 'at once' } }, transaction);
  });
}
