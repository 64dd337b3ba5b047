import { createHmac, randomInt, randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Clock } from '../lib/clock.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import type { RecoveryCodeModel } from '../models/recovery-code.model.js';

/** So many at a time (ASVS 6.4.6: an account has a way back that was set up before it was needed). */
export const RECOVERY_CODES = 10;
/** Digits and letters that nobody mistakes for another (Crockford's base 32). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 28 characters are 140 bits: nobody guesses one (ASVS 11.5.1 asks for 128), so a keyed hash may keep it (ASVS 6.5.2). */
const GROUPS = 4;
const GROUP_CHARACTERS = 7;
/** A longer text is no code, however it is spaced. */
const MOST_CHARACTERS = 64;

/** How many codes a user has, and when they were made; null where there are none. */
export interface RecoveryCodeSummary {
  readonly remaining: number;
  readonly createdAt: Date | null;
}

export interface RecoveryCodeService {
  /** How many codes a user has left. */
  summary(userId: number, transaction?: Transaction): Promise<RecoveryCodeSummary>;
  /** Removes a user's codes, and returns how many there were. */
  removeAll(userId: number, transaction: Transaction): Promise<number>;
  /** New codes in place of those a user has: `XXXXXXX-XXXXXXX-XXXXXXX-XXXXXXX` each. They are in no other answer, ever. */
  replace(userId: number, transaction: Transaction): Promise<string[]>;
  /** Whether it is one of that user's codes, without using it; for nobody (undefined) the same work and false. */
  isGood(userId: number | undefined, code: string): Promise<boolean>;
  /** Uses a code up and says whether it was good: of any number at once, one is. */
  use(userId: number, code: string, transaction: Transaction): Promise<boolean>;
}

interface Parts {
  readonly model: RecoveryCodeModel;
  readonly rootKeys: RootKeys;
  readonly clock: Clock;
}

/** Codes by which a user who has lost the password sets a new one. */
export function createRecoveryCodeService({ model, rootKeys, clock }: Parts): RecoveryCodeService {
  const keys = deriveKeys(rootKeys, 'recovery codes');
  const hash = (key: Buffer, userId: number, code: string): string =>
    createHmac('sha256', key)
      .update(`${userId}.${asDrawn(code)}`)
      .digest('base64url');

  const hashes = (userId: number, code: string): string[] => keys.all.map((key) => hash(key, userId, code));

  return {
    summary: async (userId, transaction) => {
      const where = { where: { user_id: userId }, ...(transaction === undefined ? {} : { transaction }) };
      const newest = await model.findOne({ ...where, order: [['created_at', 'DESC']] });
      return { remaining: newest === null ? 0 : await model.count(where), createdAt: newest?.created_at ?? null };
    },
    removeAll: (userId, transaction) => model.destroy({ where: { user_id: userId }, transaction }),
    replace: async (userId, transaction) => {
      const codes = Array.from({ length: RECOVERY_CODES }, drawCode);
      const created_at = new Date(clock.now());
      await model.destroy({ where: { user_id: userId }, transaction });
      await model.bulkCreate(
        codes.map((code) => ({ id: randomUUID(), user_id: userId, code_hash: hash(keys.current, userId, code), created_at })),
        { transaction },
      );
      return codes;
    },
    isGood: async (userId = 0, code) => (await model.findOne({ where: { user_id: userId, code_hash: hashes(userId, code) } })) !== null,
    use: async (userId, code, transaction) =>
      (await model.destroy({ where: { user_id: userId, code_hash: hashes(userId, code) }, transaction })) === 1,
  };
}

const drawCode = (): string =>
  Array.from({ length: GROUPS }, () => Array.from({ length: GROUP_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')).join(
    '-',
  );

/** However it was typed: without case and spacing, and with the letters that stand for the digits they look like. */
const asDrawn = (code: string): string =>
  code.slice(0, MOST_CHARACTERS).toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
