import type { Clock } from '../../lib/clock.js';
import type { Roles } from '../../lib/roles.js';
import type { Session } from '../../models/session.model.js';
import type { User } from '../../models/user.model.js';
import type { TokenService } from '../token.service.js';
import type { RefreshTokens } from './refresh-token.js';

/** What a log-in or a refresh gives. */
export interface Grant {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
  readonly refreshExpiresInSeconds: number;
  readonly scope: string;
  readonly user: { readonly id: number; readonly username: string };
}

interface Parts {
  readonly tokens: TokenService;
  readonly refreshTokens: RefreshTokens;
  readonly roles: Roles;
  readonly clock: Clock;
}

/** Makes the tokens of a session as it is now; the access token is of its newest generation, or of the given one. */
export const createGrants =
  ({ tokens, refreshTokens, roles, clock }: Parts) =>
  (session: Session, user: User, generation = session.counter): Grant => {
    const scope = roles.scopeOf(user.roles);
    const issued = tokens.issue({
      userId: user.id,
      username: user.username,
      scope,
      sessionId: session.id,
      refreshCounter: generation,
      amr: session.amr,
      acr: session.acr,
      authenticatedAt: session.authenticated_at,
      sessionEndsAt: session.expires_at,
    });
    return {
      ...issued,
      refreshToken: refreshTokens.write({ sessionId: session.id, counter: session.counter }),
      refreshExpiresInSeconds: Math.floor((session.expires_at.getTime() - clock.now()) / 1000),
      scope,
      user: { id: user.id, username: user.username },
    };
  };
