import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import type { OneTimeToken, OneTimeTokenModel } from '../models/one-time-token.model.js';

const THREE_DAYS = 3 * 24 * 60;
/**
 * How many minutes a token of each purpose is valid: ten for what proves something (ASVS 6.5.5). An invitation waits for its
 * reader, and a rejection, which only removes an unverified address, is of use to a user who reads the mail later.
 */
export const TOKEN_MINUTES = { email_verification: 10, email_rejection: THREE_DAYS, password_reset: 10, invitation: THREE_DAYS } as const;
export type TokenPurpose = keyof typeof TOKEN_MINUTES;

/** Used tokens of these purposes are kept until they expire, so that a repeated request gets the same response. */
const KEPT_WHEN_USED: ReadonlySet<TokenPurpose> = new Set<TokenPurpose>(['email_verification']);

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
export interface TokenFacts<Purpose extends TokenPurpose = TokenPurpose> {
  readonly id: string;
  readonly userId: number;
  readonly purpose: Purpose;
  /** The address that it went to, folded; null where it was handed over. */
  readonly emailFold: string | null;
  /** The administrator or operator who was given the token to hand over; null where it was mailed to its user. */
  readonly issuer: Issuer | null;
}

/** Who issued a token, as the audit names an actor. */
export type Issuer = Pick<Doer, 'kind' | 'id'>;

/** What a token is issued for; `userId` null does the same work for an absent account. */
interface NewToken {
  readonly purpose: TokenPurpose;
  readonly userId: number | null;
  readonly emailFold: string | null;
  readonly issuer?: Issuer;
}

export interface OneTimeTokenService {
  /** A new token, in the transaction that sends it. */
  issue(whose: NewToken, transaction: Transaction): Promise<IssuedToken>;
  /**
   * What a token of one of these purposes is good for, without using it; also of a used one whose purpose keeps it. Throws
   * `token_invalid_or_expired`.
   */
  read<Purpose extends TokenPurpose>(token: string, purposes: readonly Purpose[]): Promise<TokenFacts<Purpose>>;
  /** Whether `read` would take it. */
  isGood(token: string, purposes: readonly TokenPurpose[]): Promise<boolean>;
  /**
   * Uses a token. Of any number of parallel uses one gets `used`. The others get `used_before` where the purpose keeps used
   * tokens; otherwise they throw `token_invalid_or_expired`.
   */
  use(facts: TokenFacts, transaction: Transaction): Promise<'used' | 'used_before'>;
  /** Voids a user's unused tokens of these purposes. */
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
  const find = async <Purpose extends TokenPurpose>(
    token: string,
    purposes: readonly Purpose[],
  ): Promise<TokenFacts<Purpose> | undefined> => {
    const hashes = FORM.test(token) ? purposes.flatMap((purpose) => keys.all.map((key) => hash(key, token, purpose))) : [];
    const row = hashes.length === 0 ? null : await model.findOne({ where: { token_hash: hashes } });
    const purpose = purposes.find((one) => one === row?.purpose);
    const userId = row?.user_id ?? null;
    if (row === null || userId === null || purpose === undefined || !isInTime(row)) return undefined;
    return { id: row.id, userId, purpose, emailFold: row.email_fold, issuer: issuerOf(row) };
  };

  return {
    issue: async (whose, transaction) => {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const row = newRow(whose, hash(keys.current, token, whose.purpose), clock.now());
      await model.create(row, { transaction });
      return { token, expiresAt: row.expires_at };
    },
    read: async (token, purposes) => {
      const facts = await find(token, purposes);
      if (facts === undefined) throw worthless();
      return facts;
    },
    isGood: async (token, purposes) => (await find(token, purposes)) !== undefined,
    use: async ({ id, purpose }, transaction) => {
      const row = await model.findByPk(id, { transaction, lock: true });
      if (row === null || !isInTime(row)) throw worthless();
      if (row.used_at !== null) return 'used_before';
      if (KEPT_WHEN_USED.has(purpose)) await row.update({ used_at: new Date(clock.now()) }, { transaction });
      else await row.destroy({ transaction });
      return 'used';
    },
    discard: async (userId, purposes, transaction) => {
      // A used token only makes its own repeat harmless.
      await model.destroy({ where: { user_id: userId, purpose: [...purposes], used_at: null }, transaction });
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

const newRow = ({ purpose, userId, emailFold, issuer }: NewToken, hash: string, now: number) => ({
  id: randomUUID(),
  user_id: userId,
  purpose,
  token_hash: hash,
  email_fold: emailFold,
  created_at: new Date(now),
  expires_at: new Date(now + TOKEN_MINUTES[purpose] * 60_000),
  used_at: null,
  issuer_kind: issuer?.kind ?? null,
  issuer_id: issuer?.id ?? null,
});

const ISSUER_KINDS = ['user', 'operator'] as const;

function issuerOf({ issuer_kind, issuer_id }: OneTimeToken): Issuer | null {
  const kind = ISSUER_KINDS.find((one) => one === issuer_kind);
  return kind === undefined ? null : { kind, id: issuer_id };
}

const worthless = (): AppError => new AppError('token_invalid_or_expired');
