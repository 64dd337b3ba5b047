import { randomInt } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Database } from '../../adapters/database.js';
import type { Mailer } from '../../adapters/mailer.js';
import { AppError } from '../../errors/app-error.js';
import type { Clock } from '../../lib/clock.js';
import { deriveKeys, type RootKeys } from '../../lib/derived-key.js';
import { foldEmail } from '../../lib/email-address.js';
import { orderedIds } from '../../lib/ordered-ids.js';
import type { OutboxMail, OutboxMailModel } from '../../models/outbox-mail.model.js';
import type { Logger } from '../../observability/logger.js';
import type { OneTimeTokenService } from '../one-time-token.service.js';
import { TRIED_MS } from './back-off.js';
import { type LetterSettings, type MailContent, writeMail } from './letters.js';
import { isSecurityNotice, type Mail } from './mail.js';
import { createContentSeal } from './mail-content.js';
import { createRounds } from './rounds.js';

/** How long what is done with is kept. */
const KEPT_MS = TRIED_MS;
const MOST_SHOWN = 100;
const PRUNED_AT_ONCE = 500;
/**
 * Below the limit so much of it is refused by chance, more often the fuller it is: at a sharp one, whoever had filled the
 * outbox could tell by the next refusal whether asking about somebody had added a mail that stays.
 */
const BLURRED = 0.1;
/** Security notices may fill the queue to twice its limit: whoever fills it with mails that anybody can ask for suppresses no notice. */
const NOTICE_RESERVE = 2;
/** Mails that wait in thousands wait for a server that is away. */
const RETRY = { details: { retryAfterSeconds: 60 } };

/** A mail as it may be looked at in development and in tests. */
export interface MailboxItem extends MailContent {
  readonly id: string;
  readonly to: string;
  readonly purpose: string;
  readonly createdAt: Date;
}

/** Mails by their fate. */
export interface MailCounts {
  /** Not sent yet. */
  readonly waiting: number;
  /** Given up within the last days. */
  readonly failed: number;
}

/** The one owner of mails: each is first a row that commits with what caused it, and then sent, once. */
export interface OutboxService {
  /**
   * Queues a mail in the transaction that causes it. Without a recipient (`to` null) it does the same work, so that a request for
   * an absent account costs the same; the next round drops that mail. Throws `overloaded` where too many mails wait. A security
   * notice never fails the action that it reports: it has a reserve beyond that limit, and is left out and logged where the
   * reserve is full too. Returns whether the mail was queued.
   */
  post(mail: Mail, to: string | null, transaction: Transaction): Promise<boolean>;
  /** Lists the readable mails, newest first, at most 100: those to one e-mail address, compared without case, or all. For development and tests. */
  mailbox(to?: string): Promise<MailboxItem[]>;
  /**
   * Runs one round: drops mails without a recipient and mails whose token was used, voided or replaced by a later one, and sends
   * those that are due, whose tokens begin to live then. Without a mailer it only drops mails without a recipient. Resolves when
   * all are sent or put off, or after two seconds; slow deliveries go on in the background.
   */
  deliver(): Promise<void>;
  /** Gives up what has waited for three days, and removes what was done with so long ago; as much as one transaction may take, and whether there is more. */
  prune(): Promise<boolean>;
  /** Removes every mail that is not sent yet, and says how many there were. */
  discardUnsent(transaction: Transaction): Promise<number>;
  /** How many wait, and how many were given up. */
  counts(): Promise<MailCounts>;
  /** Begins nothing more, and waits up to ten seconds for what is being sent. */
  close(): Promise<void>;
}

interface Parts {
  readonly model: OutboxMailModel;
  readonly database: Database;
  readonly rootKeys: RootKeys;
  readonly oneTimeTokens: Pick<OneTimeTokenService, 'startLife'>;
  /** Absent where mails only wait. */
  readonly mailer: Mailer | undefined;
  readonly settings: LetterSettings & {
    /** How many mails may wait. */
    readonly queueLimit: number;
    /** Whether mails can be read once they are sent: outside production. */
    readonly keepsContent: boolean;
  };
  readonly clock: Clock;
  readonly logger: Logger;
}

function itemOf({ id, recipient, purpose, created_at: createdAt }: OutboxMail, content: MailContent | undefined): MailboxItem[] {
  if (content === undefined || recipient === null) return [];
  const { subject, text, html, link, token } = content;
  return [{ id, to: recipient, purpose, createdAt, subject, text, html, link, token }];
}

const tokenIdsOf = (mail: Mail): string[] =>
  'token' in mail ? [mail.tokenId, ...('rejection' in mail ? [mail.rejection.tokenId] : [])] : [];

/** Reports whether a mail may be queued. Throws `overloaded` where too many wait, unless it is a security notice. */
async function hasRoom({ model, settings: { queueLimit }, logger }: Parts, mail: Mail, transaction: Transaction): Promise<boolean> {
  const isNotice = isSecurityNotice(mail);
  const bound = isNotice ? queueLimit * NOTICE_RESERVE : queueLimit - randomInt(Math.ceil(queueLimit * BLURRED));
  if (!(await model.hasUnsent(bound, transaction))) return true;
  if (!isNotice) throw new AppError('overloaded', RETRY);
  logger.warn({ purpose: mail.purpose }, 'a security notice was not queued: too many mails are waiting');
  return false;
}

export function createOutboxService(parts: Parts): OutboxService {
  const { model, database, rootKeys, settings, clock, logger } = parts;
  const contents = createContentSeal(deriveKeys(rootKeys, 'outbox'));
  const nextId = orderedIds(clock);
  const rounds = createRounds({ ...parts, contents, keepsContent: settings.keepsContent, triedMs: TRIED_MS });
  return {
    post: async (mail, to, transaction) => {
      if (!(await hasRoom(parts, mail, transaction))) return false;
      const [id, now] = [nextId(), new Date(clock.now())];
      const row = {
        id,
        purpose: mail.purpose,
        recipient: to,
        recipient_fold: to === null ? null : foldEmail(to),
        sealed_content: contents.close(id, { ...writeMail(mail, settings), tokenIds: tokenIdsOf(mail) }),
        state: 'waiting' as const,
        attempts: 0,
        refusals: 0,
        due_at: now,
        claim: null,
        last_error: null,
        created_at: now,
        finished_at: null,
      };
      await model.create(row, { transaction });
      return true;
    },
    mailbox: async (to) => {
      const rows = await model.newestReadable(to === undefined ? undefined : foldEmail(to), MOST_SHOWN);
      return rows.flatMap((row) => itemOf(row, contents.open(row)));
    },
    deliver: () => rounds.next(),
    prune: async () => {
      const now = clock.now();
      const change = {
        state: 'failed' as const,
        last_error: 'too old',
        finished_at: new Date(now),
        ...(settings.keepsContent ? {} : { sealed_content: null }),
      };
      const [given, removed] = await database.transaction(
        async (transaction) => [
          await model.giveUpWaiting(new Date(now - TRIED_MS), change, PRUNED_AT_ONCE, transaction),
          await model.deleteFinished(new Date(now - KEPT_MS), PRUNED_AT_ONCE, transaction),
        ],
        { ahead: true },
      );
      for (const { id, purpose } of given) logger.warn({ mail_id: id, purpose }, 'a mail was given up');
      return given.length === PRUNED_AT_ONCE || removed === PRUNED_AT_ONCE;
    },
    discardUnsent: (transaction) => model.destroy({ where: { state: ['waiting', 'sending'] }, transaction }),
    counts: async () => ({ waiting: await model.countOf(['waiting', 'sending']), failed: await model.countOf(['failed']) }),
    close: () => rounds.close(),
  };
}
