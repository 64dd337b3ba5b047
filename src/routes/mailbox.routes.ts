import type { MailboxController } from '../controllers/mailbox.controller.js';
import { mailboxQuery, mailboxResponse } from '../validators/mailbox.validator.js';
import { handler, type Route } from './route.js';

/** Not there in production. */
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
      'The newest 100, newest first. For programs on the machine where the service runs, by `localhost` or a loopback address; 404 for everybody else, and for everybody in production. A browser gets a page.',
    replies: { 200: { description: 'The mails, with the link and token of each.', schema: mailboxResponse, page: true } },
    errors: ['not_found'],
  },
];
