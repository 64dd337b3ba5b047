import type { Transaction } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import { type Doer, SYSTEM } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { SessionModel } from '../../models/session.model.js';
import type { Endings } from './endings.js';

/** Sessions that one log-in ends at most: an account of before the maximum may have very many more, which `apply` ends. */
const ENDED_PER_LOG_IN = 20;
/** Sessions that one transaction of `apply` ends. */
const ENDED_AT_ONCE = 500;
/** Users that one call of `apply` looks for. */
const USERS_AT_ONCE = 1000;

/** Keeps the live sessions of each user within SESSIONS_PER_USER. Those that end are recorded with the reason `limit`. */
export interface SessionBound {
  /**
   * Ends the least recently used sessions of a user so that there is room for a new one. The transaction holds the lock of
   * the user's row, or two log-ins at once would each see room for one.
   */
  makeRoom(userId: number, by: Doer, transaction: Transaction): Promise<void>;
  /** Ends the surplus of every user who is over the maximum, in bounded transactions: as after the setting was lowered. */
  apply(): Promise<void>;
}

interface Parts {
  readonly model: SessionModel;
  readonly database: Database;
  readonly endings: Endings;
  /** 0 for no maximum. */
  readonly perUser: number;
  readonly clock: Clock;
}

export function createSessionBound({ model, database, endings, perUser, clock }: Parts): SessionBound {
  /** Ends what is beyond `kept`, up to `most`; how many sessions that were. */
  const trim = async (userId: number, by: Doer, { kept, most }: { kept: number; most: number }, transaction: Transaction) => {
    const now = new Date(clock.now());
    const surplus = await model.countLiveBeyond({ user_id: userId }, now, { kept, most }, transaction);
    if (surplus === 0) return 0;
    const ids = await model.leastRecentlyUsed(userId, now, surplus, transaction);
    return endings.end({ id: ids }, { reason: 'limit', by }, transaction);
  };
  const trimAll = async (userId: number): Promise<void> => {
    const step = (transaction: Transaction) => trim(userId, SYSTEM, { kept: perUser, most: ENDED_AT_ONCE }, transaction);
    for (let ended = ENDED_AT_ONCE; ended === ENDED_AT_ONCE;) ended = await database.transaction(step, { ahead: true });
  };
  return {
    makeRoom: async (userId, by, transaction) => {
      if (perUser > 0) await trim(userId, by, { kept: perUser - 1, most: ENDED_PER_LOG_IN }, transaction);
    },
    apply: async () => {
      if (perUser === 0) return;
      for (const userId of await model.usersBeyond(perUser, new Date(clock.now()), USERS_AT_ONCE)) await trimAll(userId);
    },
  };
}
