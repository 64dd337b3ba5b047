import Joi from 'joi';

/** The settings of how accounts begin, by their names in the environment. */
export interface AccountSettings {
  EMAIL_VERIFICATION_HOURS: number;
}

/** Their rules; they are spread into those of all settings. */
export const accountSettings: Joi.StrictSchemaMap<AccountSettings> = {
  EMAIL_VERIFICATION_HOURS: Joi.number()
    .integer()
    .min(1)
    .max(168)
    .default(24)
    .unit('hours')
    .description('How long the link of a verification mail is valid after the mail was sent.'),
};
