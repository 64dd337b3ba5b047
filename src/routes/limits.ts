import type { Asked } from '../controllers/reply.js';
import type { Actor } from '../lib/actor.js';
import type { LimitUse } from '../services/limit/counted.js';
import type { ProfilePatch, Registration } from '../services/user.service.js';
import type { ForgotBody } from '../validators/password-reset.validator.js';
import type { TokenBody } from '../validators/token.validator.js';

/** However many accounts ask, one mailbox gets so many. */
const mailTo = (email: string | null | undefined): LimitUse[] => (typeof email === 'string' ? [{ limit: 'mailbox', mailbox: email }] : []);

/** Under which limits each attempt falls: the numbers are in `services/limit/policies.ts`. */
export const LIMIT = {
  logIn: ({ body, page }: Asked<TokenBody>): LimitUse[] => [{ limit: 'log_in', account: body.username, device: page().deviceCookie }],
  /** Whoever forges tokens keeps nobody from refreshing who has one. */
  refresh: (sessionId: string | undefined): LimitUse[] => [
    sessionId === undefined ? { limit: 'forged_refresh' } : { limit: 'refresh', key: sessionId },
  ],
  registration: ({ body: { email } }: Asked<Registration>): LimitUse[] => [{ limit: 'registration' }, ...mailTo(email)],
  resetRequest: ({ body }: Asked<ForgotBody>): LimitUse[] => [{ limit: 'reset_request', account: body.identifier }],
  /** Nobody keeps the owner of a code or a token from using it by guessing others. */
  recoveryCode: ({ body }: Asked<{ readonly username: string }>, isGood: () => Promise<boolean>): LimitUse[] => [
    { limit: 'recovery_code', account: body.username, isGood },
  ],
  oneTimeToken: (isGood: () => Promise<boolean>): LimitUse[] => [{ limit: 'one_time_token', isGood }],
  /** Only a password that is sent can be wrong. */
  optionalPassword: ({ body }: Asked<{ readonly current_password?: string } | undefined>, { userId }: Actor): LimitUse[] =>
    body?.current_password === undefined ? [] : [{ limit: 'current_password', account: userId }],
  currentPassword: (_asked: unknown, { userId }: Actor): LimitUse[] => [{ limit: 'current_password', account: userId }],
  verificationMail: (_asked: unknown, { userId }: Actor): LimitUse[] => [{ limit: 'verification_mail', account: userId, mailbox: userId }],
  profile: ({ body: { current_password, username, email } }: Asked<ProfilePatch>, { userId }: Actor): LimitUse[] => [
    ...(current_password === undefined ? [] : [{ limit: 'current_password', account: userId } as const]),
    ...(username === undefined ? [] : [{ limit: 'name_change', account: userId } as const]),
    ...(typeof email === 'string' ? [{ limit: 'address_change', account: userId } as const] : []),
    ...mailTo(email),
  ],
  introspection: ({ caller }: Asked<unknown>): LimitUse[] => [
    { limit: 'introspection', key: caller.kind === 'service' ? caller.keyId : 'actor' in caller ? `user ${caller.actor.userId}` : '' },
  ],
} as const;
