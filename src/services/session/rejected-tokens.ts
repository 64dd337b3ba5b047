import { AppError } from '../../errors/app-error.js';
import type { Code } from '../../errors/codes.js';
import type { AccessTokenClaims } from '../../lib/access-token-claims.js';
import { byClient, type Client, type Doer } from '../../lib/actor.js';
import type { AuditService } from '../audit/audit.service.js';
import type { NewAuditEvent } from '../audit/audit-events.js';
import { isServiceKey } from '../service-key.service.js';
import type { TokenService } from '../token.service.js';
import type { RefreshTokens } from './refresh-token.js';

/**
 * Why a token was refused. `forged`: this service did not issue it. `revoked`: its session was ended, or access tokens of
 * its generation were. `expired`: its session has expired, or is not known any more. `misused`: it is of a kind that is not
 * accepted there, such as a refresh token as a Bearer token.
 */
type Reason = 'forged' | 'revoked' | 'expired' | 'misused';
type Kind = 'access' | 'refresh' | 'service_key' | 'unknown';

/** Records the refusal of tokens (ASVS 16.3.1, 16.3.3). */
export interface RejectedTokens {
  /** Records a token that was refused as an access token. Not one that has just expired: every client meets that at each refresh. */
  access(token: string, code: Code, client: Client): Promise<void>;
  /** Records a correctly signed access token that this service did not issue. It names nobody: its claims are the forger's. */
  forged(claims: Pick<AccessTokenClaims, 'sid'>, client: Client): Promise<void>;
  /** Records a token that was refused as a refresh token, by the code of its refusal. A reused one ends its session, which is recorded. */
  refresh(token: string, code: Code, client: Client): Promise<void>;
  /** Records a forged or expired refresh token that came with a log-out; nothing where none came. */
  logOut(token: string | undefined, client: Client): Promise<void>;
  /** Records a token that is neither, and was sent where either is accepted. */
  any(token: string, by: Doer): Promise<void>;
}

interface Parts {
  readonly audit: Pick<AuditService, 'recordRefusal'>;
  readonly tokens: Pick<TokenService, 'identify' | 'hasExpired'>;
  readonly refreshTokens: Pick<RefreshTokens, 'read'>;
}

const REFRESH_REASONS: Partial<Record<Code, Reason>> = { session_revoked: 'revoked', invalid_grant: 'expired' };

export function createRejectedTokens({ audit, tokens, refreshTokens }: Parts): RejectedTokens {
  const record = (kind: Kind, reason: Reason, by: Doer, about: Pick<NewAuditEvent, 'userId' | 'sessionId'> = {}): Promise<void> =>
    audit.recordRefusal({ type: 'token.rejected', by, ...about, details: { token: kind, reason } });
  const refresh: RejectedTokens['refresh'] = async (token, code, client) => {
    const sessionId = refreshTokens.read(token)?.sessionId;
    const reason = sessionId === undefined ? 'forged' : REFRESH_REASONS[code];
    if (reason !== undefined) await record('refresh', reason, byClient(client), sessionId === undefined ? {} : { sessionId });
  };
  return {
    refresh,
    logOut: async (token, client) => {
      if (token !== undefined) await refresh(token, 'invalid_grant', client);
    },
    access: async (token, code, client) => {
      if (code !== 'invalid_token') return;
      const by = byClient(client);
      const claims = tokens.identify(token);
      if (claims !== undefined) {
        if (!tokens.hasExpired(claims)) await record('access', 'revoked', by, { userId: Number(claims.sub), sessionId: claims.sid });
        return;
      }
      const sessionId = refreshTokens.read(token)?.sessionId;
      if (sessionId !== undefined) await record('refresh', 'misused', by, { sessionId });
      else if (isServiceKey(token)) await record('service_key', 'misused', by);
      else await record('access', 'forged', by);
    },
    forged: ({ sid }, client) => record('access', 'forged', byClient(client), { sessionId: sid }),
    any: async (token, by) => {
      if (tokens.identify(token) === undefined && refreshTokens.read(token) === undefined) await record('unknown', 'forged', by);
    },
  };
}

/** Runs `then` with the code of an AppError and throws the error on. */
export const afterRefusal =
  (then: (code: Code) => Promise<void>) =>
  async (error: unknown): Promise<never> => {
    if (error instanceof AppError) await then(error.code);
    throw error;
  };
