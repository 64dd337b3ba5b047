import Joi from 'joi';
import type { CookieSettings } from './settings.js';

/** A token (RFC 6265 §4.1.1). Names that begin with `__` are prefixes, of which browsers hold this service's cookie to the strictest. */
const COOKIE_NAME = /^(?:__Host-)?(?!__)[\w!#$%&'*+.^`|~-]{1,64}$/;

export const cookieSettings = {
  COOKIE_NAME: Joi.string()
    .pattern(COOKIE_NAME)
    .default('__Host-refresh_token')
    .when('NODE_ENV', { is: 'production', then: Joi.string().pattern(/^__Host-/, 'prefix') })
    .messages({
      'string.pattern.base':
        "{#label} must be __Host- and up to 64 letters, digits or any of !#$%&'*+-.^_`|~, such as __Host-shop_refresh_token; no other name may begin with __",
      'string.pattern.name':
        '{#label} must begin with __Host- in production: other hosts of the domain can set a cookie without that prefix',
    })
    .description(
      'Name of the refresh cookie; the device cookie is `__Host-device`, or `<COOKIE_NAME>-device` where this is set. Give each instance on one host name a name of its own.',
    ),
  CLEAR_SITE_DATA: Joi.string()
    .valid('off', 'storage')
    .default('off')
    .description(
      '`storage` makes a log-out by cookie clear what pages of this origin have stored (`Clear-Site-Data`). Only where no other app shares the origin.',
    ),
} as const satisfies Record<keyof CookieSettings, Joi.Schema>;
