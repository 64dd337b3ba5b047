import Joi from 'joi';
import type { AccountSettings } from './settings.js';

/** Their rules; they are spread into those of all settings. */
export const accountSettings: Joi.StrictSchemaMap<AccountSettings> = {
  REGISTRATION: Joi.string()
    .valid('open', 'invite', 'closed')
    .default('open')
    .description(
      '`open`: every client may register an account. `invite` and `closed`: `POST /register` is 404 `not_found`, which says to ask for an invitation, or that registration is closed. Administrators, imports and the command line add accounts under each.',
    ),
  EMAIL_VERIFICATION_HOURS: Joi.number()
    .integer()
    .min(1)
    .max(168)
    .default(24)
    .unit('hours')
    .description('How long the link of a verification mail is valid after the mail was sent.'),
  PASSWORD_MIN_LENGTH: Joi.number()
    .integer()
    .min(8)
    .max(64)
    .default(8)
    .unit('characters')
    .description(
      'Minimum length of a new password, in code points. NIST SP 800-63B-4 recommends 15 where there is no second factor. Passwords that are set stay valid.',
    ),
};
