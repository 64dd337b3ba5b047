import type { TokenController } from '../controllers/token.controller.js';
import { tokenBody, tokenPath, tokenResponse, validTokenResponse } from '../validators/token.validator.js';
import { byGrantType, plain, type Route, withBody, withParams } from './route.js';

const isValid = "pm.expect(answer).to.eql({ message: 'Token is valid' });";

export const tokenRoutes = ({ logIn, verifyHeader, verifyPath }: TokenController): Route[] => [
  {
    method: 'post',
    path: '/token',
    guard: 'public',
    oauth: true,
    handler: byGrantType({ password: withBody(tokenBody, logIn) }),
    id: 'logIn',
    tag: 'Tokens',
    summary: 'Log in and obtain an access token',
    description: 'As JSON or as a form. A wrong name and a wrong password are told apart by nothing, the time included.',
    replies: { 200: { description: 'An access token.', schema: tokenResponse } },
    errors: ['unsupported_grant_type', 'invalid_credentials', 'account_disabled', 'overloaded'],
    postman: {
      body: { username: '{{username}}', password: '{{password}}' },
      keeps: { access_token: 'access_token' },
      asserts: ["pm.expect(answer.token_type).to.eql('bearer');", 'pm.expect(answer.expires_in).to.be.above(0);'],
    },
  },
  {
    method: 'get',
    path: '/verify-token',
    handler: plain(verifyHeader),
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
    handler: withParams(tokenPath, verifyPath),
    id: 'verifyTokenInPath',
    tag: 'Tokens',
    summary: 'Verify the access token in the path',
    description: 'The form of the FastAPI original. A path is easily kept by what lies between: prefer the header.',
    replies: { 200: { description: 'The token is valid.', schema: validTokenResponse } },
    errors: ['invalid_token'],
    postman: { asserts: [isValid] },
  },
];
