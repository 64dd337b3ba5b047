import { AppError } from '../../errors/app-error.js';
import type { Client } from '../../lib/actor.js';
import type { Flow } from '../../lib/flow.js';
import type { LoginIdentifier } from '../../lib/login-identifier.js';
import type { User } from '../../models/user.model.js';
import type { LimitService } from '../limit/limit.service.js';
import type { PasswordService } from '../password/password.service.js';

/** A log-in attempt at the accounts that its identifier may mean. */
export interface CandidateAttempt {
  readonly identifier: LoginIdentifier;
  /** As `User.findCandidates` returns them. */
  readonly candidates: readonly (User | undefined)[];
  readonly password: string;
  readonly device: string | undefined;
  readonly flow: Flow;
}

/** The account whose password it is, and whether its hash should be replaced. */
export interface Match {
  readonly user: User;
  readonly outdated: boolean;
}

interface Parts {
  readonly passwords: Pick<PasswordService, 'verify'>;
  readonly limits: Pick<LimitService, 'during'>;
}

/**
 * Returns the candidate whose password was given, the username's account first; undefined where it is neither's. One candidate
 * costs one hash verification, two cost two whatever the outcome, so that neither response nor time reveals whether the second
 * exists (ASVS 6.3.8). Of two each is an attempt of its own under the log-in limits. Throws `rate_limited` where both have to wait.
 */
export type CheckPassword = (attempt: CandidateAttempt, client: Client) => Promise<Match | undefined>;

export function createPasswordCheck({ passwords, limits }: Parts): CheckPassword {
  const verify = async ({ password, flow }: CandidateAttempt, user: User | undefined): Promise<Match | undefined> => {
    const stored = user && { hash: user.hashed_password, imported: user.hash_truncates };
    const { valid, outdated } = await passwords.verify(password, stored, flow);
    return valid && user !== undefined ? { user, outdated } : undefined;
  };
  const attemptAt = async (user: User | undefined, attempt: CandidateAttempt, client: Client): Promise<Result> => {
    const account = { user, identifier: attempt.identifier };
    const uses = [{ limit: 'log_ins', account } as const, { limit: 'log_in', account, device: attempt.device } as const];
    let match: Match | undefined;
    const work = async (): Promise<void> => {
      match = await verify(attempt, user);
      if (match === undefined) throw new AppError('invalid_credentials');
      // A right password of a disabled account is neither a failure nor a success that clears the failures before it.
      if (match.user.disabled_at !== null) throw new AppError('account_disabled');
    };
    try {
      await limits.during(uses, client, work, () => undefined);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === 'rate_limited') return { waiting: error };
      if (error.code !== 'invalid_credentials' && error.code !== 'account_disabled') throw error;
    }
    return { match };
  };

  return async (attempt, client) => {
    const { candidates } = attempt;
    const [named, addressed] = candidates;
    if (candidates.length === 1) return verify(attempt, named);

    const first = await attemptAt(named, attempt, client);
    if (first.match !== undefined) {
      // Not the other's hash: a right password is no failure at an account that it was not meant for.
      await verify(attempt, undefined);
      return first.match;
    }
    const second = await attemptAt(addressed, attempt, client);
    if (first.waiting !== undefined && second.waiting !== undefined) throw first.waiting;
    if (first.waiting !== undefined || second.waiting !== undefined) await verify(attempt, undefined);
    return second.match;
  };
}

interface Result {
  readonly match?: Match | undefined;
  /** Why the password was not looked at. */
  readonly waiting?: AppError;
}
