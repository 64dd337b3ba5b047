import type { Transaction } from 'sequelize';
import { type Algorithm, type Config, isKeyPairAlgorithm } from '../../../config/index.js';
import type { Database } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import type { Clock } from '../../lib/clock.js';
import type { RootKeys } from '../../lib/derived-key.js';
import type { SigningKeyModel } from '../../models/signing-key.model.js';
import type { AuditService } from '../audit/audit.service.js';
import { createKeyPairs, type Rotation } from './key-pairs.js';
import { createSecretKeys } from './secret-keys.js';
import type { KeyFacts, KeySource } from './token-key.js';

export interface KeyService extends KeySource {
  readonly algorithm: Algorithm;
  /** Whether keys can change while the process runs. */
  readonly changes: boolean;
  /**
   * Makes a new key pair, which is published now and signs after `announcedSeconds` (60). The previous key verifies for one more
   * token lifetime after that. `atOnce` is for a key that may be known to others: the new one signs now, and no other verifies.
   * Throws `conflict` where the key is a setting, and StartError where ROOT_KEY is not the one of the key before.
   */
  rotate(rotation: Rotation): Promise<KeyFacts>;
  /** Those that verify, in the order in which they sign. Throws `conflict` where the key is a setting. */
  list(): Promise<KeyFacts[]>;
  /** Withdraws every key pair, of whatever algorithm: whoever reads them next makes a new one. */
  withdrawAll(transaction: Transaction): Promise<void>;
}

interface Parts {
  readonly settings: Pick<Config['token'], 'algorithm' | 'secretKey' | 'previousSecretKey' | 'lifetimeSeconds'>;
  readonly rootKeys: RootKeys;
  readonly model: SigningKeyModel;
  readonly database: Database;
  readonly audit: AuditService;
  readonly clock: Clock;
}

/** The keys that access tokens are signed and verified with: of SECRET_KEY, or pairs in the database. */
export function createKeyService({ settings, ...parts }: Parts): KeyService {
  const { algorithm, secretKey, previousSecretKey, lifetimeSeconds } = settings;
  const withdrawAll = async (transaction: Transaction): Promise<void> => {
    const withdrawn_at = new Date(parts.clock.now());
    await parts.model.update({ withdrawn_at }, { where: { withdrawn_at: null }, transaction });
  };
  if (isKeyPairAlgorithm(algorithm)) {
    return { algorithm, changes: true, withdrawAll, ...createKeyPairs({ algorithm, lifetimeSeconds, ...parts }) };
  }
  if (secretKey === undefined) throw new TypeError('the settings let a shared secret be absent');
  const refuse = (): Promise<never> =>
    Promise.reject(
      new AppError('conflict', {
        details: { detail: `${algorithm} signs with SECRET_KEY: move it to SECRET_KEY_PREVIOUS, set a new one, and restart` },
      }),
    );
  const keys = createSecretKeys({ algorithm, secretKey, previousSecretKey });
  return { algorithm, changes: false, withdrawAll, ...keys, rotate: refuse, list: refuse };
}
