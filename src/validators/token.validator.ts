import Joi from 'joi';
import type { TokenShape } from '../presenters/token.presenter.js';
import { anyString } from './fields.js';

/** What a log-in by password sends. */
export interface TokenBody {
  readonly grant_type?: string;
  readonly username: string;
  readonly password: string;
}

/** Unknown members are ignored (RFC 6749 §3.2), and any string is taken, so that adopted names and passwords work. */
export const tokenBody = Joi.object<TokenBody>({
  grant_type: anyString.description('`password`, which it is if left out.').example('password'),
  username: anyString.required().example('ada'),
  password: anyString
    .required()
    .meta({ 'x-rules': { format: 'password' } })
    .example('correct horse battery staple'),
})
  .unknown()
  .label('LogIn');

export const tokenResponse = Joi.object<TokenShape>({
  access_token: Joi.string().required().example('eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Ii4uLiJ9.e30.signature'),
  token_type: Joi.string().valid('bearer').required().example('bearer'),
  expires_in: Joi.number().integer().required().unit('seconds').example(1800),
  scope: Joi.string().required().example('user'),
  user: Joi.object({
    id: Joi.number().integer().required().example(1),
    username: Joi.string().allow('').required().example('ada'),
  }).required(),
}).label('TokenResponse');

export const validTokenResponse = Joi.object({ message: Joi.string().valid('Token is valid').required().example('Token is valid') }).label(
  'TokenIsValid',
);

export const tokenPath = Joi.object<{ token: string }>({
  token: Joi.string().required().description('The access token. It is redacted in every log.').example('{{access_token}}'),
});
