import type { MailboxController } from '../controllers/mailbox.controller.js';
import { mailboxQuery, mailboxResponse } from '../validators/mailbox.validator.js';
import { handler, type Route } from './route.js';

/** Absent in production and behind a trusted proxy. */
export const mailboxRoutes = ({ list }: MailboxController): Route[] => [
  {
    method: 'get',
    path: '/dev/mailbox',
    guard: 'this-machine',
    handler: handler({ query: mailboxQuery }, list),
    id: 'mailbox',
    tag: 'Operations',
    summary: 'The mails of late, in development',
    description:
      'The newest 100, newest first. Only for direct requests from the machine where the service runs, to `localhost` or a loopback address; all others get 404: those with a forwarding header, and every request in production or with `TRUST_PROXY` above 0. A browser gets a page.',
    replies: { 200: { description: 'The mails, with the link and token of each.', schema: mailboxResponse, page: true } },
    errors: ['not_found'],
  },
];
