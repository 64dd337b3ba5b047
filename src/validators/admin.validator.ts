import Joi from 'joi';
import type { HandedLinkShape } from '../presenters/admin.presenter.js';
import type { AccountShape } from '../presenters/user.presenter.js';
import type { AccountPatch } from '../services/account/account-changes.js';
import type { NewAccount } from '../services/admin.service.js';
import { displayName, emailAddress, limit, newUsername, type PageQuery, timestamp, userId } from './fields.js';
import { accountMembers } from './user.validator.js';

export interface AccountPath {
  readonly id: number;
}
export const accountPath = Joi.object<AccountPath>({ id: userId });

export interface AccountQuery extends PageQuery {
  readonly q?: string;
  readonly role?: string;
  readonly status?: 'active' | 'disabled';
}
export const accountQuery = Joi.object<AccountQuery>({
  q: Joi.string().allow('').max(256).description('What a username, e-mail address or display name begins with; or an id.'),
  role: Joi.string().max(64).description('Those who have this role.'),
  status: Joi.string().valid('active', 'disabled').description('Those who may log in, or may not.'),
  limit,
  cursor: Joi.string().description('The `next_cursor` of the piece before.'),
}).unknown();

const MOST_ROLES = 100;

const roles = Joi.array()
  .items(Joi.string())
  .max(MOST_ROLES)
  // Joi's own rule compares each object of a list with all before it: a second of one core for a body of 100 kB.
  .custom((value: unknown[], helpers) => (new Set(value).size < value.length ? helpers.error('array.unique') : value))
  .meta({ 'x-rules': { uniqueItems: true } })
  .description('Of `user`, `admin` and those that are configured.')
  .example(['user']);

export const newAccountBody = Joi.object<NewAccount>({
  username: newUsername.required(),
  email: emailAddress.allow(null),
  roles,
  password_hash: Joi.string()
    .max(1024)
    .messages({ 'string.empty': 'must not be empty: leave it out' })
    .description('Of a format that an import takes. Left out, its owner is invited to set a password.'),
}).label('NewAccount');

export const accountPatchBody = Joi.object<AccountPatch>({
  username: newUsername,
  email: emailAddress.allow(null),
  display_name: displayName.allow(null),
  roles,
  disabled: Joi.boolean().strict().example(false),
}).label('AccountChange');

export const accountResponse = Joi.object<AccountShape>(accountMembers).label('Account');

const TOKEN = 'q0pZr5o0jq2y1m3XxVv5f8n7bq9d0c4tQe6wU2sYhLk';
const linkMembers = (page: string) => ({
  link: Joi.string().required().example(`https://app.example.com${page}#token=${TOKEN}`),
  expires_at: timestamp.required(),
});

export const madeAccountResponse = Joi.object({
  ...accountMembers,
  invitation: Joi.object({ ...linkMembers('/accept-invitation'), token: Joi.string().required().example(TOKEN) }).description(
    'Only for an account without an e-mail address: hand the link over. No other response has it.',
  ),
}).label('MadeAccount');

export const handedLinkResponse = Joi.object<HandedLinkShape>(linkMembers('/reset-password')).label('PasswordLink');

export const accountListResponse = Joi.object({
  data: Joi.array().items(accountResponse).required(),
  next_cursor: Joi.string().allow(null).required().example(null),
}).label('AccountList');
