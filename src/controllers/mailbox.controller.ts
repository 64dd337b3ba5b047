import { mailboxPage, presentMail } from '../presenters/mailbox.presenter.js';
import type { OutboxService } from '../services/outbox/outbox.service.js';
import type { MailboxQuery } from '../validators/mailbox.validator.js';
import { type Asked, ok, type Reply } from './reply.js';

/** Mails hold text of strangers: nothing runs, and nothing is fetched but the icon. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export function createMailboxController({ outbox }: { outbox: Pick<OutboxService, 'mailbox'> }) {
  return {
    list: async ({ query: { to = '' }, wantsHtml }: Asked<undefined, undefined, MailboxQuery>): Promise<Reply> => {
      const mails = await outbox.mailbox(to === '' ? undefined : to);
      if (!wantsHtml) return ok({ data: mails.map(presentMail) });
      const content = { type: 'text/html; charset=utf-8', data: mailboxPage(mails, to) };
      return { status: 200, headers: { 'Content-Security-Policy': PAGE_POLICY }, content };
    },
  };
}
export type MailboxController = ReturnType<typeof createMailboxController>;
