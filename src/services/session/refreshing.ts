import { AppError } from '../../errors/app-error.js';
import type { Database } from '../../adapters/database.js';
import { byClient, type Client } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { Models } from '../../models/index.js';
import type { Session } from '../../models/session.model.js';
import type { User } from '../../models/user.model.js';
import type { Arrivals } from './arrivals.js';
import { deviceOf, idleEnd } from './device.js';
import type { Endings } from './endings.js';
import type { Grant } from './grants.js';
import { type Chain, judge, withArrival } from './refresh-chain.js';
import type { RefreshTokenParts, RefreshTokens } from './refresh-token.js';
import type { Revocations } from './revocations.js';

/** Each try but the last was beaten by another that changed the same session. */
const MOST_TRIES = 10;

/** A live session, its user, and what its refresh tokens are worth. */
interface Found {
  readonly session: Session;
  readonly user: User;
  readonly chain: Chain;
}

export interface Refreshing {
  /** See `SessionService.refresh`. */
  refresh(refreshToken: string, client: Client): Promise<Grant>;
  /** What a token says that is ours to the letter, whatever became of it. */
  readonly read: RefreshTokens['read'];
  /** The session of a refresh token that a refresh would take now; undefined for any other. */
  findGood(refreshToken: string): Promise<(Found & { readonly presented: number }) | undefined>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly refreshTokens: RefreshTokens;
  readonly arrivals: Arrivals;
  readonly revocations: Revocations;
  readonly endings: Endings;
  readonly grant: (session: Session, user: User) => Grant;
  readonly idleSeconds: number;
  readonly clock: Clock;
}

/** How refresh tokens are taken: see `refresh-chain` for the rules. */
export function createRefreshing(parts: Parts): Refreshing {
  const { refreshTokens, revocations, endings, grant, clock } = parts;
  const findLive = createFinder(parts);
  const rotate = createRotation(parts);

  /** Undefined where another changed the session meanwhile. */
  const attempt = async (token: RefreshTokenParts, client: Client): Promise<Grant | undefined> => {
    const found = await findLive(token);
    const verdict = judge(found.chain, token.counter, clock.now());
    if (verdict === 'unknown') throw new AppError('invalid_grant');
    if (verdict === 'reused') {
      // Committed before it is told, or telling it would undo it.
      await endings.endNow({ id: found.session.id }, { reason: 'refresh_token_reused', by: byClient(client) });
      throw ended('refresh_token_reused');
    }
    const current = verdict === 'rotate' ? await rotate(found, token.counter, client) : found.session;
    // The token that is asked about is still to be issued.
    const stands = current !== undefined && !revocations.refuses(current.id, current.counter, Infinity);
    return stands ? grant(current, found.user) : undefined;
  };

  return {
    read: (token) => refreshTokens.read(token),
    refresh: async (refreshToken, client) => {
      const token = refreshTokens.read(refreshToken);
      if (token === undefined) throw new AppError('invalid_grant');
      for (let tries = 0; tries < MOST_TRIES; tries += 1) {
        const granted = await attempt(token, client);
        if (granted) return granted;
      }
      throw new AppError('unavailable');
    },
    findGood: async (refreshToken) => {
      const token = refreshTokens.read(refreshToken);
      const found = token && (await findLive(token).catch(noneFor('session_revoked', 'invalid_grant')));
      if (token === undefined || found === undefined) return undefined;
      const verdict = judge(found.chain, token.counter, clock.now());
      return verdict === 'rotate' || verdict === 'repeat' ? { ...found, presented: token.counter } : undefined;
    },
  };
}

/** Finds the live session of a refresh token, with what was seen of it and is not written yet. */
const createFinder =
  ({ models: { Session, User }, arrivals, clock }: Parts) =>
  async ({ sessionId }: RefreshTokenParts): Promise<Found> => {
    // Asked before the row is read: what is written between the two would be in neither.
    const unwritten = arrivals.pending(sessionId);
    const session = await Session.findByPk(sessionId);
    if (session?.ended_at) throw ended('session_revoked');
    if (!session?.isLive(clock.now())) throw ended('invalid_grant');
    const user = await User.findByPk(session.user_id);
    if (!user || user.disabled_at) throw ended('session_revoked');
    const { counter, replaced, rotated_at, refused_through } = session;
    const chain: Chain = {
      counter,
      replaced: unwritten ? withArrival(replaced, unwritten.counter, unwritten.at) : replaced,
      rotatedAt: rotated_at.getTime(),
      refusedThrough: refused_through,
    };
    return { session, user, chain };
  };

const ended = (code: 'refresh_token_reused' | 'session_revoked' | 'invalid_grant'): AppError =>
  new AppError(code, { details: { sessionEnded: true } });

/** Makes a successor: one conditional UPDATE decides who does; undefined for everybody else. */
const createRotation =
  ({ models: { Session }, database, idleSeconds, clock }: Parts) =>
  async ({ session, chain }: Found, presented: number, client: Client): Promise<Session | undefined> => {
    const time = new Date(clock.now());
    const isNewest = presented === chain.counter;
    const change = {
      counter: chain.counter + 1,
      replaced: [...(isNewest ? withArrival(chain.replaced, presented, time.getTime()) : chain.replaced)],
      // How long an older one may still be retried is counted from its own first use.
      rotated_at: isNewest ? time : session.rotated_at,
      last_used_at: time,
      expires_at: idleEnd(time, idleSeconds, session.ends_at),
      ...deviceOf(client),
    };
    const won = await database.forClient(client).transaction((transaction) => Session.changeVersion(session, change, transaction));
    return won ? session.set(change) : undefined;
  };

/** Takes these faults for "none"; any other is thrown on. */
export const noneFor =
  (...codes: readonly string[]) =>
  (error: unknown): undefined => {
    if (!(error instanceof AppError && codes.includes(error.code))) throw error;
    return undefined;
  };
