import type { TokenController } from '../controllers/token.controller.js';
import {
  introspectBody,
  introspectResponse,
  logOutBody,
  logOutQuery,
  refreshBody,
  revocationsQuery,
  revocationsResponse,
  revokeBody,
  STEP_UP_GRANT,
  stepUpBody,
  tokenBody,
  tokenPath,
  tokenResponse,
  validTokenResponse,
} from '../validators/token.validator.js';
import { LIMIT } from './limits.js';
import { byGrantType, handler, type Handler, type Route, signInHandler } from './route.js';

const isValid = "pm.expect(answer).to.eql({ message: 'Token is valid' });";

/** What the token endpoint takes, by `grant_type`; the first is the usual one. */
export const grantsOf = ({ logIn, refresh, presentedToken, stepUp }: TokenController): Readonly<Record<string, Handler>> => ({
  password: handler({ body: tokenBody, limit: LIMIT.logIn }, logIn),
  refresh_token: handler({ body: refreshBody, limit: (asked) => LIMIT.refresh(presentedToken(asked)) }, refresh),
  [STEP_UP_GRANT]: signInHandler({ body: stepUpBody, limit: LIMIT.stepUp }, stepUp),
});

const COOKIE = { 'Set-Cookie': 'The refresh token, where it travels in a cookie; and at a log-in one by which the device is known.' };

/** Logging in and staying so. */
export const tokenRoutes = (controller: TokenController, grants: ReturnType<typeof grantsOf>): Route[] => [
  tokenRoute(grants),
  {
    method: 'get',
    path: '/verify-token',
    guard: 'access-token',
    handler: handler({}, controller.verifyHeader),
    id: 'verifyToken',
    tag: 'Tokens',
    summary: 'Verify the access token in the Authorization header',
    replies: { 200: { description: 'The token is valid.', schema: validTokenResponse } },
    postman: { asserts: [isValid] },
  },
  {
    method: 'get',
    path: '/verify-token/:token',
    guard: 'public',
    handler: handler({ params: tokenPath }, controller.verifyPath),
    id: 'verifyTokenInPath',
    tag: 'Tokens',
    summary: 'Verify the access token in the path',
    description: 'The form of the FastAPI original. A path is easily kept by what lies between: prefer the header.',
    replies: { 200: { description: 'The token is valid.', schema: validTokenResponse } },
    errors: ['invalid_token'],
    postman: { params: { token: '{{access_token}}' }, asserts: [isValid] },
  },
  ...endingRoutes(controller),
  ...serviceRoutes(controller),
];

const tokenRoute = (grants: ReturnType<typeof grantsOf>): Route => ({
  method: 'post',
  path: '/token',
  guard: 'public',
  oauth: true,
  handler: byGrantType(grants),
  id: 'logIn',
  tag: 'Tokens',
  summary: 'Log in, refresh, or step up',
  description:
    'As JSON or as a form. `grant_type` is `password`, or `refresh_token` for the next tokens of a session: any number of tabs may refresh with one token at once, and a lost answer may be asked for again. Without any refresh token, as on a first visit, it is 401 `authentication_required`: show the log-in. `urn:lingomate:grant:step-up` authenticates the user of the Bearer token again, on the same session: the new access token, which comes without a refresh token, and those issued later carry the time.',
  replies: { 200: { description: 'An access token, and a refresh token for the next one.', schema: tokenResponse, headers: COOKIE } },
  errors: [
    'invalid_grant',
    'refresh_token_reused',
    'session_revoked',
    'unsupported_grant_type',
    'invalid_credentials',
    'authentication_required',
    'account_disabled',
    'overloaded',
  ],
  postman: {
    body: { username: '{{username}}', password: '{{password}}', refresh_transport: 'body' },
    variants: [
      { summary: 'Refresh', body: { grant_type: 'refresh_token', refresh_token: '{{refresh_token}}' } },
      {
        summary: 'Step up',
        body: { grant_type: STEP_UP_GRANT, password: '{{password}}' },
        auth: 'access_token',
        keeps: { access_token: 'access_token' },
      },
    ],
    keeps: { access_token: 'access_token', refresh_token: 'refresh_token' },
    asserts: ["pm.expect(answer.token_type).to.eql('bearer');", 'pm.expect(answer.expires_in).to.be.above(0);'],
  },
});

function endingRoutes({ logOut, revoke }: TokenController): Route[] {
  return [
    {
      method: 'post',
      path: '/logout',
      guard: 'anybody',
      bodyOptional: true,
      handler: handler({ body: logOutBody, query: logOutQuery }, logOut),
      id: 'logOut',
      tag: 'Tokens',
      summary: 'Log out',
      description:
        'Takes effect on the very next request. The session is known by the access token, or by its refresh token in the body or the cookie where that has expired.',
      replies: {
        204: {
          description: 'The session has ended, with its tokens.',
          headers: {
            'Set-Cookie': 'Takes the refresh cookie away, where there is one, whatever it holds.',
            'Clear-Site-Data': '`"storage"`, where there is a cookie and CLEAR_SITE_DATA is `storage`.',
          },
        },
      },
      errors: ['authentication_required', 'invalid_token', 'malformed_request'],
      postman: { last: true, body: { refresh_token: '{{refresh_token}}' } },
    },
    {
      method: 'post',
      path: '/revoke',
      guard: 'anybody',
      oauth: true,
      handler: handler({ body: revokeBody }, revoke),
      id: 'revoke',
      tag: 'Tokens',
      summary: 'End the session of a token',
      description:
        'RFC 7009. An access or refresh token will do, and an unknown one is answered alike. Sent with somebody else’s Bearer it changes nothing.',
      replies: { 200: { description: 'The token is not good, or no longer.' } },
      postman: { last: true, body: { token: '{{refresh_token}}' } },
    },
  ];
}

/** For resource servers. */
function serviceRoutes({ introspect, revocations }: TokenController): Route[] {
  return [
    {
      method: 'post',
      path: '/introspect',
      guard: { scope: 'introspect' },
      oauth: true,
      handler: handler({ body: introspectBody, limit: LIMIT.introspection }, introspect),
      id: 'introspect',
      tag: 'Tokens',
      summary: 'What a token is good for',
      description: 'RFC 7662, for resource servers: needs a service key, or an access token, with the scope `introspect`.',
      replies: { 200: { description: 'Its facts, or `active: false` and nothing else.', schema: introspectResponse } },
      postman: { auth: 'service_key', body: { token: '{{access_token}}' } },
    },
    {
      method: 'get',
      path: '/revocations',
      guard: { scope: 'introspect' },
      handler: handler({ query: revocationsQuery }, revocations),
      id: 'revocations',
      tag: 'Tokens',
      summary: 'Sessions whose access tokens are refused',
      description:
        'For resource servers that verify tokens themselves and want a log-out to take effect with them too: ask again and again, with `since` the `next_cursor` before.',
      replies: { 200: { description: 'Those within one life of an access token.', schema: revocationsResponse } },
      postman: { auth: 'service_key' },
    },
  ];
}
