import type { UserController } from '../controllers/user.controller.js';
import type { Code } from '../errors/codes.js';
import {
  deletionBody,
  passwordChangeBody,
  profileBody,
  profileResponse,
  recoveryCodesBody,
  recoveryCodesResponse,
  recoveryCodesStatus,
  registerBody,
  rejectionBody,
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

export const userRoutes = (controller: UserController, passwordMinLength: number): Route[] => [
  registerRoute(controller, passwordMinLength),
  ...accountRoutes(controller, passwordMinLength),
  ...emailRoutes(controller),
  ...recoveryCodeRoutes(controller),
];

const REGISTERED = {
  Location: 'Where the user can be read.',
  'Set-Cookie': 'A device cookie, unless a page of a foreign Origin asks.',
};

const registerRoute = ({ register }: UserController, passwordMinLength: number): Route => ({
  method: 'post',
  path: '/register',
  guard: 'public',
  handler: handler({ body: registerBody(passwordMinLength), limit: LIMIT.registration }, register),
  id: 'register',
  tag: 'Accounts',
  summary: 'Register a new user',
  description:
    'Without `username` it is made from the local part of `email` and a random end, whether or not another account has that address. The new user logs in by the `username` of the response, and by the address once it is verified. With `REGISTRATION=invite` or `closed` 404 `not_found`, whose `detail` says which; administrators invite users by `POST /admin/users`.',
  replies: { 201: { description: 'The new user.', schema: userResponse, headers: REGISTERED } },
  errors: ['not_found', 'username_taken', ...PASSWORD_RULES, 'overloaded'],
  postman: {
    // A new name, so that the collection can be run again; and no token of another user is left for what follows.
    before: [
      "pm.environment.set('username', 'postman-' + Date.now().toString(36));",
      "['access_token', 'refresh_token'].forEach((name) => pm.environment.unset(name));",
    ],
    body: { username: '{{username}}', password: '{{password}}', email: '{{username}}@example.com' },
    asserts: ["pm.expect(answer.username).to.eql(pm.environment.get('username'));", "pm.expect(answer).to.not.have.property('password');"],
  },
});

const accountRoutes = ({ me, changeMe, changePassword, deleteMe }: UserController, passwordMinLength: number): Route[] => [
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
    recent: 'or-current-password',
    handler: userHandler({ body: profileBody, limit: LIMIT.profile }, changeMe),
    id: 'changeMe',
    tag: 'Accounts',
    summary: 'Change your name or e-mail address',
    description:
      'Another username or e-mail address needs a recent authentication, or the current password. A new address beside a verified one is `pending_email` until it is verified; the verified one stays in force until then, and gets a notice. The verified address itself removes the pending one; null removes both.',
    replies: { 200: { description: 'The user as they are now.', schema: profileResponse } },
    errors: ['username_taken', 'overloaded'],
    postman: { onlyBody: { display_name: 'Ada Lovelace' }, asserts: ["pm.expect(answer.display_name).to.eql('Ada Lovelace');"] },
  },
  {
    method: 'put',
    path: '/users/me/password',
    recent: 'or-current-password',
    handler: userHandler({ body: passwordChangeBody(passwordMinLength), limit: LIMIT.provedSecurityChange }, changePassword),
    id: 'changePassword',
    tag: 'Accounts',
    summary: 'Change your password',
    description:
      'Needs the current password of an account that has one. Ends every other session, revokes the recovery codes of an account without a factor, and removes a pending e-mail address.',
    replies: { 204: { description: 'The new password is the one that logs in.' } },
    errors: [...PASSWORD_RULES, 'conflict', 'overloaded'],
    postman: { body: { current_password: '{{password}}', new_password: '{{password}}' } },
  },
  {
    method: 'delete',
    path: '/users/me',
    recent: 'or-current-password',
    bodyOptional: true,
    handler: userHandler({ body: deletionBody, limit: LIMIT.provedSecurityChange }, deleteMe),
    id: 'deleteMe',
    tag: 'Accounts',
    summary: 'Delete your account',
    description: 'With its sessions, and for good. Needs the current password of an account that has one.',
    replies: { 204: { description: 'The account is gone.' } },
    errors: ['last_administrator', 'overloaded'],
  },
];

/** How users verify their e-mail address. */
const emailRoutes = ({ requestVerification, isGoodVerification, verifyEmail, isGoodRejection, rejectEmail }: UserController): Route[] => [
  {
    method: 'post',
    path: '/users/me/email/verification',
    handler: userHandler({ limit: LIMIT.verificationMail }, requestVerification),
    id: 'requestEmailVerification',
    tag: 'Accounts',
    summary: 'Have your e-mail address verified',
    description:
      'Mails the unverified address a link with a token that is valid for `EMAIL_VERIFICATION_HOURS` (24) after the mail was sent.',
    replies: { 202: { description: 'A mail was accepted for delivery, unless the address is verified.' } },
    errors: ['conflict'],
    postman: {},
  },
  {
    method: 'post',
    path: '/email/verify',
    guard: 'anybody',
    handler: handler({ body: verificationBody, limit: (asked) => LIMIT.oneTimeToken(() => isGoodVerification(asked)) }, verifyEmail),
    id: 'verifyEmail',
    tag: 'Accounts',
    summary: 'Verify an e-mail address by the token that was sent there',
    description:
      'With an access token or the refresh cookie of that account it revokes nothing. Without one it also ends every session, revokes the recovery codes and notifies the address; where an administrator set the address, or the account has a factor, passkey or identity, it is refused. A repeat is 204 while that address is still the verified one.',
    replies: { 204: { description: 'The address is verified: it logs in as the username does.' } },
    errors: ['token_invalid_or_expired', 'authentication_required', 'invalid_token', 'malformed_request', 'conflict'],
  },
  {
    method: 'post',
    path: '/email/reject',
    guard: 'public',
    handler: handler({ body: rejectionBody, limit: (asked) => LIMIT.oneTimeToken(() => isGoodRejection(asked)) }, rejectEmail),
    id: 'rejectEmail',
    tag: 'Accounts',
    summary: 'Remove an unverified e-mail address from an account, by the token that was sent there',
    description: 'The “this was not me” link of the verification mail. A verified address is never removed.',
    replies: { 204: { description: 'The account no longer has the address.' } },
    errors: ['token_invalid_or_expired'],
  },
];

const recoveryCodeRoutes = ({ recoveryCodes, makeRecoveryCodes, deleteRecoveryCodes }: UserController): Route[] => [
  {
    method: 'get',
    path: '/users/me/recovery-codes',
    handler: userHandler({}, recoveryCodes),
    id: 'getRecoveryCodes',
    tag: 'Accounts',
    summary: 'How many recovery codes remain',
    replies: { 200: { description: 'Their number and age; the codes themselves are never shown again.', schema: recoveryCodesStatus } },
    postman: {},
  },
  {
    method: 'post',
    path: '/users/me/recovery-codes',
    recent: 'or-current-password',
    bodyOptional: true,
    handler: userHandler({ body: recoveryCodesBody, limit: LIMIT.provedWrite }, makeRecoveryCodes),
    id: 'makeRecoveryCodes',
    tag: 'Accounts',
    summary: 'Make recovery codes',
    description:
      'They replace the former ones and are shown this once. Each sets a new password once, by `POST /password/reset`. Needs a recent authentication, or the current password.',
    replies: { 201: { description: 'Keep them where the password is not.', schema: recoveryCodesResponse } },
    errors: ['overloaded'],
    postman: { body: { current_password: '{{password}}' }, asserts: ['pm.expect(answer.codes).to.have.lengthOf(10);'] },
  },
  {
    method: 'delete',
    path: '/users/me/recovery-codes',
    recent: 'or-current-password',
    bodyOptional: true,
    handler: userHandler({ body: recoveryCodesBody, limit: LIMIT.provedWrite }, deleteRecoveryCodes),
    id: 'deleteRecoveryCodes',
    tag: 'Accounts',
    summary: 'Delete your recovery codes',
    description: 'Needs a recent authentication, or the current password.',
    replies: { 204: { description: 'There are no recovery codes.' } },
    errors: ['overloaded'],
  },
];
