import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Clock } from '../lib/clock.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import type { OneTimeToken, OneTimeTokenModel } from '../models/one-time-token.model.js';

/** How long a token of each purpose is good for (ASVS 6.5.5: ten minutes for what comes out of band; an invitation waits for its reader). */
export const TOKEN_MINUTES = { email_verification: 10, password_reset: 10, invitation: 3 * 24 * 60 } as const;
export type TokenPurpose = keyof typeof TOKEN_MINUTES;

/** 256 bits (ASVS 7.2.3 asks for 128): nobody guesses one, so a plain keyed hash keeps it (ASVS 6.5.2). */
const TOKEN_BYTES = 32;
const FORM = /^[A-Za-z0-9_-]{43}$/;
const PRUNED_AT_ONCE = 1000;

/** A token as whoever gets it holds it. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** What a token is good for, and whose it is. */
export interface TokenFacts {
  readonly id: string;
  readonly userId: number;
  readonly purpose: TokenPurpose;
  /** The address that it went to, folded; null where it was handed over. */
  readonly emailFold: string | null;
}

export interface OneTimeTokenService {
  /** A new token, in the transaction that sends it. `userId` null does the same work for nobody. */
  issue(whose: { purpose: TokenPurpose; userId: number | null; emailFold: string | null }, transaction: Transaction): Promise<IssuedToken>;
  /** What a token of one of these purposes is good for, without using it. Throws `token_invalid_or_expired`. */
  read(token: string, purposes: readonly TokenPurpose[]): Promise<TokenFacts>;
  /** Whether `read` would take it. */
  isGood(token: string, purposes: readonly TokenPurpose[]): Promise<boolean>;
  /** Uses a token up: of any number at once, one does. Throws `token_invalid_or_expired` for all others. */
  use(facts: TokenFacts, transaction: Transaction): Promise<void>;
  /** Makes a user's tokens of these purposes worthless. */
  discard(userId: number, purposes: readonly TokenPurpose[], transaction: Transaction): Promise<void>;
  /** Makes everybody's tokens worthless, and says how many there were. */
  discardAll(transaction: Transaction): Promise<number>;
  /** Removes what has run out; as much as one transaction may take, and whether there is more. */
  prune(): Promise<boolean>;
}

interface Parts {
  readonly model: OneTimeTokenModel;
  readonly database: Database;
  readonly rootKeys: RootKeys;
  readonly clock: Clock;
}

/** Tokens that do one thing once (ASVS 6.5.1). */
export function createOneTimeTokenService({ model, database, rootKeys, clock }: Parts): OneTimeTokenService {
  const keys = deriveKeys(rootKeys, 'one-time tokens');
  /** With the purpose in it: a token for one thing is none for another. */
  const hash = (key: Buffer, token: string, purpose: TokenPurpose): string =>
    createHmac('sha256', key).update(`${purpose}.${token}`).digest('base64url');
  const isInTime = (row: OneTimeToken): boolean => row.expires_at.getTime() > clock.now();
  const find = async (token: string, purposes: readonly TokenPurpose[]): Promise<TokenFacts | undefined> => {
    const hashes = FORM.test(token) ? purposes.flatMap((purpose) => keys.all.map((key) => hash(key, token, purpose))) : [];
    const row = hashes.length === 0 ? null : await model.findOne({ where: { token_hash: hashes } });
    const purpose = purposes.find((one) => one === row?.purpose);
    const userId = row?.user_id ?? null;
    if (row === null || userId === null || purpose === undefined || !isInTime(row)) return undefined;
    return { id: row.id, userId, purpose, emailFold: row.email_fold };
  };

  return {
    issue: async ({ purpose, userId, emailFold }, transaction) => {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const now = clock.now();
      const expiresAt = new Date(now + TOKEN_MINUTES[purpose] * 60_000);
      await model.create(
        {
          id: randomUUID(),
          user_id: userId,
          purpose,
          token_hash: hash(keys.current, token, purpose),
          email_fold: emailFold,
          created_at: new Date(now),
          expires_at: expiresAt,
        },
        { transaction },
      );
      return { token, expiresAt };
    },
    read: async (token, purposes) => {
      const facts = await find(token, purposes);
      if (facts === undefined) throw worthless();
      return facts;
    },
    isGood: async (token, purposes) => (await find(token, purposes)) !== undefined,
    use: async ({ id }, transaction) => {
      const row = await model.findByPk(id, { transaction, lock: true });
      const used = row !== null && isInTime(row) ? await model.destroy({ where: { id }, transaction }) : 0;
      if (used !== 1) throw worthless();
    },
    discard: async (userId, purposes, transaction) => {
      await model.destroy({ where: { user_id: userId, purpose: [...purposes] }, transaction });
    },
    discardAll: (transaction) => model.destroy({ where: {}, transaction }),
    prune: async () => {
      const before = new Date(clock.now());
      const removed = await database.transaction((transaction) => model.deleteExpired(before, PRUNED_AT_ONCE, transaction), {
        ahead: true,
      });
      return removed === PRUNED_AT_ONCE;
    },
  };
}

const worthless = (): AppError => new AppError('token_invalid_or_expired');
