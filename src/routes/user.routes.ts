import type { UserController } from '../controllers/user.controller.js';
import type { Code } from '../errors/codes.js';
import { deletionBody, passwordChangeBody, registerBody, userResponse } from '../validators/user.validator.js';
import { handler, type Route, userHandler } from './route.js';

const PASSWORD_RULES: readonly Code[] = ['password_too_short', 'password_too_long', 'password_too_common', 'password_contains_username'];

export const userRoutes = ({ register, me, changePassword, deleteMe }: UserController): Route[] => [
  {
    method: 'post',
    path: '/register',
    guard: 'public',
    handler: handler({ body: registerBody }, register),
    id: 'register',
    tag: 'Accounts',
    summary: 'Register a new user',
    replies: { 201: { description: 'The new user.', schema: userResponse, headers: { Location: 'Where the user can be read.' } } },
    errors: ['username_taken', ...PASSWORD_RULES, 'overloaded'],
    postman: {
      // A name that nobody has yet, so that the collection can be run again and again.
      before: ["pm.environment.set('username', 'postman-' + Date.now().toString(36));"],
      body: { username: '{{username}}', password: '{{password}}', email: '{{username}}@example.com' },
      asserts: [
        "pm.expect(answer.username).to.eql(pm.environment.get('username'));",
        "pm.expect(answer).to.not.have.property('password');",
      ],
    },
  },
  {
    method: 'get',
    path: '/users/me',
    handler: userHandler({}, me),
    id: 'getMe',
    tag: 'Accounts',
    summary: 'The signed-in user',
    replies: { 200: { description: 'Who the access token is for.', schema: userResponse } },
    postman: { asserts: ["pm.expect(answer.username).to.eql(pm.environment.get('username'));"] },
  },
  {
    method: 'put',
    path: '/users/me/password',
    handler: userHandler({ body: passwordChangeBody }, changePassword),
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
    handler: userHandler({ body: deletionBody }, deleteMe),
    id: 'deleteMe',
    tag: 'Accounts',
    summary: 'Delete your account',
    description: 'With its sessions, and for good.',
    replies: { 204: { description: 'The account is gone.' } },
    errors: ['current_password_invalid', 'overloaded'],
  },
];
