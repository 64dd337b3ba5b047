import { AppError } from '../../errors/app-error.js';
import type { AccessTokenClaims } from '../../lib/access-token-claims.js';
import type { Clock } from '../../lib/clock.js';
import type { Roles } from '../../lib/roles.js';
import type { Models } from '../../models/index.js';
import type { TokenService } from '../token.service.js';
import { noneFor, type Refreshing } from './refreshing.js';
import type { Revocations } from './revocations.js';
import type { SessionService } from './session.service.js';

/** Token introspection result (RFC 7662 §2.2); times are NumericDates, in seconds. */
export interface TokenFacts extends Pick<
  AccessTokenClaims,
  'sub' | 'username' | 'scope' | 'sid' | 'iat' | 'exp' | 'auth_time' | 'amr' | 'acr' | 'client_id'
> {
  readonly kind: 'access' | 'refresh';
}

interface Parts {
  readonly models: Models;
  readonly tokens: TokenService;
  readonly revocations: Revocations;
  readonly refreshing: Refreshing;
  readonly roles: Roles;
  readonly noteArrival: (sessionId: string, counter: number) => void;
  readonly clock: Clock;
}

/** How presented tokens are accepted. */
export function createAccepting(parts: Parts): Pick<SessionService, 'authenticate' | 'assertInForce' | 'inspect'> {
  const { tokens, revocations, refreshing, roles, noteArrival } = parts;
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
    assertInForce: createRowCheck(parts),
    inspect: async (token) => {
      const claims = await authenticate(token).catch(noneFor('invalid_token'));
      if (claims) return { ...claims, kind: 'access' };
      const good = await refreshing.findGood(token);
      if (good === undefined) return undefined;
      const { session, user, presented } = good;
      noteArrival(session.id, presented);
      return {
        kind: 'refresh',
        sub: String(user.id),
        username: user.username,
        scope: roles.scopeOf(user.roles),
        sid: session.id,
        iat: toSeconds(session.rotated_at),
        exp: toSeconds(session.expires_at),
        auth_time: toSeconds(session.authenticated_at),
        amr: session.amr,
        acr: session.acr,
      };
    },
  };
}

const createRowCheck =
  ({ models: { Session, User }, roles, clock }: Parts): SessionService['assertInForce'] =>
  async ({ sessionId, userId }, scope) => {
    const [session, user] = await Promise.all([Session.findByPk(sessionId), User.findByPk(userId)]);
    const isLive = session !== null && session.user_id === user?.id && session.isLive(clock.now());
    const isAllowed = user !== null && user.disabled_at === null && roles.scopeOf(user.roles).split(' ').includes(scope);
    if (!isLive || !isAllowed) throw new AppError('invalid_token');
  };

const toSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);
