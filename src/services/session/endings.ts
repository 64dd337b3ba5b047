import { type InferAttributes, literal, type Transaction, type WhereOptions } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { Clock } from '../../lib/clock.js';
import type { Session, SessionModel } from '../../models/session.model.js';
import type { Logger } from '../../observability/logger.js';
import type { Revocations } from './revocations.js';

/** Why a session ended, as it is kept and logged. */
export type EndReason =
  'log_out' | 'revoked' | 'refresh_token_reused' | 'password_changed' | 'account_disabled' | 'account_deleted' | 'operator';

/** Which sessions. */
export type Which = WhereOptions<InferAttributes<Session>>;

/** How sessions and their access tokens are ended: the row and the revocation in one transaction, the index behind its commit. */
export interface Endings {
  /** Ends the live sessions that fit, and says how many there were. */
  end(which: Which, reason: EndReason, transaction: Transaction): Promise<number>;
  /** The same in a transaction of its own. */
  endNow(which: Which, reason: EndReason): Promise<number>;
  /** Refuses the access tokens that the live sessions of a user have now; the sessions go on. */
  renew(userId: number, transaction: Transaction): Promise<void>;
}

interface Parts {
  readonly model: SessionModel;
  readonly revocations: Revocations;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A user may have very many: so many are changed by one statement, and others get a turn in between. */
const AT_ONCE = 1000;

export function createEndings({ model, revocations, database, clock, logger }: Parts): Endings {
  type Facts = Pick<Session, 'id' | 'user_id' | 'counter'>;
  const eachPart = async (sessions: readonly Facts[], work: (part: readonly Facts[]) => Promise<unknown>): Promise<void> => {
    for (let from = 0; from < sessions.length; from += AT_ONCE) await work(sessions.slice(from, from + AT_ONCE));
  };
  const lockLive = async (which: Which, transaction: Transaction): Promise<Facts[]> => {
    await revocations.lock(transaction);
    return model.lockLiveFacts(which, new Date(clock.now()), transaction);
  };
  const log = (sessions: readonly Facts[], reason: EndReason): void => {
    for (const { id, user_id } of sessions) {
      logger[reason === 'refresh_token_reused' ? 'warn' : 'info']({ session_id: id, user_id, reason }, 'session ended');
    }
  };
  const end: Endings['end'] = async (which, reason, transaction) => {
    const sessions = await lockLive(which, transaction);
    const time = new Date(clock.now());
    const change = { ended_at: time, expires_at: time, end_reason: reason };
    await eachPart(sessions, async (part) => {
      await model.update(change, { where: { id: part.map(({ id }) => id) }, transaction });
      await revocations.record(
        part.map(({ id }) => ({ id, through: null })),
        transaction,
      );
    });
    database.afterCommit(transaction, () => {
      log(sessions, reason);
    });
    return sessions.length;
  };
  return {
    end,
    endNow: (which, reason) => database.transaction((transaction) => end(which, reason, transaction)),
    renew: async (userId, transaction) => {
      const change = { refused_through: literal('counter'), version: literal('version + 1') };
      await eachPart(await lockLive({ user_id: userId }, transaction), async (part) => {
        await model.update(change, { where: { id: part.map(({ id }) => id) }, transaction });
        await revocations.record(
          part.map(({ id, counter }) => ({ id, through: counter })),
          transaction,
        );
      });
    },
  };
}
