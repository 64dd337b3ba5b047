import { type InferAttributes, literal, type Transaction, type WhereOptions } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { Session, SessionModel } from '../../models/session.model.js';
import type { Logger } from '../../observability/logger.js';
import type { AuditService } from '../audit/audit.service.js';
import type { Revocations } from './revocations.js';

/** Why a session ended, as it is kept and logged. */
export type EndReason =
  | 'log_out'
  | 'revoked'
  | 'refresh_token_reused'
  | 'password_changed'
  | 'password_reset'
  | 'email_changed'
  | 'account_disabled'
  | 'account_deleted'
  | 'administrator'
  | 'operator'
  | 'restored';

/** Why sessions end, and who ends them. */
export interface Ending {
  readonly reason: EndReason;
  readonly by: Doer;
}

/** Which sessions. */
export type Which = WhereOptions<InferAttributes<Session>>;

/** How sessions and their access tokens are ended: the row and the revocation in one transaction, the index behind its commit. */
export interface Endings {
  /** Ends the live sessions that fit, and says how many there were. */
  end(which: Which, why: Ending, transaction: Transaction): Promise<number>;
  /** The same in a transaction of its own. */
  endNow(which: Which, why: Ending): Promise<number>;
  /** Refuses the access tokens that the live sessions of a user have now; the sessions go on. */
  renew(userId: number, transaction: Transaction): Promise<void>;
  /** See `SessionService.endEverything`. */
  endEverything(ahead: readonly string[], transaction: Transaction): Promise<number>;
}

interface Parts {
  readonly model: SessionModel;
  readonly revocations: Revocations;
  readonly database: Database;
  readonly audit: AuditService;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A user may have very many: so many are changed by one statement, and others get a turn in between. */
const AT_ONCE = 1000;

type Facts = Pick<Session, 'id' | 'user_id' | 'counter'>;

export function createEndings({ model, revocations, database, audit, clock, logger }: Parts): Endings {
  const tell = createTelling({ database, audit, logger });
  const eachPart = async (sessions: readonly Facts[], work: (part: readonly Facts[]) => Promise<unknown>): Promise<void> => {
    for (let from = 0; from < sessions.length; from += AT_ONCE) await work(sessions.slice(from, from + AT_ONCE));
  };
  const lockLive = async (which: Which, transaction: Transaction): Promise<Facts[]> => {
    await revocations.lock(transaction);
    return model.lockLiveFacts(which, new Date(clock.now()), transaction);
  };
  const end: Endings['end'] = async (which, why, transaction) => {
    const sessions = await lockLive(which, transaction);
    const time = new Date(clock.now());
    const change = { ended_at: time, expires_at: time, end_reason: why.reason };
    await eachPart(sessions, async (part) => {
      await model.update(change, { where: { id: part.map(({ id }) => id) }, transaction });
      await revocations.record(
        part.map(({ id }) => ({ id, through: null })),
        transaction,
      );
    });
    tell(sessions, why, transaction);
    return sessions.length;
  };
  return {
    end,
    endNow: (which, why) => database.forClient(why.by).transaction((transaction) => end(which, why, transaction)),
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
    endEverything: async (ahead, transaction) => {
      await revocations.lock(transaction);
      const time = new Date(clock.now());
      const dated = await model.idsDatedAfter(time, transaction);
      const reason: EndReason = 'restored';
      const live = await model.endAll({ ended_at: time, expires_at: time, end_reason: reason }, time, transaction);
      await revocations.recordEverything(transaction);
      // By their date alone these tokens would outlive it.
      await revocations.record(
        [...new Set([...ahead, ...dated])].map((id) => ({ id, through: null })),
        transaction,
      );
      return live;
    },
  };
}

/** Records that sessions end, once for each user, and logs each once it has. */
function createTelling({ database, audit, logger }: Pick<Parts, 'database' | 'audit' | 'logger'>) {
  return (sessions: readonly Facts[], { reason, by }: Ending, transaction: Transaction): void => {
    for (const [userId, ids] of byUserId(sessions)) {
      const sessionId = ids.length === 1 ? (ids[0] ?? null) : null;
      audit.record({ type: 'session.ended', by, userId, sessionId, details: { reason, sessions: ids.length } }, transaction);
    }
    database.afterCommit(transaction, () => {
      const level = reason === 'refresh_token_reused' ? 'warn' : 'info';
      for (const { id, user_id } of sessions) logger[level]({ session_id: id, user_id, reason }, 'session ended');
    });
  };
}

/** The ids of sessions by whose they are. */
function byUserId(sessions: readonly Pick<Session, 'id' | 'user_id'>[]): Map<number, string[]> {
  const ids = new Map<number, string[]>();
  for (const { id, user_id } of sessions) ids.set(user_id, [...(ids.get(user_id) ?? []), id]);
  return ids;
}
