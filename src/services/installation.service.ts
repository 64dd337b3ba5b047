import type { Transaction } from 'sequelize';
import { type Database, LOCKS } from '../adapters/database.js';
import { StartError } from '../errors/start-error.js';
import { OPERATOR, SYSTEM } from '../lib/actor.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import { INSTALLATION_ID, type InstallationModel } from '../models/installation.model.js';
import type { Logger } from '../observability/logger.js';
import type { AuditService } from './audit/audit.service.js';
import type { KeyService } from './key/key.service.js';

/** How the configured root keys relate to the database. */
export type RootKeyMatch = 'current' | 'previous' | 'none' | 'unknown';

export interface InstallationService {
  /** Compares the root keys with the stored fingerprint: `unknown` where none is stored, `none` where neither key matches it. */
  matchRootKey(): Promise<RootKeyMatch>;
  /**
   * Stores the fingerprint of ROOT_KEY at the first start, and replaces that of ROOT_KEY_PREVIOUS, recorded in the audit.
   * Throws StartError where the database was used with another key.
   */
  verifyRootKey(): Promise<void>;
  /** Uses the database with ROOT_KEY from now on, whatever it was used with before: key pairs are withdrawn. */
  acceptRootKey(): Promise<void>;
  /** Stores the fingerprint of ROOT_KEY in that transaction, as a restore does. */
  keepFingerprint(transaction: Transaction): Promise<void>;
}

export const WRONG_ROOT_KEY =
  'ROOT_KEY is not the one that this database was used with. Set that one, or set it as ROOT_KEY_PREVIOUS; if it is lost, run: npm run -s cli -- keys accept-root-key';

interface Parts {
  readonly model: InstallationModel;
  readonly database: Database;
  readonly rootKeys: RootKeys;
  readonly audit: AuditService;
  readonly keys: KeyService;
  readonly logger: Logger;
}

/** Keeps the fingerprint of ROOT_KEY, so that a wrong or lost one is reported at start. */
export function createInstallationService({ model, database, rootKeys, audit, keys, logger }: Parts): InstallationService {
  const [current = '', previous] = deriveKeys(rootKeys, 'root key fingerprint').all.map((key) => key.toString('base64url'));
  const match = async (transaction?: Transaction): Promise<RootKeyMatch> => {
    const stored = (await model.findByPk(INSTALLATION_ID, transaction ? { transaction } : {}))?.root_key_fingerprint;
    if (stored === undefined) return 'unknown';
    if (stored === current) return 'current';
    return stored === previous ? 'previous' : 'none';
  };
  const keepFingerprint = async (transaction: Transaction): Promise<void> => {
    await model.destroy({ where: { id: INSTALLATION_ID }, transaction });
    await model.create({ id: INSTALLATION_ID, root_key_fingerprint: current }, { transaction });
  };
  /** Of several processes that start at once, one writes. */
  const alone = (work: (found: RootKeyMatch, transaction: Transaction) => Promise<void>): Promise<void> =>
    database.transaction(async (transaction) => {
      await database.lock(transaction, LOCKS.makingKeys);
      await work(await match(transaction), transaction);
    });

  return {
    matchRootKey: () => match(),
    keepFingerprint,
    verifyRootKey: async () => {
      const found = await match();
      if (found === 'current') return;
      if (found === 'none') throw new StartError(WRONG_ROOT_KEY);
      await alone(async (now, transaction) => {
        if (now === 'none') throw new StartError(WRONG_ROOT_KEY);
        if (now === 'current') return;
        await keepFingerprint(transaction);
        if (now === 'previous') audit.record({ type: 'root_key.replaced', by: SYSTEM, details: { previous_lost: false } }, transaction);
      });
      if (found === 'previous') logger.info('The database is now used with the new ROOT_KEY; ROOT_KEY_PREVIOUS still opens and verifies');
    },
    acceptRootKey: () =>
      alone(async (found, transaction) => {
        if (found === 'current') return;
        await keepFingerprint(transaction);
        await keys.withdrawAll(transaction);
        audit.record({ type: 'root_key.replaced', by: OPERATOR, details: { previous_lost: true } }, transaction);
      }),
  };
}
