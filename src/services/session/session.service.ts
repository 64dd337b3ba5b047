import { randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Config } from '../../../config/index.js';
import type { Database } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import type { AccessTokenClaims } from '../../lib/access-token-claims.js';
import { type Acr, DEFAULT_ACR } from '../../lib/acr.js';
import { type Actor, byOwner, type Caller, type Client, type Doer, UNKNOWN_CLIENT } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { RootKeys } from '../../lib/derived-key.js';
import type { Page, PageRequest } from '../../lib/pagination.js';
import type { Roles } from '../../lib/roles.js';
import type { Models } from '../../models/index.js';
import type { Session } from '../../models/session.model.js';
import type { User } from '../../models/user.model.js';
import type { Logger } from '../../observability/logger.js';
import type { AuditDetails } from '../audit/audit-events.js';
import type { AuditService } from '../audit/audit.service.js';
import type { TokenService } from '../token.service.js';
import { createAccepting, type TokenFacts } from './accepting.js';
import { type Arrival, createArrivals } from './arrivals.js';
import { createSessionBound, type SessionBound } from './bound.js';
import { deviceOf, idleEnd } from './device.js';
import { createDenials } from './denials.js';
import { createEndings, type Ending } from './endings.js';
import { createGrants, type Grant } from './grants.js';
import { createHousekeeping } from './housekeeping.js';
import { createLogOut, doerOf, type LogOut } from './log-out.js';
import { withArrival } from './refresh-chain.js';
import { createRefreshTokens } from './refresh-token.js';
import { createRefreshing, noneFor } from './refreshing.js';
import { afterRefusal, createRejectedTokens } from './rejected-tokens.js';
import type { RevocationFeed, Revocations } from './revocations.js';

/** A session and whose it is, as an operator sees it. */
export interface NamedSession {
  readonly session: Session;
  readonly username: string;
}

/** An authentication as its session keeps it: its methods (RFC 8176) and its strength. */
export interface Authentication {
  readonly amr: readonly string[];
  readonly acr: Acr;
}

export interface SessionService extends LogOut {
  /**
   * Opens a session, in the transaction that has authenticated the user and holds the lock of their row. Ends the least
   * recently used of their other sessions where they would have more than SESSIONS_PER_USER.
   */
  open(logIn: { user: User; amr: readonly string[]; client: Client; details?: AuditDetails }, transaction: Transaction): Promise<Grant>;
  /**
   * Stores a step-up on the actor's session and returns an access token that carries it, of the generation of the token that
   * was presented. Throws `invalid_token` where the session has ended or that token was invalidated meanwhile.
   */
  stepUp(actor: Actor, user: User, authentication: Authentication, transaction: Transaction): Promise<Grant>;
  /**
   * The next tokens for a refresh token (RFC 6749 §6), by the rules of `refresh-chain`. Throws `invalid_grant` for what is
   * no token of a live session, `session_revoked`, and `refresh_token_reused`, which has ended the session; with `sessionEnded`
   * in the details where the token is one of a session that has ended.
   */
  refresh(refreshToken: string, client: Client): Promise<Grant>;
  /** The session that a refresh token says it is of, where it is one of ours to the letter, live or not; undefined otherwise. */
  sessionOf(refreshToken: string): string | undefined;
  /** Whether a session of that user has not been ended, as the transaction sees it. */
  isLive(actor: Pick<Actor, 'userId' | 'sessionId'>, transaction: Transaction): Promise<boolean>;
  /** The user and the session of a refresh token that a refresh would accept now; undefined for any other. */
  ownerOf(refreshToken: string): Promise<Pick<Actor, 'userId' | 'sessionId'> | undefined>;
  /**
   * The claims of an access token that is good and whose session was not revoked. The one way by which access tokens are
   * accepted. Throws `invalid_token`, which is recorded, and `unavailable` where what was revoked elsewhere can't be known (ASVS 7.4.1).
   */
  authenticate(accessToken: string, client?: Client): Promise<AccessTokenClaims>;
  /**
   * Checks that this service issued the token with these claims: see `TokenService.isOwn`. Throws `invalid_token`, which is
   * recorded, for one that a holder of SECRET_KEY has forged.
   */
  assertOwn(claims: AccessTokenClaims, client: Client): Promise<void>;
  /**
   * Checks the rows behind an access token: the session is live, and its user exists, is enabled and has the scope by their roles.
   * Throws `invalid_token` otherwise.
   */
  assertInForce(actor: Pick<Actor, 'userId' | 'sessionId'>, scope: string): Promise<void>;
  /** What is to be told of an access or refresh token; undefined where it is not good, a forged one of which is recorded. Throws `unavailable`. */
  inspect(token: string, caller?: Caller, client?: Client): Promise<TokenFacts | undefined>;
  /** A user's live sessions, newest first. Throws `validation_failed` for a cursor that is not ours. */
  list(userId: number, page: PageRequest): Promise<Page<Session>>;
  /** Ends one session of a user. Throws `not_found` where they have no such live session. */
  end(userId: number, sessionId: string, why: Ending): Promise<void>;
  /** The newest live sessions of everybody, or of one user. */
  newest(limit: number, userId?: number): Promise<NamedSession[]>;
  /** Ends one session, whosever it is. Throws `not_found` where there is no such live session. */
  endById(sessionId: string, why: Ending): Promise<void>;
  /** Ends a user's sessions, and says how many there were. */
  endAllNow(userId: number, why: Ending): Promise<number>;
  /** Ends a user's sessions, in the transaction of what is the reason; but for one, where it is named. */
  endAllOf(userId: number, why: Ending, transaction: Transaction, but?: string): Promise<number>;
  /**
   * Ends every session, and has every access token refused that was issued up to this second, also of sessions that this
   * database knows nothing of, as it was put back. `ahead` are those whose tokens a clock that was ahead has dated later.
   * Says how many sessions were live.
   */
  endEverything(ahead: readonly string[], transaction: Transaction): Promise<number>;
  /** Has a user's access tokens refused; their sessions go on, and the next refresh gives tokens of what is true then. */
  renewAllOf(userId: number, transaction: Transaction): Promise<void>;
  /**
   * Ends a user's sessions in slices ahead of a change that ends them all (but one, where it is named), so that the
   * transaction of the change stays short. Does nothing unless there are very many; correctness never depends on it.
   */
  endAhead(userId: number, why: Ending, but?: string): Promise<void>;
  /** The same ahead of a deletion, which removes the rows too. */
  removeAhead(userId: number, why: Ending, but?: string): Promise<void>;
  /** The same ahead of `renewAllOf`. */
  renewAhead(userId: number, by: Doer): Promise<void>;
  /** Whether a user has logged in from that address or with that browser before, as far as it is remembered; true for the very first time. */
  knowsDevice(userId: number, client: Client, transaction: Transaction): Promise<boolean>;
  /** What was revoked, for resource servers. Throws `validation_failed` for a cursor that is not ours. */
  revocations(cursor: string | undefined, limit: number): Promise<RevocationFeed>;
  /** Applies SESSIONS_PER_USER where accounts are over it, and removes what ended long ago; as much as one transaction may take, and whether there is more. */
  prune(): Promise<boolean>;
  /** Ends what is under way. */
  close(): Promise<void>;
}

const FIRST_COUNTER = 1;

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly tokens: TokenService;
  readonly revocations: Revocations;
  readonly audit: AuditService;
  readonly rootKeys: RootKeys;
  readonly roles: Roles;
  readonly settings: Config['session'];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The one owner of sessions: who opens, continues, accepts and ends them. */
export function createSessionService(parts: Parts): SessionService {
  const { models, database, tokens, revocations, audit, rootKeys, roles, settings, clock, logger } = parts;
  const refreshTokens = createRefreshTokens(rootKeys);
  const arrivals = createArrivals(
    (batch) => database.transaction((transaction) => writeArrivals(models, batch, clock, transaction), { ahead: true }),
    (error) => {
      logger.warn({ err: error }, 'which tokens were seen could not be written; it is tried again');
    },
  );
  const endings = createEndings({ model: models.Session, revocations, database, audit, clock, logger });
  const bound = createSessionBound({ model: models.Session, database, endings, perUser: settings.perUser, clock });
  const grant = createGrants({ tokens, refreshTokens, roles, clock });
  const { idleSeconds } = settings;
  const refreshing = createRefreshing({ models, database, refreshTokens, arrivals, revocations, endings, grant, idleSeconds, clock });
  const noteArrival = (sessionId: string, counter: number): void => {
    // Nothing came before the first.
    if (counter > FIRST_COUNTER) arrivals.note(sessionId, counter, clock.now());
  };
  const accepting = createAccepting({ models, tokens, revocations, refreshing, roles, noteArrival, clock });
  const denials = createDenials({ Session: models.Session, audit });
  const rejected = createRejectedTokens({ audit, tokens, refreshTokens });
  const sessionOfAny = async (token: string): Promise<string | undefined> =>
    refreshTokens.read(token)?.sessionId ?? (await accepting.authenticate(token).catch(noneFor('invalid_token')))?.sid;

  return {
    assertInForce: accepting.assertInForce,
    assertOwn: async (claims, client) => {
      if (tokens.isOwn(claims)) return;
      await rejected.forged(claims, client);
      throw new AppError('invalid_token');
    },
    authenticate: (token, client = UNKNOWN_CLIENT) =>
      accepting.authenticate(token).catch(afterRefusal((code) => rejected.access(token, code, client))),
    inspect: async (token, caller = { kind: 'nobody' }, client = UNKNOWN_CLIENT) => {
      const facts = await accepting.inspect(token);
      if (facts === undefined) await rejected.any(token, doerOf(caller, client));
      return facts;
    },
    refresh: (token, client) => refreshing.refresh(token, client).catch(afterRefusal((code) => rejected.refresh(token, code, client))),
    sessionOf: (token) => refreshTokens.read(token)?.sessionId,
    isLive: async ({ userId, sessionId }, transaction) =>
      (await models.Session.count({ where: { id: sessionId, user_id: userId, ended_at: null }, transaction })) === 1,
    ownerOf: async (token) => {
      const good = await refreshing.findGood(token);
      return good && { userId: good.user.id, sessionId: good.session.id };
    },
    open: createOpening(parts, bound, grant),
    stepUp: createStepUp(parts, grant),
    ...createLogOut({ endings, refreshing, denials, rejected, sessionOf: sessionOfAny }),
    ...createHousekeeping({ models, database, endings, bound, denials, revocations, clock }),
    close: () => arrivals.close(),
  };
}

/** Opens sessions, and records who has logged in. */
const createOpening =
  (
    { models, audit, settings, clock }: Parts,
    bound: SessionBound,
    grant: (session: Session, user: User) => Grant,
  ): SessionService['open'] =>
  async ({ user, amr, client, details = {} }, transaction) => {
    const opening = newSession({ user, amr, client, settings, time: new Date(clock.now()) });
    const by = byOwner(user.id, client);
    await bound.makeRoom(user.id, by, transaction);
    const session = await models.Session.create(opening, { transaction });
    audit.record({ type: 'log_in.succeeded', by, userId: user.id, sessionId: session.id, details: { amr, ...details } }, transaction);
    return grant(session, user);
  };

/** Stores a step-up: the row is locked, so that neither a refresh nor a revocation at the same time is lost. */
const createStepUp =
  ({ models: { Session }, clock }: Parts, grant: ReturnType<typeof createGrants>): SessionService['stepUp'] =>
  async ({ sessionId, userId, generation }, user, { amr, acr }, transaction) => {
    const time = new Date(clock.now());
    const [session] = await Session.lockLive({ id: sessionId, user_id: userId }, time, transaction);
    if (session === undefined || generation <= session.refused_through) throw new AppError('invalid_token');
    const change = { amr: [...amr], acr, authenticated_at: time, last_used_at: time };
    if (!(await Session.changeVersion(session, change, transaction))) throw new AppError('unavailable');
    return grant(session.set(change), user, generation);
  };

interface Opening {
  readonly user: User;
  readonly amr: readonly string[];
  readonly client: Client;
  readonly settings: Config['session'];
  readonly time: Date;
}

function newSession({ user, amr, client, settings, time }: Opening) {
  const ends_at = new Date(time.getTime() + settings.longestSeconds * 1000);
  return {
    id: randomUUID(),
    user_id: user.id,
    ...deviceOf(client),
    amr: [...amr],
    acr: DEFAULT_ACR,
    authenticated_at: time,
    counter: FIRST_COUNTER,
    refused_through: 0,
    replaced: [],
    rotated_at: time,
    version: 1,
    created_at: time,
    last_used_at: time,
    expires_at: idleEnd(time, settings.idleSeconds, ends_at),
    ends_at,
    ended_at: null,
    end_reason: null,
  };
}

/** An arrival changes a session once a period, so two that meet are rare; the row is locked, so neither is lost. */
async function writeArrivals(
  { Session }: Models,
  batch: ReadonlyMap<string, Arrival>,
  clock: Clock,
  transaction: Transaction,
): Promise<void> {
  for (const session of await Session.lockLive({ id: [...batch.keys()] }, new Date(clock.now()), transaction)) {
    const arrival = batch.get(session.id);
    const replaced = arrival && withArrival(session.replaced, arrival.counter, arrival.at);
    if (arrival === undefined || replaced === undefined || replaced === session.replaced) continue;
    await Session.changeVersion(session, { replaced: [...replaced], last_used_at: new Date(arrival.at) }, transaction);
  }
}

export type { TokenFacts } from './accepting.js';
export type { LogOutScope } from './log-out.js';
export type { Ending } from './endings.js';
export type { Grant } from './grants.js';
