import type { UserController } from '../controllers/user.controller.js';
import type { Code } from '../errors/codes.js';
import {
  deletionBody,
  passwordChangeBody,
  profileBody,
  profileResponse,
  recoveryCodesBody,
  recoveryCodesResponse,
  registerBody,
  userResponse,
  verificationBody,
} from '../validators/user.validator.js';
import { LIMIT } from './limits.js';
import { handler, type Route, userHandler } from './route.js';

export const PASSWORD_RULES: readonly Code[] = [
  'password_too_short',
  'password_too_long',
  'password_too_common',
  'password_contains_username',
];

export const userRoutes = (controller: UserController): Route[] => [
  registerRoute(controller),
  ...accountRoutes(controller),
  ...proofRoutes(controller),
];

const REGISTERED = {
  Location: 'Where the user can be read.',
  'Set-Cookie': 'A device cookie, unless a page of a foreign Origin asks.',
};

const registerRoute = ({ register }: UserController): Route => ({
  method: 'post',
  path: '/register',
  guard: 'public',
  handler: handler({ body: registerBody, limit: LIMIT.registration }, register),
  id: 'register',
  tag: 'Accounts',
  summary: 'Register a new user',
  replies: { 201: { description: 'The new user.', schema: userResponse, headers: REGISTERED } },
  errors: ['username_taken', ...PASSWORD_RULES, 'overloaded'],
  postman: {
    // A name that nobody has yet, so that the collection can be run again and again.
    before: ["pm.environment.set('username', 'postman-' + Date.now().toString(36));"],
    body: { username: '{{username}}', password: '{{password}}', email: '{{username}}@example.com' },
    asserts: ["pm.expect(answer.username).to.eql(pm.environment.get('username'));", "pm.expect(answer).to.not.have.property('password');"],
  },
});

const accountRoutes = ({ me, changeMe, changePassword, deleteMe }: UserController): Route[] => [
  {
    method: 'get',
    path: '/users/me',
    handler: userHandler({}, me),
    id: 'getMe',
    tag: 'Accounts',
    summary: 'The signed-in user',
    replies: { 200: { description: 'Who the access token is for.', schema: profileResponse } },
    postman: { asserts: ["pm.expect(answer.username).to.eql(pm.environment.get('username'));"] },
  },
  {
    method: 'patch',
    path: '/users/me',
    handler: userHandler({ body: profileBody, limit: LIMIT.profile }, changeMe),
    id: 'changeMe',
    tag: 'Accounts',
    summary: 'Change your name or e-mail address',
    description:
      'Another username or e-mail address needs the current password, or a log-in younger than five minutes. Another address ends every other session, is told to the old one, and has to be verified.',
    replies: { 200: { description: 'The user as they are now.', schema: profileResponse } },
    errors: ['username_taken', 'current_password_invalid', 'reauthentication_required', 'overloaded'],
    postman: { onlyBody: { display_name: 'Ada Lovelace' }, asserts: ["pm.expect(answer.display_name).to.eql('Ada Lovelace');"] },
  },
  {
    method: 'put',
    path: '/users/me/password',
    handler: userHandler({ body: passwordChangeBody, limit: LIMIT.provedSecurityChange }, changePassword),
    id: 'changePassword',
    tag: 'Accounts',
    summary: 'Change your password',
    description: 'Ends every other session.',
    replies: { 204: { description: 'The new password is the one that logs in.' } },
    errors: ['current_password_invalid', ...PASSWORD_RULES, 'conflict', 'overloaded'],
    postman: { body: { current_password: '{{password}}', new_password: '{{password}}' } },
  },
  {
    method: 'delete',
    path: '/users/me',
    handler: userHandler({ body: deletionBody, limit: LIMIT.provedSecurityChange }, deleteMe),
    id: 'deleteMe',
    tag: 'Accounts',
    summary: 'Delete your account',
    description: 'With its sessions, and for good.',
    replies: { 204: { description: 'The account is gone.' } },
    errors: ['current_password_invalid', 'conflict', 'overloaded'],
  },
];

/** How users show that an address is theirs, and how they come back. */
const proofRoutes = ({ requestVerification, isGoodVerification, verifyEmail, makeRecoveryCodes }: UserController): Route[] => [
  {
    method: 'post',
    path: '/users/me/email/verification',
    handler: userHandler({ limit: LIMIT.verificationMail }, requestVerification),
    id: 'requestEmailVerification',
    tag: 'Accounts',
    summary: 'Have your e-mail address verified',
    description: 'Sends it a link with a token that is good for ten minutes.',
    replies: { 202: { description: 'A mail is on its way, unless the address is verified.' } },
    errors: ['conflict'],
    postman: {},
  },
  {
    method: 'post',
    path: '/email/verify',
    guard: 'public',
    handler: handler({ body: verificationBody, limit: (asked) => LIMIT.oneTimeToken(() => isGoodVerification(asked)) }, verifyEmail),
    id: 'verifyEmail',
    tag: 'Accounts',
    summary: 'Verify an e-mail address by the token that was sent there',
    replies: { 204: { description: 'The address is its user’s, and logs in as their name does.' } },
    errors: ['token_invalid_or_expired', 'conflict'],
  },
  {
    method: 'post',
    path: '/users/me/recovery-codes',
    handler: userHandler({ body: recoveryCodesBody, limit: LIMIT.provedWrite }, makeRecoveryCodes),
    id: 'makeRecoveryCodes',
    tag: 'Accounts',
    summary: 'Make recovery codes',
    description: 'In place of those of before. They are shown this once; each sets a new password once, by `POST /password/reset`.',
    replies: { 201: { description: 'Keep them where the password is not.', schema: recoveryCodesResponse } },
    errors: ['current_password_invalid', 'overloaded'],
    postman: { body: { current_password: '{{password}}' }, asserts: ['pm.expect(answer.codes).to.have.lengthOf(10);'] },
  },
];
