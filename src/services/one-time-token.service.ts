import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import type { Doer } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { deriveKeys, type RootKeys } from '../lib/derived-key.js';
import type { OneTimeToken, OneTimeTokenModel } from '../models/one-time-token.model.js';
import { TRIED_MS } from './outbox/back-off.js';

const TOKEN_PURPOSES = ['email_verification', 'email_rejection', 'password_reset', 'invitation'] as const;
export type TokenPurpose = (typeof TOKEN_PURPOSES)[number];

const HOUR = 60;
const THREE_DAYS = 3 * 24 * HOUR;
/**
 * How many minutes a token of each purpose is valid: ten for a reset, which sets a password (ASVS 6.5.5). A verification and an
 * invitation wait for their reader, and so does a rejection, which only removes an unverified address.
 */
const minutesOf = (verificationHours: number): Readonly<Record<TokenPurpose, number>> => ({
  email_verification: verificationHours * HOUR,
  email_rejection: THREE_DAYS,
  password_reset: 10,
  invitation: THREE_DAYS,
});

/** Used tokens of these purposes are kept until they are pruned, so that a repeated request gets the same response. */
const KEPT_WHEN_USED: ReadonlySet<TokenPurpose> = new Set<TokenPurpose>(['email_verification']);

/** 256 bits (ASVS 7.2.3 asks for 128): nobody guesses one, so a plain keyed hash keeps it (ASVS 6.5.2). */
const TOKEN_BYTES = 32;
const FORM = /^[A-Za-z0-9_-]{43}$/;
const PRUNED_AT_ONCE = 1000;

/** A token as whoever gets it holds it. */
export interface IssuedToken {
  readonly tokenId: string;
  readonly token: string;
  readonly expiresAt: Date;
  /** Its life, which begins anew with each delivery attempt of the mail that has it. */
  readonly minutes: number;
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
   * Begins the life of the tokens of a mail that is about to be sent. Returns false where the mail must not be sent: its first
   * token was used or voided, or its user was issued a later one of that purpose.
   */
  startLife(tokenIds: readonly string[], transaction: Transaction): Promise<boolean>;
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
  /** Removes what expired so long ago that no mail with it is sent any more; as much as one transaction may take, and whether there is more. */
  prune(): Promise<boolean>;
}

interface Parts {
  readonly model: OneTimeTokenModel;
  readonly database: Database;
  readonly rootKeys: RootKeys;
  readonly clock: Clock;
  /** How long the token of an e-mail verification is valid. */
  readonly verificationHours: number;
}

/** Tokens that do one thing once (ASVS 6.5.1). */
export function createOneTimeTokenService({ model, database, rootKeys, clock, verificationHours }: Parts): OneTimeTokenService {
  const keys = deriveKeys(rootKeys, 'one-time tokens');
  const minutes = minutesOf(verificationHours);
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
    if (row === null || userId === null || purpose === undefined || !(isInTime(row) || row.used_at !== null)) return undefined;
    return { id: row.id, userId, purpose, emailFold: row.email_fold, issuer: issuerOf(row) };
  };

  return {
    issue: async (whose, transaction) => {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const life = minutes[whose.purpose];
      const row = newRow(whose, hash(keys.current, token, whose.purpose), clock.now(), life);
      await model.create(row, { transaction });
      return { tokenId: row.id, token, expiresAt: row.expires_at, minutes: life };
    },
    startLife: createLifeStart(model, clock, minutes),
    read: async (token, purposes) => {
      const facts = await find(token, purposes);
      if (facts === undefined) throw worthless();
      return facts;
    },
    isGood: async (token, purposes) => (await find(token, purposes)) !== undefined,
    use: async ({ id, purpose }, transaction) => {
      const row = await model.findByPk(id, { transaction, lock: true });
      if (row !== null && row.used_at !== null) return 'used_before';
      if (row === null || !isInTime(row)) throw worthless();
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
      // The mail of an expired token may still be waiting for the mail server, and begins its life anew.
      const before = new Date(clock.now() - TRIED_MS);
      const removed = await database.transaction((transaction) => model.deleteExpired(before, PRUNED_AT_ONCE, transaction), {
        ahead: true,
      });
      return removed === PRUNED_AT_ONCE;
    },
  };
}

function createLifeStart(
  model: OneTimeTokenModel,
  clock: Clock,
  minutes: Readonly<Record<TokenPurpose, number>>,
): OneTimeTokenService['startLife'] {
  return async (tokenIds, transaction) => {
    const rows = await model.findAll({ where: { id: [...tokenIds], used_at: null }, transaction });
    const first = rows.find(({ id }) => id === tokenIds[0]);
    if (first === undefined || (await model.hasLater(first, transaction))) return false;
    for (const row of rows) {
      const purpose = TOKEN_PURPOSES.find((one) => one === row.purpose);
      if (purpose !== undefined) await row.update({ expires_at: expiry(clock.now(), minutes[purpose]) }, { transaction });
    }
    return true;
  };
}

const expiry = (now: number, minutes: number): Date => new Date(now + minutes * 60_000);

const newRow = ({ purpose, userId, emailFold, issuer }: NewToken, hash: string, now: number, minutes: number) => ({
  id: randomUUID(),
  user_id: userId,
  purpose,
  token_hash: hash,
  email_fold: emailFold,
  created_at: new Date(now),
  expires_at: expiry(now, minutes),
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
