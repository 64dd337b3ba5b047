import { randomUUID } from 'node:crypto';
import { Op, type Transaction } from 'sequelize';
import type { Config } from '../../../config/index.js';
import type { Database } from '../../adapters/database.js';
import { AppError } from '../../errors/app-error.js';
import { byClient, byOwner, byUser, type Caller, type Client, type Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { RootKeys } from '../../lib/derived-key.js';
import type { Page, PageRequest } from '../../lib/pagination.js';
import type { Roles } from '../../lib/roles.js';
import type { Models } from '../../models/index.js';
import type { Session } from '../../models/session.model.js';
import type { User } from '../../models/user.model.js';
import type { Logger } from '../../observability/logger.js';
import type { AuditService } from '../audit/audit.service.js';
import type { AccessTokenClaims, TokenService } from '../token.service.js';
import { type Arrival, createArrivals } from './arrivals.js';
import { deviceOf, idleEnd } from './device.js';
import { createEndings, type Ending, type Which } from './endings.js';
import { createGrants, type Grant } from './grants.js';
import { createHousekeeping } from './housekeeping.js';
import { withArrival } from './refresh-chain.js';
import { createRefreshTokens } from './refresh-token.js';
import { createRefreshing, noneFor, type Refreshing } from './refreshing.js';
import type { RevocationFeed, Revocations } from './revocations.js';

/** What is told of a token that is good (RFC 7662 §2.2); times are NumericDates, in seconds. */
export interface TokenFacts {
  readonly kind: 'access' | 'refresh';
  readonly sub: string;
  readonly username: string;
  readonly scope: string;
  readonly sid: string;
  readonly iat: number;
  readonly exp: number;
}

/** A session and whose it is, as an operator sees it. */
export interface NamedSession {
  readonly session: Session;
  readonly username: string;
}

/** Who asks to be logged out. */
export interface LogOutWho {
  readonly caller: Caller;
  readonly refreshToken: string | undefined;
  readonly client: Client;
}

/** Which sessions a log-out ends. */
export type LogOutScope = 'this' | 'others' | 'all';

export interface SessionService {
  /** A new session, in the transaction that has made sure of who logs in. */
  open(logIn: { user: User; amr: readonly string[]; client: Client }, transaction: Transaction): Promise<Grant>;
  /**
   * The next tokens for a refresh token (RFC 6749 §6), by the rules of `refresh-chain`. Throws `invalid_grant` for what is
   * no token of a live session, `session_revoked`, and `refresh_token_reused`, which has ended the session.
   */
  refresh(refreshToken: string, client: Client): Promise<Grant>;
  /** The session that a refresh token says it is of, where it is one of ours to the letter, live or not; undefined otherwise. */
  sessionOf(refreshToken: string): string | undefined;
  /**
   * The claims of an access token that is good and whose session was not revoked. The one way by which access tokens are
   * accepted. Throws `invalid_token`, and `unavailable` where what was revoked elsewhere can't be known (ASVS 7.4.1).
   */
  authenticate(accessToken: string): Promise<AccessTokenClaims>;
  /** What is to be told of an access or refresh token; undefined where it is not good. Throws `unavailable`. */
  inspect(token: string): Promise<TokenFacts | undefined>;
  /** Ends the session of an access or refresh token (RFC 7009); not where the caller is known and somebody else. */
  revoke(token: string, caller: Caller, client: Client): Promise<void>;
  /**
   * Ends sessions of who is signed in, or of whose refresh token it is. Throws `authentication_required` or `invalid_token`
   * where neither tells who that is.
   */
  logOut(who: LogOutWho, scope: LogOutScope): Promise<void>;
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
  /** Whether a user has logged in from that address or with that browser before, as far as it is remembered; true for the very first time. */
  knowsDevice(userId: number, client: Client, transaction: Transaction): Promise<boolean>;
  /** What was revoked, for resource servers. Throws `validation_failed` for a cursor that is not ours. */
  revocations(cursor: string | undefined, limit: number): Promise<RevocationFeed>;
  /** Removes what ended long ago; as much as one transaction may take, and whether there is more. */
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
  const grant = createGrants({ tokens, refreshTokens, roles, clock });
  const { idleSeconds } = settings;
  const refreshing = createRefreshing({
    models,
    database,
    refreshTokens,
    arrivals,
    revocations,
    endings,
    grant,
    idleSeconds,
    clock,
  });
  const noteArrival = (sessionId: string, counter: number): void => {
    // Nothing came before the first.
    if (counter > FIRST_COUNTER) arrivals.note(sessionId, counter, clock.now());
  };
  const accepting = createAccepting({ tokens, revocations, refreshing, roles, noteArrival });
  const sessionOfAny = async (token: string): Promise<string | undefined> =>
    refreshTokens.read(token)?.sessionId ?? (await accepting.authenticate(token).catch(noneFor('invalid_token')))?.sid;

  return {
    ...accepting,
    refresh: (token, client) => refreshing.refresh(token, client),
    sessionOf: (token) => refreshTokens.read(token)?.sessionId,
    open: createOpening(parts, grant),
    revoke: async (token, caller, client) => {
      const id = await sessionOfAny(token);
      if (id === undefined || caller.kind === 'service') return;
      await endings.endNow(caller.kind === 'user' ? { id, user_id: caller.actor.userId } : { id }, {
        reason: 'revoked',
        by: doerOf(caller, client),
      });
    },
    logOut: async (who, scope) => {
      const own = await whoLogsOut(who, scope, refreshing);
      await endings.endNow(whereOf(scope, own), { reason: 'log_out', by: doerOf(who.caller, who.client) });
    },
    ...createHousekeeping({ models, database, endings, revocations, clock }),
    close: () => arrivals.close(),
  };
}

/** Opens sessions, and records who has logged in. */
const createOpening =
  ({ models, audit, settings, clock }: Parts, grant: (session: Session, user: User) => Grant): SessionService['open'] =>
  async ({ user, amr, client }, transaction) => {
    const opening = newSession({ user, amr, client, settings, time: new Date(clock.now()) });
    const session = await models.Session.create(opening, { transaction });
    const by = byOwner(user.id, client);
    audit.record({ type: 'log_in.succeeded', by, userId: user.id, sessionId: session.id, details: { amr } }, transaction);
    return grant(session, user);
  };

interface AcceptingParts {
  readonly tokens: TokenService;
  readonly revocations: Revocations;
  readonly refreshing: Refreshing;
  readonly roles: Roles;
  readonly noteArrival: (sessionId: string, counter: number) => void;
}

/** How tokens are taken from whoever bears them. */
function createAccepting({
  tokens,
  revocations,
  refreshing,
  roles,
  noteArrival,
}: AcceptingParts): Pick<SessionService, 'authenticate' | 'inspect'> {
  const authenticate = async (accessToken: string): Promise<AccessTokenClaims> => {
    const claims = tokens.verify(accessToken);
    const late = revocations.catchUp();
    if (late) await late;
    if (revocations.refuses(claims.sid, claims.refresh_counter, claims.iat)) throw new AppError('invalid_token');
    noteArrival(claims.sid, claims.refresh_counter);
    return claims;
  };
  return {
    authenticate,
    inspect: async (token) => {
      const claims = await authenticate(token).catch(noneFor('invalid_token'));
      if (claims) return { ...claims, kind: 'access' };
      const good = await refreshing.findGood(token);
      if (good === undefined) return undefined;
      const { session, user, presented } = good;
      noteArrival(session.id, presented);
      const facts = { sub: String(user.id), username: user.username, scope: roles.scopeOf(user.roles), sid: session.id };
      return { kind: 'refresh', ...facts, iat: toSeconds(session.rotated_at), exp: toSeconds(session.expires_at) };
    },
  };
}

const toSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);

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

const doerOf = (caller: Caller, client: Client): Doer => (caller.kind === 'user' ? byUser(caller.actor) : byClient(client));

/** Whose sessions are meant, and which of them is "this". */
interface Own {
  readonly sessionId: string;
  /** Left out where the session alone tells. */
  readonly userId?: number;
}

/** Who asks to be logged out: whoever is signed in, or whose refresh token it is. */
async function whoLogsOut(who: LogOutWho, scope: LogOutScope, refreshing: Refreshing): Promise<Own> {
  const { caller, refreshToken } = who;
  if (caller.kind === 'user') return caller.actor;
  if (refreshToken === undefined) throw new AppError(caller.kind === 'nobody' ? 'authentication_required' : 'invalid_token');
  // Also an old one, and once more: what is asked for is that its session has ended.
  const parts = scope === 'this' ? refreshing.read(refreshToken) : undefined;
  if (parts !== undefined) return parts;
  const good = await refreshing.findGood(refreshToken);
  if (good === undefined) throw new AppError('invalid_token');
  return { sessionId: good.session.id, userId: good.user.id };
}

function whereOf(scope: LogOutScope, { userId, sessionId }: Own): Which {
  const user = userId === undefined ? {} : { user_id: userId };
  if (scope === 'this') return { ...user, id: sessionId };
  if (userId === undefined) throw new TypeError('other sessions are somebody’s');
  return scope === 'all' ? user : { ...user, id: { [Op.ne]: sessionId } };
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

export type { Ending } from './endings.js';
export type { Grant } from './grants.js';
