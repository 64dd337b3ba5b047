import { Op } from 'sequelize';
import { AppError } from '../../errors/app-error.js';
import { byClient, byService, byUser, type Caller, type Client, type Doer } from '../../lib/actor.js';
import type { Denials } from './denials.js';
import type { Ending, Endings, Which } from './endings.js';
import { noneFor, type Refreshing } from './refreshing.js';
import { afterRefusal, type RejectedTokens } from './rejected-tokens.js';

/** Who asks to be logged out. */
export interface LogOutWho {
  readonly caller: Caller;
  readonly refreshToken: string | undefined;
  readonly client: Client;
  /** Whether the browser drops its refresh cookie with the response: then a caller without a live session has logged out too. */
  readonly dropsCookie?: boolean;
}

/** Which sessions a log-out ends. */
export type LogOutScope = 'this' | 'others' | 'all';

/** How clients end sessions. */
export interface LogOut {
  /** Ends the session of an access or refresh token (RFC 7009); not where the caller is known and somebody else, which is recorded. */
  revoke(token: string, caller: Caller, client: Client): Promise<void>;
  /**
   * Ends sessions of who is signed in, or of whose refresh token it is. Throws `authentication_required` or `invalid_token`
   * where neither tells who that is, unless the browser drops its cookie. Of others than this one, only an access token that this service issued ends sessions.
   */
  logOut(who: LogOutWho, scope: LogOutScope): Promise<void>;
}

interface Parts {
  readonly endings: Endings;
  readonly refreshing: Refreshing;
  readonly denials: Denials;
  readonly rejected: RejectedTokens;
  /** The session of an access or refresh token; undefined for what is neither. */
  readonly sessionOf: (token: string) => Promise<string | undefined>;
}

export const createLogOut = ({ endings, refreshing, denials, rejected, sessionOf }: Parts): LogOut => ({
  revoke: async (token, caller, client) => {
    const by = doerOf(caller, client);
    const id = await sessionOf(token);
    if (id === undefined) return rejected.any(token, by);
    const ended = caller.kind === 'service' ? 0 : await endings.endNow(whichOf(id, caller), { reason: 'revoked', by });
    if (ended === 0) await denials.record(id, by);
  },
  logOut: async (who, scope) => {
    const { caller, refreshToken, client, dropsCookie = false } = who;
    const why: Ending = { reason: 'log_out', by: doerOf(caller, client) };
    if (dropsCookie && caller.kind !== 'user') {
      const own = await whoLogsOut(who, scope, refreshing).catch(noneFor('authentication_required', 'invalid_token'));
      // A token that is good no more still ends its own session.
      const where = own ? whereOf(scope, own) : thisOf(refreshToken, refreshing);
      if (where !== undefined) await endings.endNow(where, why);
      return;
    }
    const own = await whoLogsOut(who, scope, refreshing).catch(afterRefusal(() => rejected.logOut(refreshToken, client)));
    await endings.endNow(whereOf(scope, own), why);
  },
});

/** Whom the audit trail names for what a caller does. */
export function doerOf(caller: Caller, client: Client): Doer {
  if (caller.kind === 'user') return byUser(caller.actor);
  return caller.kind === 'service' ? byService(caller.keyId, client) : byClient(client);
}

/** The session of that id, where a known caller owns it. */
const whichOf = (id: string, caller: Caller): Which => (caller.kind === 'user' ? { id, user_id: caller.actor.userId } : { id });

/** Whose sessions are meant, and which of them is "this". */
interface Own {
  readonly sessionId: string;
  /** Left out where the session alone tells. */
  readonly userId?: number;
}

/** Identifies the user who logs out: by the access token, or else by the refresh token. */
async function whoLogsOut(who: LogOutWho, scope: LogOutScope, refreshing: Refreshing): Promise<Own> {
  const { caller, refreshToken } = who;
  if (caller.kind === 'user') {
    if (scope !== 'this') await caller.assertOwn();
    return caller.actor;
  }
  if (refreshToken === undefined) throw new AppError(caller.kind === 'nobody' ? 'authentication_required' : 'invalid_token');
  // Also an old one, and once more: what is asked for is that its session has ended.
  const parts = scope === 'this' ? refreshing.read(refreshToken) : undefined;
  if (parts !== undefined) return parts;
  const good = await refreshing.findGood(refreshToken);
  if (good === undefined) throw new AppError('invalid_token');
  return { sessionId: good.session.id, userId: good.user.id };
}

function thisOf(refreshToken: string | undefined, { read }: Refreshing): Which | undefined {
  const parts = refreshToken === undefined ? undefined : read(refreshToken);
  return parts && { id: parts.sessionId };
}

function whereOf(scope: LogOutScope, { userId, sessionId }: Own): Which {
  const user = userId === undefined ? {} : { user_id: userId };
  if (scope === 'this') return { ...user, id: sessionId };
  if (userId === undefined) throw new TypeError('other sessions are somebody’s');
  return scope === 'all' ? user : { ...user, id: { [Op.ne]: sessionId } };
}
