import Joi from 'joi';
import { CODES } from '../errors/codes.js';

/** One error, everywhere (RFC 9457). */
export const problemResponse = Joi.object({
  type: Joi.string().required().example('/errors#username_taken'),
  title: Joi.string().required().example('Conflict'),
  status: Joi.number().integer().required().example(409),
  detail: Joi.string().required().example('Username already registered'),
  code: Joi.string()
    .valid(...Object.keys(CODES))
    .required()
    .example('username_taken'),
  request_id: Joi.string().required().example('7f1c1a52-5f0e-4d52-8a6e-0f6f5b7f7b11'),
  errors: Joi.array()
    .items(Joi.object({ path: Joi.string().allow('').required(), code: Joi.string().required(), message: Joi.string().required() }))
    .description('Validation only: what is wrong with which member.'),
  max_age: Joi.number()
    .integer()
    .description('`reauthentication_required` only: how old, in seconds, the authentication may be (RFC 9470).')
    .example(300),
  acr_values: Joi.string()
    .description('`reauthentication_required` only, where a stronger authentication is required: every accepted acr, separated by spaces.')
    .example('aal2 phr'),
  parts: Joi.object().unknown().description('Readiness only: the state of each part.'),
}).label('Problem');

/** The same with the members that OAuth clients read (RFC 6749 §5.2). */
export const oauthProblemResponse = problemResponse
  .keys({
    error: Joi.string().required().example('invalid_grant'),
    error_description: Joi.string().required().example('Incorrect username or password'),
  })
  .label('OAuthProblem');

export const errorListResponse = Joi.object({
  data: Joi.array()
    .items(
      Joi.object({
        code: Joi.string().required().example('username_taken'),
        status: Joi.number().integer().required().example(409),
        title: Joi.string().required().example('Conflict'),
        detail: Joi.string().required().example('Username already registered'),
      }),
    )
    .required(),
  next_cursor: Joi.string().valid(null).required(),
}).label('ErrorList');

/** Where the index leads a newcomer. */
export const INDEX_LINKS = {
  docs: '/docs',
  openapi: '/openapi.json',
  postman: '/postman.json',
  postman_environment: '/postman-environment.json',
  errors: '/errors',
  ready: '/health/ready',
} as const;

export const indexResponse = Joi.object({
  name: Joi.string().required().example('Lingomate Auth'),
  version: Joi.string().example('0.0.0').description('Absent in production (ASVS 13.4.6).'),
  links: Joi.object(
    Object.fromEntries(Object.entries(INDEX_LINKS).map(([name, path]) => [name, Joi.string().required().example(path)])),
  ).required(),
}).label('Index');

/** A document whose own standard says what it holds. */
export const anyDocument = Joi.object().unknown().label('Document');

export const assetPath = Joi.object<{ asset: string }>({ asset: Joi.string().required().example('swagger-ui.css') });
