import { col, literal, Op, type Transaction } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { Doer } from '../../lib/actor.js';
import type { Clock } from '../../lib/clock.js';
import type { SessionFacts, SessionModel, SessionPlace, SessionWhere } from '../../models/session.model.js';
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
  | 'email_verified'
  | 'account_disabled'
  | 'account_deleted'
  | 'administrator'
  | 'operator'
  | 'limit'
  | 'restored';

/** Why sessions end, and who ends them. */
export interface Ending {
  readonly reason: EndReason;
  readonly by: Doer;
}

/** Which sessions. */
export type Which = SessionWhere;

/**
 * How sessions and their access tokens are ended: the row and the revocation in one transaction, the index behind its commit.
 * Everything is done in slices of `SLICE` sessions, one after the other, so that the work grows linearly and other requests
 * get the event loop in between.
 */
export interface Endings {
  /** Ends the live sessions that fit, all in that transaction, and says how many there were. */
  end(which: Which, why: Ending, transaction: Transaction): Promise<number>;
  /** The same with a transaction for each slice: what a kill cuts off is not done over again. */
  endNow(which: Which, why: Ending): Promise<number>;
  /**
   * Ends the live sessions of a user ahead of a change that ends them all, but for one where it is named, slice by slice in
   * transactions of their own, until one slice at most is left for the transaction of the change. Does nothing for a user
   * who has no more than that.
   */
  endAhead(userId: number, why: Ending, but?: string): Promise<void>;
  /** The same ahead of a deletion, which also removes the rows: those of a user's ended sessions may be very many. */
  removeAhead(userId: number, why: Ending, but?: string): Promise<void>;
  /** Invalidates the access tokens that the live sessions of a user have now; the sessions go on. */
  renew(userId: number, transaction: Transaction): Promise<void>;
  /** What `endAhead` is to `end`: the clients of these sessions refresh early, whether or not the change follows. */
  renewAhead(userId: number, by: Doer): Promise<void>;
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

/** Sessions that one statement changes and one turn of the event loop works on: some 20 ms, and well below PostgreSQL's time limit. */
const SLICE = 500;

export function createEndings(parts: Parts): Endings {
  const { model, revocations, database, clock } = parts;
  const { record, log } = createReporting(parts);
  const slices = createSlices(parts);

  const endSlice = async (facts: readonly SessionFacts[], { reason }: Ending, transaction: Transaction): Promise<void> => {
    const time = new Date(clock.now());
    const change = { ended_at: time, expires_at: time, end_reason: reason };
    await model.update(change, { where: { id: facts.map(({ id }) => id) }, transaction });
    await revocations.record(
      facts.map(({ id }) => ({ id, through: null })),
      transaction,
    );
  };
  const end: Endings['end'] = async (which, why, transaction) => {
    const ended = createTally();
    await slices.inOne(which, transaction, async (facts) => {
      await endSlice(facts, why, transaction);
      ended.add(facts);
    });
    record(ended, why, transaction);
    database.afterCommit(transaction, () => {
      log(ended, why);
    });
    return ended.total();
  };
  const endNow: Endings['endNow'] = async (which, why) => {
    const ended = createTally();
    // Read first, as a caller can repeat a request to end what is not there: that takes no turn of the writer.
    const [any] = await model.newestLive(which, new Date(clock.now()), 1);
    if (any === undefined) return 0;
    try {
      await slices.inMany({ which, by: why.by }, async (facts, transaction) => {
        await endSlice(facts, why, transaction);
        record(createTally(facts), why, transaction);
        database.afterCommit(transaction, () => {
          ended.add(facts);
        });
      });
    } finally {
      log(ended, why);
    }
    return ended.total();
  };
  const isMany = async (userId: number): Promise<boolean> =>
    (await model.countLiveBeyond({ user_id: userId }, new Date(clock.now()), { kept: SLICE, most: 1 })) > 0;

  const endAhead: Endings['endAhead'] = async (userId, why, but) => {
    if (await isMany(userId)) await endNow({ user_id: userId, ...(but === undefined ? {} : { id: { [Op.ne]: but } }) }, why);
  };
  return {
    end,
    endNow,
    endAhead,
    removeAhead: async (userId, why, but) => {
      await endAhead(userId, why, but);
      await whileFull(() => database.forClient(why.by).transaction((transaction) => model.deleteEndedOf(userId, SLICE, transaction)));
    },
    ...createRenewals(parts, slices, isMany),
    endEverything: createEndEverything(parts),
  };
}

/** How the access tokens of a user are invalidated while the sessions go on. */
function createRenewals(
  { model, revocations }: Pick<Parts, 'model' | 'revocations'>,
  slices: ReturnType<typeof createSlices>,
  isMany: (userId: number) => Promise<boolean>,
): Pick<Endings, 'renew' | 'renewAhead'> {
  const renewSlice: SliceWork = async (facts, transaction) => {
    const change = { refused_through: literal('counter'), version: literal('version + 1') };
    await model.update(change, { where: { id: facts.map(({ id }) => id) }, transaction });
    await revocations.record(
      facts.map(({ id, counter }) => ({ id, through: counter })),
      transaction,
    );
  };
  return {
    renew: (userId, transaction) => slices.inOne(valid(userId), transaction, renewSlice),
    renewAhead: async (userId, by) => {
      if (await isMany(userId)) await slices.inMany({ which: valid(userId), by }, renewSlice);
    },
  };
}

/** How everything ends after a restore, slice by slice in the one transaction that it is part of. */
const createEndEverything =
  ({ model, revocations, clock }: Pick<Parts, 'model' | 'revocations' | 'clock'>): Endings['endEverything'] =>
  async (ahead, transaction) => {
    await revocations.lock(transaction);
    const time = new Date(clock.now());
    const dated = await model.idsDatedAfter(time, transaction);
    const live = await model.countLive(time, transaction);
    const reason: EndReason = 'restored';
    await whileFull(() => model.endAny({ ended_at: time, expires_at: time, end_reason: reason }, SLICE, transaction));
    await revocations.recordEverything(transaction);
    // By their date alone these tokens would outlive it.
    const ids = [...new Set([...ahead, ...dated])];
    for (let from = 0; from < ids.length; from += SLICE) {
      const part = ids.slice(from, from + SLICE).map((id) => ({ id, through: null }));
      await revocations.record(part, transaction);
    }
    return live;
  };

/** The sessions of a user that may have valid access tokens. */
const valid = (userId: number): Which => ({ user_id: userId, counter: { [Op.gt]: col('refused_through') } });

/** Repeats a step that works on up to `SLICE` rows until it finds fewer. */
async function whileFull(step: () => Promise<number>): Promise<void> {
  for (let found = SLICE; found === SLICE;) found = await step();
}

type SliceWork = (facts: readonly SessionFacts[], transaction: Transaction) => Promise<void>;

/** Walks the live sessions that fit, oldest first, a locked slice at a time. */
function createSlices({ model, revocations, database, clock }: Pick<Parts, 'model' | 'revocations' | 'database' | 'clock'>) {
  const walk = async (step: (after: SessionPlace | undefined) => Promise<SessionPlace | undefined>): Promise<void> => {
    let place = await step(undefined);
    while (place !== undefined) place = await step(place);
  };
  /** Works on the slice behind a place. Returns where the next one begins; undefined behind the last. */
  const workOn = async (
    { which, after }: { which: Which; after: SessionPlace | undefined },
    work: SliceWork,
    transaction: Transaction,
  ): Promise<SessionPlace | undefined> => {
    const now = new Date(clock.now());
    const places = await model.oldestLive(which, now, { limit: SLICE, after }, transaction);
    // By their ids alone: with the user's beside them, SQLite would read all rows of the user for each slice.
    const facts = places.length === 0 ? [] : await model.lockLiveFacts({ id: places.map(({ id }) => id) }, now, transaction);
    if (facts.length > 0) await work(facts, transaction);
    return places.length === SLICE ? places.at(-1) : undefined;
  };
  return {
    inOne: async (which: Which, transaction: Transaction, work: SliceWork): Promise<void> => {
      await revocations.lock(transaction);
      await walk((after) => workOn({ which, after }, work, transaction));
    },
    inMany: ({ which, by }: { which: Which; by: Doer }, work: SliceWork): Promise<void> =>
      walk((after) =>
        database.forClient(by).transaction(async (transaction) => {
          await revocations.lock(transaction);
          return workOn({ which, after }, work, transaction);
        }),
      ),
  };
}

/** How many sessions of whom have ended. */
interface Tally {
  add(facts: readonly SessionFacts[]): void;
  total(): number;
  /** By user; `sessionId` where it was one. */
  users(): Iterable<{ readonly userId: number; readonly count: number; readonly sessionId: string | null }>;
}

function createTally(facts: readonly SessionFacts[] = []): Tally {
  const users = new Map<number, { userId: number; count: number; sessionId: string | null }>();
  let total = 0;
  const add: Tally['add'] = (more) => {
    total += more.length;
    for (const { id, user_id } of more) {
      const known = users.get(user_id);
      if (known === undefined) users.set(user_id, { userId: user_id, count: 1, sessionId: id });
      else Object.assign(known, { count: known.count + 1, sessionId: null });
    }
  };
  add(facts);
  return { add, total: () => total, users: () => users.values() };
}

/** Records and logs that sessions have ended: once for each user, however many there were. */
function createReporting({ audit, logger }: Pick<Parts, 'audit' | 'logger'>) {
  return {
    record: (ended: Tally, { reason, by }: Ending, transaction: Transaction): void => {
      for (const { userId, count, sessionId } of ended.users())
        audit.record({ type: 'session.ended', by, userId, sessionId, details: { reason, sessions: count } }, transaction);
    },
    log: (ended: Tally, { reason }: Ending): void => {
      const level = reason === 'refresh_token_reused' ? 'warn' : 'info';
      for (const { userId, count, sessionId } of ended.users()) {
        if (sessionId === null) logger[level]({ user_id: userId, sessions: count, reason }, 'sessions ended');
        else logger[level]({ session_id: sessionId, user_id: userId, reason }, 'session ended');
      }
    },
  };
}
