import { randomBytes, randomUUID } from 'node:crypto';
import type { Transaction } from 'sequelize';
import { createDatabase } from '../../src/adapters/database.js';
import type { Mailer, OutgoingMail } from '../../src/adapters/mailer.js';
import { migrate } from '../../src/adapters/migrator.js';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { createModels } from '../../src/models/index.js';
import type { OutboxMail, OutboxMailModel } from '../../src/models/outbox-mail.model.js';
import { createLogger } from '../../src/observability/logger.js';
import type { Mail } from '../../src/services/outbox/mail.js';
import { createOneTimeTokenService } from '../../src/services/one-time-token.service.js';
import { createOutboxService, type OutboxService } from '../../src/services/outbox/outbox.service.js';
import type { TestTarget } from './test-database.js';
import { alone } from './root-keys.js';

export const APP = { appName: 'Lingomate', appUrl: 'https://app.example.com' } as const;
export const TOKEN = 'canary-token-3fQ9zL';
export const ROOT_KEY = randomBytes(64).toString('base64url');

/** A mail with a link, to post. */
export const resetMail = (token = TOKEN): Mail => ({
  purpose: 'password_reset',
  token,
  tokenId: randomUUID(),
  minutes: 10,
});

interface Options {
  readonly mailer?: Mailer;
  readonly rootKey?: string;
  readonly production?: boolean;
  readonly queueLimit?: number;
  readonly clock?: MovableClock;
}

/** An outbox over a connection of its own to a database. */
export interface TestOutbox extends OutboxService {
  readonly clock: MovableClock;
  readonly log: string[];
  readonly model: OutboxMailModel;
  /** Posts in a transaction of their own. */
  postNow(...mails: readonly (readonly [mail: Mail, to: string | null])[]): Promise<void>;
  /** Every row, oldest first. */
  rows(): Promise<OutboxMail[]>;
}

export async function openOutbox({ target }: TestTarget, options: Options = {}): Promise<TestOutbox> {
  const { mailer, rootKey = ROOT_KEY, production = false, queueLimit = 1000, clock = movableClock(Date.UTC(2026, 10, 25, 12)) } = options;
  const database = createDatabase(target);
  await migrate(database);
  const { OutboxMail: model, OneTimeToken } = createModels(database.sequelize);
  const log: string[] = [];
  const logger = createLogger({ level: 'trace', readable: false, destination: { write: (line) => log.push(line) } });
  const settings = { ...APP, keepsContent: !production, queueLimit };
  const rootKeys = alone(rootKey);
  const oneTimeTokens = createOneTimeTokenService({ model: OneTimeToken, database, rootKeys, clock, verificationHours: 24 });
  const outbox = createOutboxService({ model, database, rootKeys, oneTimeTokens, mailer, settings, clock, logger });
  /** The row of the token that a mail has. */
  const keepToken = async (mail: Mail, transaction: Transaction): Promise<void> => {
    if (!('token' in mail)) return;
    const [created_at, expires_at] = [new Date(clock.now()), new Date(clock.now() + mail.minutes * 60_000)];
    const nobodys = { user_id: null, email_fold: null, used_at: null, issuer_kind: null, issuer_id: null };
    const row = { id: mail.tokenId, purpose: mail.purpose, token_hash: mail.tokenId, created_at, expires_at, ...nobodys };
    await OneTimeToken.create(row, { transaction });
  };
  return {
    ...outbox,
    clock,
    log,
    model,
    postNow: (...mails) =>
      database.transaction(async (transaction) => {
        for (const [mail, to] of mails) {
          await keepToken(mail, transaction);
          await outbox.post(mail, to, transaction);
        }
      }),
    rows: () =>
      model.findAll({
        order: [
          ['created_at', 'ASC'],
          ['id', 'ASC'],
        ],
      }),
    close: async () => {
      await outbox.close();
      await database.close();
    },
  };
}

/** A mailer in memory, whose moods a test decides. */
export interface TestMailer extends Mailer {
  /** What was handed to it, whatever became of that. */
  readonly tried: OutgoingMail[];
  readonly sent: OutgoingMail[];
  /** What happens to a mail; throws where it is not taken. */
  onSend: (mail: OutgoingMail) => void | Promise<void>;
}

export function createTestMailer(): TestMailer {
  const mailer: TestMailer = {
    tried: [],
    sent: [],
    onSend: () => undefined,
    send: async (mail) => {
      mailer.tried.push(mail);
      await mailer.onSend(mail);
      mailer.sent.push(mail);
    },
    close: () => undefined,
  };
  return mailer;
}
