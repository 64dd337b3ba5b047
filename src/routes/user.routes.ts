import type { UserController } from '../controllers/user.controller.js';
import { registerBody, userResponse } from '../validators/user.validator.js';
import { forUser, type Route, withBody } from './route.js';

export const userRoutes = ({ register, me }: UserController): Route[] => [
  {
    method: 'post',
    path: '/register',
    guard: 'public',
    handler: withBody(registerBody, register),
    id: 'register',
    tag: 'Accounts',
    summary: 'Register a new user',
    replies: { 201: { description: 'The new user.', schema: userResponse, headers: { Location: 'Where the user can be read.' } } },
    errors: [
      'username_taken',
      'password_too_short',
      'password_too_long',
      'password_too_common',
      'password_contains_username',
      'overloaded',
    ],
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
    handler: forUser(me),
    id: 'getMe',
    tag: 'Accounts',
    summary: 'The signed-in user',
    replies: { 200: { description: 'Who the access token is for.', schema: userResponse } },
    postman: { asserts: ["pm.expect(answer.username).to.eql(pm.environment.get('username'));"] },
  },
];
