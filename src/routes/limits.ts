import type { Asked } from '../controllers/reply.js';
import type { Actor } from '../lib/actor.js';
import { foldName } from '../lib/names.js';
import type { LimitUse } from '../services/limit/counted.js';
import type { ProfilePatch, Registration } from '../services/user.service.js';
import type { ForgotBody } from '../validators/password-reset.validator.js';
import type { TokenBody } from '../validators/token.validator.js';

/** Under which limits each attempt falls: the numbers are in `services/limit/policies.ts`. */
export const LIMIT = {
  logIn: ({ body, page }: Asked<TokenBody>): LimitUse[] => [{ limit: 'log_in', account: body.username, device: page().deviceCookie }],
  /** Whoever forges tokens keeps nobody from refreshing who has one. */
  refresh: (sessionId: string | undefined): LimitUse[] => [
    sessionId === undefined ? { limit: 'forged_refresh' } : { limit: 'refresh', key: sessionId },
  ],
  registration: ({ body: { email } }: Asked<Registration>): LimitUse[] => {
    const mailed: LimitUse[] = typeof email === 'string' ? [{ limit: 'registration_email', key: foldName(email) }] : [];
    return [{ limit: 'registration' }, ...mailed];
  },
  resetRequest: ({ body }: Asked<ForgotBody>): LimitUse[] => [{ limit: 'reset_request', account: body.identifier }],
  recoveryCode: ({ body }: Asked<{ readonly username: string }>): LimitUse[] => [{ limit: 'recovery_code', account: body.username }],
  oneTimeToken: (): LimitUse[] => [{ limit: 'one_time_token' }],
  currentPassword: (_asked: unknown, { userId }: Actor): LimitUse[] => [{ limit: 'current_password', account: userId }],
  verificationMail: (_asked: unknown, { userId }: Actor): LimitUse[] => [{ limit: 'verification_mail', account: userId }],
  profile: ({ body }: Asked<ProfilePatch>, { userId }: Actor): LimitUse[] => [
    ...(body.current_password === undefined ? [] : [{ limit: 'current_password', account: userId } as const]),
    ...(typeof body.email === 'string' ? [{ limit: 'address_change', account: userId } as const] : []),
  ],
  introspection: ({ caller }: Asked<unknown>): LimitUse[] => [
    { limit: 'introspection', key: caller.kind === 'service' ? caller.keyId : 'actor' in caller ? `user ${caller.actor.userId}` : '' },
  ],
} as const;
