import Joi from 'joi';
import { EMAIL_UNITS, isEmailAddress } from '../lib/email-address.js';
import { DISPLAY_NAME_RULES, displayNameFault, USERNAME_FORMAT, USERNAME_RULES, usernameFault } from '../lib/names.js';
import { readUuid } from '../lib/uuid.js';
import {
  isPasswordText,
  NOT_PASSWORD_TEXT,
  PASSWORD_LENGTH,
  passwordFaults,
  passwordFaultText,
} from '../services/password/password-policy.js';

/**
 * Rules that Joi can't show in an OpenAPI document by itself are said there under `x-rules`, which the document's maker
 * lifts into the schema: lengths in JSON Schema count code points, as ours do and Joi's don't.
 */
const rules = (jsonSchema: object): { 'x-rules': object } => ({ 'x-rules': jsonSchema });

const { fewest, most } = USERNAME_RULES;

/** Of PostgreSQL's integer. */
const MOST_USER_ID = 2 ** 31 - 1;

/** A new name. Checked in NFKC, kept as typed. */
export const newUsername = Joi.string()
  .custom((value: string, helpers) => {
    const fault = usernameFault(value);
    return fault === undefined ? value : helpers.error(`username.${fault}`);
  })
  .messages({
    'string.empty': `needs ${fewest} characters or more`,
    'username.too_short': `needs ${fewest} characters or more`,
    'username.too_long': `may have ${most} characters at most`,
    'username.format': USERNAME_FORMAT,
  })
  .meta(rules({ minLength: 1 }))
  .description(
    `After NFKC ${fewest} to ${most} letters, marks and digits of any script and \`. _ - @ +\`, none of them invisible. Names that differ by case, width or composition are one. A name may look like an e-mail address; it is no evidence of one.`,
  )
  .example('ada');

/** Tells one of the rules that a password breaks, by its place among them: Joi takes one fault from each check. */
const passwordRule =
  (place: number, minLength: number): Joi.CustomValidator<string> =>
  (value, helpers) => {
    if (!isPasswordText(value)) return place === 0 ? helpers.error('password.text') : value;
    const ancestors: unknown = helpers.state.ancestors;
    const body: unknown = Array.isArray(ancestors) ? ancestors[0] : undefined;
    const username =
      typeof body === 'object' && body !== null && 'username' in body && typeof body.username === 'string' ? body.username : undefined;
    const fault = passwordFaults(value, { minLength, username })[place];
    return fault === undefined ? value : helpers.error(fault);
  };

const PASSWORD_CODES = ['password_too_short', 'password_too_long', 'password_too_common', 'password_contains_username'] as const;

/** Returns the schema of a new password of at least `minLength` code points, of the user that the same body names in `username`. */
export const newPassword = (minLength: number): Joi.StringSchema =>
  Joi.string()
    .custom(passwordRule(0, minLength))
    .custom(passwordRule(1, minLength))
    .messages({
      'string.empty': passwordFaultText('password_too_short', minLength),
      'password.text': NOT_PASSWORD_TEXT,
      ...Object.fromEntries(PASSWORD_CODES.map((code) => [code, passwordFaultText(code, minLength)])),
    })
    .meta(rules({ minLength, maxLength: PASSWORD_LENGTH.most, format: 'password' }))
    .description('Any characters but NUL, taken exactly as sent. Not a common one, and not the username.')
    .example('correct horse battery staple');

/** An e-mail address as an account may claim it. */
export const emailAddress = Joi.string()
  .max(EMAIL_UNITS)
  .custom((value: string, helpers) => (isEmailAddress(value) ? value : helpers.error('string.email')))
  .messages({ 'string.email': 'must be an e-mail address', 'string.empty': 'must not be empty: leave it out' })
  .meta(rules({ format: 'email' }))
  .description('Several accounts may claim one address. Compared without case, and with the domain in its A-label form.')
  .example('ada@example.com');

/** A display name: one visible line of any script, without marks that turn the direction of what stands around it. */
export const displayName = Joi.string()
  .custom((value: string, helpers) => {
    const fault = displayNameFault(value);
    return fault === undefined ? value : helpers.error(`display_name.${fault}`);
  })
  .messages({
    'string.empty': 'must not be empty: leave it out',
    'display_name.too_long': `may have ${DISPLAY_NAME_RULES.most} characters at most`,
    'display_name.format': 'must be one line of text that can be seen',
  })
  .meta(rules({ minLength: 1, maxLength: DISPLAY_NAME_RULES.most }))
  .example('Ada Lovelace');

/** A string that is compared and never refused for what it is. */
export const anyString = Joi.string().allow('');

/** ISO 8601 in UTC with milliseconds. */
export const timestamp = Joi.string()
  .isoDate()
  .meta(rules({ format: 'date-time' }))
  .example('2026-11-23T09:30:00.000Z');

/** The id of a user in a path. What is none is nobody's: 0. */
export const userId = Joi.string()
  .required()
  .custom((value: string) => (/^[1-9]\d{0,9}$/.test(value) && Number(value) <= MOST_USER_ID ? Number(value) : 0))
  .description('Of a user.')
  .example('1');

/**
 * A UUID in a path, in either case (RFC 9562 §4). Any other text is the id of nothing and stays as it is: the service
 * answers `not_found`.
 */
export const uuidInPath = Joi.string()
  .required()
  .custom((value: string) => readUuid(value) ?? value);

const PAGE = { usual: 20, most: 100 } as const;

/** How many items of a list; a query holds text. */
export const limit = Joi.string()
  .pattern(/^([1-9]\d?|100)$/)
  .custom(Number)
  .default(PAGE.usual)
  .meta(rules({ type: 'integer', minimum: 1, maximum: PAGE.most }))
  .messages({ 'string.pattern.base': `must be a whole number from 1 to ${PAGE.most}` })
  .description(`How many, ${PAGE.usual} if left out.`);

/** Which piece of a list. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}
export const pageQuery = Joi.object<PageQuery>({
  limit,
  cursor: Joi.string().description('The `next_cursor` of the piece before.'),
}).unknown();
