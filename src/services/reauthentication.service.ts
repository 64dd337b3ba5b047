import type { Database } from '../adapters/database.js';
import { AppError } from '../errors/app-error.js';
import { type Acr, acceptedAcrValues, DEFAULT_ACR, satisfiesAcr } from '../lib/acr.js';
import { type Actor, byUser } from '../lib/actor.js';
import type { Clock } from '../lib/clock.js';
import { flowOf } from '../lib/flow.js';
import type { Models } from '../models/index.js';
import type { User } from '../models/user.model.js';
import type { AuditService } from './audit/audit.service.js';
import type { PasswordService } from './password/password.service.js';
import type { Authentication, Grant, SessionService } from './session/session.service.js';

/** What a password alone proves (RFC 8176; `aal1`). */
export const BY_PASSWORD: Authentication = { amr: ['pwd'], acr: DEFAULT_ACR };

/** What a request sends to authenticate its user, and what is required beyond a recent authentication. */
export interface Proof {
  /** The `current_password` of the request. A right one counts as an authentication now; undefined where it is absent. */
  readonly currentPassword: string | undefined;
  /** Whether an account that has a password must send it, however recent the authentication is. */
  readonly passwordRequired?: true;
  /** The weakest acr that is accepted; any where it is left out. */
  readonly acr?: Acr;
}

export interface ReauthenticationService {
  /**
   * Requires that the actor has authenticated within REAUTHENTICATION_MINUTES, and at least with that acr (RFC 9470). Throws
   * `reauthentication_required` after the refusal was recorded.
   */
  requireRecent(actor: Actor, acr?: Acr): Promise<void>;
  /**
   * The same, where the request may carry the current password instead (ASVS 7.5.1), and returns the user as they were when the
   * password was verified. Throws `current_password_invalid` for a wrong one, `reauthentication_required`, `validation_failed` where
   * the password is required and absent, and `invalid_token` where the user is gone or disabled.
   */
  require(actor: Actor, proof: Proof): Promise<User>;
  /** The error that `require` throws, for a change that turns out to need a proof only inside its transaction. */
  required(acr?: Acr): AppError;
  /**
   * Authenticates the actor by password and returns a new access token of the same session. Throws `invalid_credentials`, and
   * `invalid_token` where the user is gone or disabled or the session has ended.
   */
  stepUp(actor: Actor, password: string): Promise<Grant>;
}

interface Parts {
  readonly models: Models;
  readonly database: Database;
  readonly passwords: PasswordService;
  readonly sessions: Pick<SessionService, 'stepUp'>;
  readonly audit: AuditService;
  readonly clock: Clock;
  readonly settings: { readonly maxAgeSeconds: number };
}

/** How a signed-in user proves again who they are. */
export function createReauthenticationService(parts: Parts): ReauthenticationService {
  const { audit, clock, settings } = parts;
  const verify = createVerification(parts);
  const maxAgeMs = settings.maxAgeSeconds * 1000;
  const required: ReauthenticationService['required'] = (acr) =>
    new AppError('reauthentication_required', {
      details: { reauthentication: { maxAgeSeconds: settings.maxAgeSeconds, acrValues: acr === undefined ? [] : acceptedAcrValues(acr) } },
    });
  const refuse = async (actor: Actor, acr: Acr | undefined): Promise<never> => {
    const { userId, sessionId } = actor;
    const details = { reason: 'reauthentication_required' };
    await audit.recordRefusal({ type: 'access.denied', by: byUser(actor), userId, sessionId, details });
    throw required(acr);
  };
  const isStrongEnough = ({ acr }: Actor, wanted: Acr | undefined): boolean => wanted === undefined || satisfiesAcr(acr, wanted);
  const requireRecent: ReauthenticationService['requireRecent'] = async (actor, acr) => {
    const isRecent = clock.now() - actor.authenticatedAt < maxAgeMs;
    if (!isRecent || !isStrongEnough(actor, acr)) await refuse(actor, acr);
  };
  return {
    required,
    requireRecent,
    require: async (actor, { currentPassword, passwordRequired, acr }) => {
      const user = await findUser(parts, actor);
      if (currentPassword === undefined) {
        await requireRecent(actor, acr);
        if (passwordRequired && user.hashed_password !== null) throw missingPassword();
        return user;
      }
      if (!(await verify(actor, user, currentPassword))) throw new AppError('current_password_invalid');
      // A password makes an authentication recent, and none stronger.
      if (!isStrongEnough(actor, acr)) await refuse(actor, acr);
      return user;
    },
    stepUp: createStepUp(parts, verify),
  };
}

async function findUser({ models: { User } }: Parts, { userId }: Actor): Promise<User> {
  const user = await User.findByPk(userId);
  if (!user || user.disabled_at) throw new AppError('invalid_token');
  return user;
}

type Verify = (actor: Actor, user: User, password: string) => Promise<boolean>;

/** Reports whether it is the user's password; a wrong one is recorded before it is answered (ASVS 16.3.1). */
const createVerification =
  ({ passwords, audit }: Parts): Verify =>
  async (actor, user, password) => {
    const { valid } = await passwords.verify(password, { hash: user.hashed_password, imported: user.hash_truncates }, flowOf(actor));
    if (valid) return true;
    const event = { type: 'reauthentication.failed', by: byUser(actor), userId: user.id, sessionId: actor.sessionId } as const;
    await audit.recordRefusal(event);
    return false;
  };

function createStepUp(parts: Parts, verify: Verify): ReauthenticationService['stepUp'] {
  const { models, database, sessions, audit } = parts;
  /** Undefined where the hash was replaced while the password was verified. */
  const attempt = async (actor: Actor, password: string): Promise<Grant | undefined> => {
    const found = await findUser(parts, actor);
    if (!(await verify(actor, found, password))) throw new AppError('invalid_credentials');
    return database.forClient(actor).transaction(async (transaction) => {
      const user = await models.User.findByPk(found.id, { transaction, lock: true });
      if (!user || user.disabled_at) throw new AppError('invalid_token');
      if (user.hashed_password !== found.hashed_password) return undefined;
      const grant = await sessions.stepUp(actor, user, BY_PASSWORD, transaction);
      const { sessionId } = actor;
      const details = { amr: BY_PASSWORD.amr, acr: BY_PASSWORD.acr };
      audit.record({ type: 'reauthentication.succeeded', by: byUser(actor), userId: user.id, sessionId, details }, transaction);
      return grant;
    });
  };
  return async (actor, password) => {
    // The first time a log-in may have rehashed the same password; by the second it is another password.
    const grant = (await attempt(actor, password)) ?? (await attempt(actor, password));
    if (grant === undefined) throw new AppError('invalid_credentials');
    return grant;
  };
}

const missingPassword = (): AppError =>
  new AppError('validation_failed', { details: { fields: [{ path: 'current_password', code: 'required', message: 'is required' }] } });
