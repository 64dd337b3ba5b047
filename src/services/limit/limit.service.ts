import type { Transaction } from 'sequelize';
import type { Limits } from '../../../config/index.js';
import type { Counters } from '../../adapters/counters.js';
import { AppError } from '../../errors/app-error.js';
import type { Code } from '../../errors/codes.js';
import { byClient, type Client } from '../../lib/actor.js';
import type { UserModel } from '../../models/user.model.js';
import type { AuditService } from '../audit/audit.service.js';
import { type Counted, createCounting, type LimitUse } from './counted.js';
import type { Devices } from './devices.js';
import { createPolicies } from './policies.js';
import type { Attempt, Outcome, Standing } from './tally.js';
import type { RootKeys } from '../../lib/derived-key.js';

export interface LimitService {
  /**
   * Runs the work as one attempt under each of these limits, and tells how they stand once that is known. Throws
   * `rate_limited`, and does not begin, where one of them says to wait, unless what is shown is good and could not be
   * guessed. What the work throws decides what is counted.
   * Accounts that nobody has are counted like those that somebody has (ASVS 6.3.8).
   */
  during<T>(uses: readonly LimitUse[], client: Client, work: () => Promise<T>, tell: Tell): Promise<T>;
  /**
   * Lets a user try again, in every process, once the transaction is committed: they have proved their identity in another
   * way, or an administrator has unlocked the account.
   */
  forgive(userId: number, transaction: Transaction): Promise<void>;
}

type Tell = (standings: readonly Standing[]) => void;

interface Parts {
  readonly counters: Counters;
  readonly settings: Limits;
  readonly rootKeys: RootKeys;
  readonly devices: Devices;
  readonly User: UserModel;
  readonly audit: Pick<AuditService, 'recordRefusal'>;
}

/** What shows that somebody guessed. */
const FAILURES: ReadonlySet<Code> = new Set<Code>([
  'invalid_credentials',
  'invalid_token',
  'invalid_grant',
  'refresh_token_reused',
  'session_revoked',
  'token_invalid_or_expired',
  'current_password_invalid',
]);

/** What is nobody's fault who asked. */
const FAULTS: ReadonlySet<Code> = new Set<Code>(['internal_error', 'unavailable', 'overloaded']);

function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof AppError) || FAULTS.has(error.code)) return 'broken';
  return FAILURES.has(error.code) ? 'failed' : 'refused';
}

/** An attempt on all that counts it, or what it has to wait for. */
type Started = { readonly begun: readonly (readonly [Counted, Attempt])[] } | { readonly waiting: Attempt; readonly counted: Counted };

/** How often what may be tried, by whom and against whom. */
export function createLimitService({ settings, counters, audit, ...parts }: Parts): LimitService {
  if (!settings.on) return { during: (_uses, _client, work) => work(), forgive: () => Promise.resolve() };
  const counting = createCounting({ ...parts, policies: createPolicies(counters, settings) });
  const record = createRecording(audit);
  const { begin, end } = createAttempts(record);

  const start = async (uses: readonly LimitUse[], client: Client): Promise<Started> => {
    const { all, onDevice: counted } = await counting.of(uses, client);
    const onDevice = counted && (await begin(counted));
    if (onDevice !== undefined && 'begun' in onDevice) return onDevice;
    // A known device that has itself tried too often is a stranger, who need not wait longer than it does.
    const started = await begin(all);
    const isSooner = onDevice !== undefined && 'waiting' in started && secondsOf(onDevice.waiting) < secondsOf(started.waiting);
    return isSooner ? onDevice : started;
  };
  return {
    forgive: (userId, transaction) => counting.forgive(userId, transaction),
    during: async (uses, client, work, tell) => {
      const started = await start(uses, client);
      if ('waiting' in started) {
        if (await isAllGood(uses)) return work();
        await record(started.counted, client);
        tell([started.waiting.standing]);
        throw new AppError('rate_limited', { details: { retryAfterSeconds: secondsOf(started.waiting) } });
      }
      let outcome: Outcome = 'succeeded';
      try {
        return await work();
      } catch (error) {
        outcome = outcomeOf(error);
        throw error;
      } finally {
        tell(await end(started.begun, outcome, client));
      }
    },
  };
}

const secondsOf = ({ waitSeconds, standing }: Attempt): number => waitSeconds ?? standing.resetSeconds;

async function isAllGood(uses: readonly LimitUse[]): Promise<boolean> {
  for (const { isGood } of uses) if (isGood === undefined || !(await isGood())) return false;
  return true;
}

type Recording = (counted: Counted, client: Client) => Promise<void>;

/**
 * Records that a limit was reached, or refused an attempt (ASVS 16.3.3). By the key that is counted, so that an account that
 * does not exist is a subject of its own: otherwise the time of the write would show which accounts exist.
 */
const createRecording =
  (audit: Parts['audit']): Recording =>
  ({ limit, by, userId, key }, client) =>
    audit.recordRefusal({ type: 'limit.reached', by: byClient(client), userId, details: { limit, by } }, key);

/** Begins and ends attempts on several tallies at once. */
function createAttempts(record: Recording) {
  return {
    /** All of them, or none. */
    begin: async (all: readonly Counted[]): Promise<Started> => {
      const begun: (readonly [Counted, Attempt])[] = [];
      for (const counted of all) {
        const attempt = await counted.tally.begin(counted.key);
        if (attempt.waitSeconds !== undefined) {
          for (const [, before] of begun) await before.end('broken');
          return { waiting: attempt, counted };
        }
        begun.push([counted, attempt]);
      }
      return { begun };
    },
    end: async (begun: readonly (readonly [Counted, Attempt])[], outcome: Outcome, client: Client): Promise<Standing[]> => {
      const standings: Standing[] = [];
      const reachedNow: Counted[] = [];
      for (const [counted, attempt] of begun) {
        const { standing, reached } = await attempt.end(outcome);
        if (counted.isTold) standings.push(standing);
        if (reached) reachedNow.push(counted);
        if (outcome === 'succeeded') await counted.afterSuccess?.();
      }
      for (const counted of reachedNow) await record(counted, client);
      return standings;
    },
  };
}
