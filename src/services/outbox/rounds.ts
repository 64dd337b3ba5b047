import type { Database } from '../../adapters/database.js';
import type { Mailer } from '../../adapters/mailer.js';
import type { Clock } from '../../lib/clock.js';
import type { OutboxMail, OutboxMailModel } from '../../models/outbox-mail.model.js';
import type { Logger } from '../../observability/logger.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { ContentSeal } from './mail-content.js';
import { createSending, LEASE_MS, type Sending } from './sending.js';

/** Mails that are sent at once, by one process. */
const MOST_AT_ONCE = 5;
const READ_AT_ONCE = 50;
const DROPPED_AT_ONCE = 500;
/** How long a round waits for a slow server, so that mails that come later are not kept waiting behind it. */
const ROUND_MS = 2000;
const CLOSE_MS = 10_000;
/** How long it may take to write down that what was being sent then failed. */
const LAST_WORDS_MS = 1000;

/** What is sent, when, and by how many at once. */
export interface Rounds {
  next(): Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  readonly model: OutboxMailModel;
  readonly database: Database;
  readonly mailer: Mailer | undefined;
  readonly oneTimeTokens: Pick<OneTimeTokenService, 'startLife'>;
  readonly contents: ContentSeal;
  readonly keepsContent: boolean;
  /** How long after it was posted a mail is tried. */
  readonly triedMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createRounds(parts: Parts): Rounds {
  const { model, database, mailer, clock, triedMs } = parts;
  const sending = mailer === undefined ? undefined : createSending({ ...parts, mailer });
  const abandoned = createWatch(model, clock);
  const lanes = new Set<Promise<void>>();
  let closing = false;

  const dropForNobody = async (): Promise<void> => {
    if (!(await model.hasForNobody())) return;
    await database.transaction((transaction) => model.deleteForNobody(DROPPED_AT_ONCE, transaction), { ahead: true });
  };
  const findDue = async (current: Sending): Promise<OutboxMail[]> => {
    const isOurs = (id: string): boolean => current.has(id);
    const now = clock.now();
    const young = new Date(now - triedMs);
    const due = await model.findDue(new Date(now), young, READ_AT_ONCE);
    return [...(await abandoned.look(young, isOurs)), ...due].filter(({ id }) => !isOurs(id));
  };
  const openLanes = (mails: OutboxMail[], current: Sending): Promise<unknown> => {
    const lane = async (): Promise<void> => {
      for (let mail = mails.shift(); mail !== undefined && !closing; mail = mails.shift()) await current.send(mail);
    };
    const opened = Array.from({ length: Math.min(mails.length, MOST_AT_ONCE - lanes.size) }, lane);
    for (const one of opened) {
      lanes.add(one);
      const done = (): boolean => lanes.delete(one);
      one.then(done, done);
    }
    return Promise.all(opened);
  };
  return {
    next: async () => {
      if (closing) return;
      await dropForNobody();
      if (sending === undefined || lanes.size >= MOST_AT_ONCE) return;
      const mails = await findDue(sending);
      if (mails.length > 0) await atMost(ROUND_MS, openLanes(mails, sending));
    },
    close: async () => {
      closing = true;
      await atMost(CLOSE_MS, Promise.allSettled(lanes));
      sending?.stop();
      mailer?.close();
      await atMost(LAST_WORDS_MS, Promise.allSettled(lanes));
    },
  };
}

/** Resolves with the work, or when the time is over. */
async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((done) => (timer = setTimeout(done, milliseconds)));
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Finds mails whose sender is dead: being sent, and without a sign of life for a whole lease. That is measured here, by a
 * clock that nobody sets; another machine's clock, or an hour that is put back, has no mail sent twice.
 */
function createWatch(model: OutboxMailModel, clock: Clock): { look(after: Date, isOurs: (id: string) => boolean): Promise<OutboxMail[]> } {
  let seen = new Map<string, { readonly sign: string; readonly since: number }>();
  return {
    look: async (after, isOurs) => {
      const before = seen;
      // What was not seen to be still, as the database was away, was not still.
      seen = new Map();
      const mails = (await model.findSending(after, READ_AT_ONCE)).filter(({ id }) => !isOurs(id));
      const now = clock.elapsed();
      return mails.filter(({ id, claim, due_at }) => {
        const sign = `${claim} ${due_at.getTime()}`;
        const known = before.get(id);
        const since = known?.sign === sign ? known.since : now;
        seen.set(id, { sign, since });
        return now - since >= LEASE_MS;
      });
    },
  };
}
