import Joi from 'joi';
import { ACR_VALUES } from '../lib/acr.js';
import type { IntrospectionShape, RevocationShape, TokenShape } from '../presenters/token.presenter.js';
import type { LogOutScope } from '../services/session/session.service.js';
import { anyString, limit, timestamp } from './fields.js';

/** What a log-in by password sends. */
export interface TokenBody {
  readonly grant_type?: string;
  readonly username: string;
  readonly password: string;
  readonly refresh_transport?: 'body' | 'cookie' | '';
}

const secretString = anyString.meta({ 'x-rules': { format: 'password' } });

/** Unknown members are ignored (RFC 6749 §3.2), and any string is taken, so that adopted names and passwords work. */
export const tokenBody = Joi.object<TokenBody>({
  grant_type: anyString.description('`password`, which it is if left out.').example('password'),
  username: anyString.required().example('ada'),
  password: secretString.required().example('correct horse battery staple'),
  refresh_transport: Joi.string()
    .valid('body', 'cookie', '')
    .description('How the refresh token travels: in the answer, which it does if left out, or in a cookie that no script can read.'),
})
  .unknown()
  .label('LogIn');

/** What a refresh sends; the token may come in the cookie instead. */
export interface RefreshBody {
  readonly grant_type: 'refresh_token';
  readonly refresh_token?: string;
}

export const refreshBody = Joi.object<RefreshBody>({
  grant_type: Joi.string().valid('refresh_token').required().example('refresh_token'),
  refresh_token: secretString.description('Left out where it comes in the cookie.').example('0d9f5c0e-….1.…'),
})
  .unknown()
  .label('Refresh');

/** The `grant_type` by which a signed-in user authenticates again. */
export const STEP_UP_GRANT = 'urn:lingomate:grant:step-up';

/** What a step-up sends beside the Bearer token. */
export interface StepUpBody {
  readonly grant_type: typeof STEP_UP_GRANT;
  readonly password: string;
}

export const stepUpBody = Joi.object<StepUpBody>({
  grant_type: Joi.string().valid(STEP_UP_GRANT).required().example(STEP_UP_GRANT),
  password: secretString.required().example('correct horse battery staple'),
})
  .unknown()
  .label('StepUp');

export const tokenResponse = Joi.object<TokenShape>({
  access_token: Joi.string().required().example('eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6Ii4uLiJ9.e30.signature'),
  token_type: Joi.string().valid('bearer').required().example('bearer'),
  expires_in: Joi.number().integer().required().unit('seconds').example(1800),
  refresh_token: Joi.string()
    .description('Good for one set of new tokens. Absent where it travels in a cookie, and after a step-up.')
    .example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11.1.signature'),
  refresh_expires_in: Joi.number().integer().required().unit('seconds').example(2592000),
  scope: Joi.string().allow('').required().example('user'),
  user: Joi.object({
    id: Joi.number().integer().required().example(1),
    username: Joi.string().allow('').required().example('ada'),
  }).required(),
}).label('TokenResponse');

export const validTokenResponse = Joi.object({ message: Joi.string().valid('Token is valid').required().example('Token is valid') }).label(
  'TokenIsValid',
);

export const tokenPath = Joi.object<{ token: string }>({
  token: Joi.string().required().description('The access token. It is redacted in every log.').example('eyJ…'),
});

/** A token to look at, or to end (RFC 7662 §2.1, RFC 7009 §2.1). The hint is not needed: a token tells what it is. */
export interface IntrospectBody {
  readonly token: string;
  readonly token_type_hint?: string;
}
export type RevokeBody = IntrospectBody;

const oneToken = Joi.object<IntrospectBody>({
  token: secretString.required().example('eyJ…'),
  token_type_hint: anyString.example('access_token'),
}).unknown();
export const introspectBody = oneToken.label('Introspection');
export const revokeBody = oneToken.label('Revocation');

/** Its members depend on `active`, which a schema of Joi's can't show: only `active` is always there. */
export const introspectResponse = Joi.object<IntrospectionShape>({
  active: Joi.boolean().required().example(true),
  sub: Joi.string().example('1'),
  username: Joi.string().allow('').example('ada'),
  scope: Joi.string().allow('').example('user'),
  iat: Joi.number().integer().example(1795600000),
  exp: Joi.number().integer().example(1795601800),
  iss: Joi.string().example('http://localhost:8000'),
  aud: Joi.string().example('lingomate'),
  sid: Joi.string().example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'),
  token_type: Joi.string().valid('bearer', 'refresh_token').example('bearer'),
  auth_time: Joi.number().integer().description('When the user last authenticated.').example(1795600000),
  amr: Joi.array().items(Joi.string()).description('By which methods (RFC 8176).').example(['pwd']),
  acr: Joi.string()
    .valid(...ACR_VALUES)
    .description('How strong that authentication was.')
    .example('aal1'),
  client_id: Joi.string().example('lingomate'),
}).label('TokenFacts');

/** Where a resource server goes on reading. */
export interface RevocationsQuery {
  readonly since?: string;
  readonly limit: number;
}
export const revocationsQuery = Joi.object<RevocationsQuery>({
  since: Joi.string().description('The `next_cursor` of the answer before; left out, all that still counts is told.'),
  limit,
}).unknown();

export const revocationsResponse = Joi.object({
  data: Joi.array()
    .items(
      Joi.object<RevocationShape>({
        sid: Joi.string()
          .required()
          .description('`*` stands for every session, and then for all tokens issued up to `revoked_at`: a backup was put back.')
          .example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'),
        revoked_at: timestamp.required(),
        expires_at: timestamp.required().description('By then every access token of that session has expired.'),
        through: Joi.number()
          .integer()
          .description('Only where the session goes on, after a change of roles: access tokens up to this `refresh_counter` are refused.'),
      }),
    )
    .required(),
  next_cursor: Joi.string().required().description('Always there: the list goes on as sessions end.').example('42'),
}).label('Revocations');

export interface LogOutBody {
  readonly refresh_token?: string;
}
export const logOutBody = Joi.object<LogOutBody>({
  refresh_token: secretString.description('Tells whose session it is where the access token has expired.').example('0d9f5c0e-….1.…'),
}).label('LogOut');

export interface LogOutQuery {
  readonly scope: LogOutScope;
}
export const logOutQuery = Joi.object<LogOutQuery>({
  scope: Joi.string()
    .valid('this', 'others', 'all')
    .default('this')
    .description('`others` ends every other session of the user, `all` this one too.')
    .example('this'),
}).unknown();
