import { randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { Mailer } from '../../adapters/mailer.js';
import { MailError } from '../../errors/mail-error.js';
import type { Clock } from '../../lib/clock.js';
import { every } from '../../lib/every.js';
import type { OutboxMail, OutboxMailModel } from '../../models/outbox-mail.model.js';
import type { Logger } from '../../observability/logger.js';
import { waitAfter, waitAfterRefusal } from './back-off.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import type { ContentSeal, KeptMail } from './mail-content.js';

/** How long a mail that is being sent may show no sign of life, until another process takes it over. */
export const LEASE_MS = 60_000;
const SIGN_MS = 15_000;
/** Refused so often, a recipient or a mail is given up. */
const MOST_REFUSALS = 3;
const TRY_AGAIN_MS = 250;

/** Sends claimed mails, one at a time each. */
export interface Sending {
  /** Takes the mail for this process, sends it, and writes down how that went; nothing where another process was faster. */
  send(mail: OutboxMail): Promise<void>;
  /** Whether this process is sending it. */
  has(id: string): boolean;
  /** Gives up on what could not be written down. */
  stop(): void;
}

interface Parts {
  readonly model: OutboxMailModel;
  readonly database: Database;
  readonly mailer: Mailer;
  readonly oneTimeTokens: Pick<OneTimeTokenService, 'startLife'>;
  readonly contents: ContentSeal;
  /** Whether what was sent can still be read. */
  readonly keepsContent: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Claimed {
  readonly mail: OutboxMail;
  readonly id: string;
  readonly claim: string;
  /** False for a mail whose token is worthless, or which a later one has replaced. */
  readonly isWanted: boolean;
}
type Change = Parameters<OutboxMailModel['changeClaimed']>[1];

export function createSending(parts: Parts): Sending {
  const { model, database, contents, oneTimeTokens, clock, logger } = parts;
  const underWay = new Set<string>();
  const trouble = createTrouble(logger);
  const wrapUp = createWrapUp(parts);

  const claim = (mail: OutboxMail, tokenIds: readonly string[]): Promise<Claimed | undefined> => {
    const claimed = { mail, id: mail.id, claim: randomUUID() };
    const change: Change = { state: 'sending', claim: claimed.claim, attempts: mail.attempts + 1, due_at: inFuture(clock, LEASE_MS) };
    const take = async (transaction: Transaction): Promise<Claimed | undefined> => {
      if (!(await model.changeFrom(mail, change, transaction))) return undefined;
      return { ...claimed, isWanted: tokenIds.length === 0 || (await oneTimeTokens.startLife(tokenIds, transaction)) };
    };
    return database.transaction(take, { ahead: true });
  };
  const sendClaimed = async (claimed: Claimed, content: KeptMail): Promise<Change> => {
    const { mail, id } = claimed;
    const alive = every(SIGN_MS, () => showLife(parts, claimed));
    try {
      await parts.mailer.send({ id, to: mail.recipient ?? '', subject: content.subject, text: content.text, html: content.html });
      trouble.isOver();
      return outcomes.sent(parts);
    } catch (error) {
      const fault = error instanceof MailError ? error : new MailError('unknown', { permanent: false });
      if (!fault.permanent) trouble.met(error);
      return outcomes.notSent(mail, fault, parts);
    } finally {
      await alive.stop();
    }
  };
  const outcomeOf = async (claimed: Claimed, content: KeptMail | undefined): Promise<Change> => {
    if (content === undefined) return outcomes.failed('unreadable', parts);
    return claimed.isWanted ? sendClaimed(claimed, content) : outcomes.dropped(parts);
  };
  return {
    has: (id) => underWay.has(id),
    stop: () => {
      wrapUp.stop();
    },
    send: async (mail) => {
      if (underWay.has(mail.id)) return;
      underWay.add(mail.id);
      try {
        const content = contents.open(mail);
        const claimed = await claim(mail, content?.tokenIds ?? []);
        if (claimed === undefined) return;
        const outcome = await outcomeOf(claimed, content);
        await wrapUp.write(claimed, outcome);
        if (outcome.state === 'failed') logger.warn({ mail_id: mail.id, purpose: mail.purpose }, 'a mail was given up');
      } finally {
        underWay.delete(mail.id);
      }
    },
  };
}

const inFuture = (clock: Clock, milliseconds: number): Date => new Date(clock.now() + milliseconds);

/** Has others see that the mail is being sent. */
async function showLife({ model, database, clock }: Parts, claimed: Claimed): Promise<void> {
  try {
    await database.transaction((transaction) => model.changeClaimed(claimed, { due_at: inFuture(clock, LEASE_MS) }, transaction), {
      ahead: true,
    });
  } catch {
    // The next sign may come through; whoever takes over sends what receivers know to be the same mail.
  }
}

/** How a try may end, as its row has it. */
const outcomes = {
  sent: ({ keepsContent, clock }: Parts): Change => ({
    state: 'sent',
    claim: null,
    last_error: null,
    finished_at: inFuture(clock, 0),
    ...(keepsContent ? {} : { sealed_content: null }),
  }),
  failed: (reason: string, parts: Parts): Change => ({ ...outcomes.sent(parts), state: 'failed', last_error: reason }),
  dropped: (parts: Parts): Change => ({ ...outcomes.sent(parts), state: 'dropped' }),
  notSent: (mail: OutboxMail, { permanent, message }: MailError, parts: Parts): Change => {
    const refusals = mail.refusals + (permanent ? 1 : 0);
    if (refusals >= MOST_REFUSALS) return { ...outcomes.failed(message, parts), refusals };
    const due_at = inFuture(parts.clock, permanent ? waitAfterRefusal(refusals) : waitAfter(mail.attempts + 1));
    return { state: 'waiting', claim: null, last_error: message, refusals, due_at };
  },
};

/** Writes down how a try ended, until that is done: what was sent and is not written down would be sent again. */
function createWrapUp({ model, database }: Parts): { write(claimed: Claimed, outcome: Change): Promise<void>; stop(): void } {
  let stopped = false;
  const write = async (claimed: Claimed, outcome: Change): Promise<void> => {
    try {
      await database.transaction((transaction) => model.changeClaimed(claimed, outcome, transaction), { ahead: true });
    } catch (error) {
      if (stopped) throw error;
      await new Promise((done) => setTimeout(done, TRY_AGAIN_MS));
      await write(claimed, outcome);
    }
  };
  return {
    write,
    stop: () => {
      stopped = true;
    },
  };
}

/** Tells once that the server takes no mails, and once that it does again. */
function createTrouble(logger: Logger): { met(error: unknown): void; isOver(): void } {
  let inTrouble = false;
  return {
    met: (error) => {
      if (!inTrouble)
        logger.warn({ reason: error instanceof MailError ? error.message : undefined }, 'sending mail failed; it is tried again');
      inTrouble = true;
    },
    isOver: () => {
      if (inTrouble) logger.info('sending mail works again');
      inTrouble = false;
    },
  };
}
