import Joi from 'joi';
import type { MailShape } from '../presenters/mailbox.presenter.js';
import { timestamp } from './fields.js';

const ADDRESS_CHARACTERS = 320;

export interface MailboxQuery {
  readonly to?: string;
}
export const mailboxQuery = Joi.object<MailboxQuery>({
  to: Joi.string()
    .allow('')
    .max(ADDRESS_CHARACTERS)
    .description('The mails to this address alone, whatever its case; to everybody, if left out.')
    .example('ada@example.com'),
}).unknown();

const LINK = 'http://localhost:3000/reset-password#token=vQ3…';

export const mailboxResponse = Joi.object({
  data: Joi.array()
    .items(
      Joi.object<MailShape>({
        id: Joi.string().required().example('0197f3a0-6d0f-7d0e-8b0a-2f6f4f1c7a11'),
        to: Joi.string().required().example('ada@example.com'),
        subject: Joi.string().required().example('Reset your Lingomate password'),
        purpose: Joi.string().required().example('password_reset'),
        text: Joi.string().required().example(`Hello,\n\n${LINK}\n`),
        html: Joi.string().required().example('<!doctype html>…'),
        link: Joi.string().allow(null).required().description('Null where the mail has none to follow.').example(LINK),
        token: Joi.string().allow(null).required().description('What the link hands over.').example('vQ3…'),
        created_at: timestamp.required(),
      }),
    )
    .required(),
}).label('Mailbox');
