import type { Asked } from '../controllers/reply.js';
import type { Actor } from '../lib/actor.js';
import type { LimitUse } from '../services/limit/counted.js';
import type { ProfilePatch, Registration } from '../services/user.service.js';
import type { ForgotBody } from '../validators/password-reset.validator.js';
import type { TokenBody } from '../validators/token.validator.js';

/** However many accounts ask, one mailbox gets so many. */
const mailTo = (email: string | null | undefined): LimitUse[] => (typeof email === 'string' ? [{ limit: 'mailbox', mailbox: email }] : []);

/** A change by a signed-in user. */
const write = ({ userId, sessionId }: Actor): LimitUse => ({ limit: 'write', account: userId, key: sessionId });

interface Proved {
  readonly current_password?: string | undefined;
}

/** Only where a password is sent: a request without one must not clear the failures of those with one. */
const proof = ({ current_password }: Proved, userId: number): LimitUse[] =>
  current_password === undefined ? [] : [{ limit: 'current_password', account: userId }];

/** Under which limits each attempt falls: the numbers are in `services/limit/policies.ts`. */
export const LIMIT = {
  logIn: ({ body, page }: Asked<TokenBody>): LimitUse[] => [
    { limit: 'log_ins', account: body.username },
    { limit: 'log_in', account: body.username, device: page().deviceCookie },
  ],
  /** Forged tokens never keep the owner of a good one from refreshing. A first visit, which has no token, is no failure. */
  refresh: (presented: { readonly sessionId: string | undefined } | undefined): LimitUse[] => {
    if (presented === undefined) return [];
    const { sessionId } = presented;
    return [sessionId === undefined ? { limit: 'forged_refresh' } : { limit: 'refresh', key: sessionId }];
  },
  registration: ({ body: { email } }: Asked<Registration>): LimitUse[] => [{ limit: 'registration' }, ...mailTo(email)],
  resetRequest: ({ body }: Asked<ForgotBody>): LimitUse[] => [{ limit: 'reset_request', account: body.identifier }],
  /** Nobody keeps the owner of a code or a token from using it by guessing others. */
  recoveryCode: ({ body }: Asked<{ readonly username: string }>, isGood: () => Promise<boolean>): LimitUse[] => [
    { limit: 'recovery_code', account: body.username, isGood },
  ],
  oneTimeToken: (isGood: () => Promise<boolean>): LimitUse[] => [{ limit: 'one_time_token', isGood }],
  write: (_asked: unknown, actor: Actor): LimitUse[] => [write(actor)],
  /** A change that shuts others out of the account: other writes never use it up. */
  securityChange: (_asked: unknown, { sessionId }: Actor): LimitUse[] => [{ limit: 'security_change', key: sessionId }],
  administration: (_asked: unknown, { userId }: Actor): LimitUse[] => [{ limit: 'administration', account: userId }],
  /** The same, proved by the current password or by a recent authentication. */
  provedSecurityChange: ({ body }: Asked<Proved>, { userId, sessionId }: Actor): LimitUse[] => [
    { limit: 'security_change', key: sessionId },
    ...proof(body, userId),
  ],
  provedWrite: ({ body }: Asked<Proved>, actor: Actor): LimitUse[] => [write(actor), ...proof(body, actor.userId)],
  stepUp: (_asked: unknown, actor: Actor): LimitUse[] => [write(actor), { limit: 'current_password', account: actor.userId }],
  verificationMail: (_asked: unknown, actor: Actor): LimitUse[] => [
    write(actor),
    { limit: 'verification_mail', account: actor.userId, mailbox: actor.userId },
  ],
  profile: ({ body: { current_password, username, email } }: Asked<ProfilePatch>, actor: Actor): LimitUse[] => [
    write(actor),
    ...proof({ current_password }, actor.userId),
    ...(username === undefined ? [] : [{ limit: 'name_change', account: actor.userId } as const]),
    ...(typeof email === 'string' ? [{ limit: 'address_change', account: actor.userId } as const] : []),
    ...mailTo(email),
  ],
  introspection: ({ caller }: Asked<unknown>): LimitUse[] => [
    { limit: 'introspection', key: caller.kind === 'service' ? caller.keyId : 'actor' in caller ? `user ${caller.actor.userId}` : '' },
  ],
} as const;
