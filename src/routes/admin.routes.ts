import type { AdminController } from '../controllers/admin.controller.js';
import {
  accountListResponse,
  accountPatchBody,
  accountPath,
  accountQuery,
  accountResponse,
  handedLinkResponse,
  madeAccountResponse,
  newAccountBody,
} from '../validators/admin.validator.js';
import { pageQuery } from '../validators/fields.js';
import { sessionListResponse } from '../validators/session.validator.js';
import { LIMIT } from './limits.js';
import { type Route, userHandler } from './route.js';

/** The collection acts on the account that it has created itself, never on one that was there before. */
const OWN = { params: { id: '{{created_user_id}}' }, auth: 'admin_token' } as const;
const ADMINISTRATION = { guard: { scope: 'admin' }, tag: 'Administration', postman: { auth: 'admin_token' } } as const;

/** What administrators do with everybody's accounts. */
export const adminRoutes = (controller: AdminController): Route[] => [...accountRoutes(controller), ...endingRoutes(controller)];

const accountRoutes = ({ list, create, get, change }: AdminController): Route[] => [
  {
    ...ADMINISTRATION,
    method: 'get',
    path: '/admin/users',
    handler: userHandler({ query: accountQuery }, list),
    id: 'listUsers',
    summary: 'List or search users',
    description: 'By id, or by what begins with `q`.',
    replies: { 200: { description: 'Users.', schema: accountListResponse } },
  },
  creationRoute(create),
  {
    ...ADMINISTRATION,
    method: 'get',
    path: '/admin/users/:id',
    handler: userHandler({ params: accountPath }, get),
    id: 'getUser',
    summary: 'One user',
    replies: { 200: { description: 'The user.', schema: accountResponse } },
    postman: OWN,
  },
  {
    ...ADMINISTRATION,
    method: 'patch',
    path: '/admin/users/:id',
    recent: true,
    handler: userHandler({ params: accountPath, body: accountPatchBody, limit: LIMIT.administration }, change),
    id: 'changeUser',
    summary: 'Change an account',
    description:
      'Other roles and disabling take effect on the user’s next request. The last administrator cannot be demoted or disabled. An e-mail address beside a verified one is pending, and only the signed-in user can confirm an address that is set here.',
    replies: { 200: { description: 'The account as it is now.', schema: accountResponse } },
    errors: ['username_taken', 'last_administrator'],
    postman: {
      ...OWN,
      destructive: true,
      onlyBody: { display_name: 'Ada Lovelace' },
      asserts: ['pm.expect(answer.display_name).to.eql("Ada Lovelace");'],
    },
  },
];

const creationRoute = (create: AdminController['create']): Route => ({
  ...ADMINISTRATION,
  method: 'post',
  path: '/admin/users',
  recent: true,
  handler: userHandler({ body: newAccountBody, limit: LIMIT.administration }, create),
  id: 'createUser',
  summary: 'Create an account, or invite its owner',
  description:
    'Without `password_hash` its owner is invited to set a password within three days: by mail, or, where there is no address, by the link in the response.',
  replies: {
    201: { description: 'The new account.', schema: madeAccountResponse, headers: { Location: 'Where the account can be read.' } },
  },
  errors: ['username_taken'],
  postman: {
    auth: 'admin_token',
    before: [
      "pm.environment.set('created_username', 'postman-invited-' + Date.now().toString(36));",
      "pm.environment.unset('created_user_id');",
    ],
    onlyBody: { username: '{{created_username}}' },
    keeps: { created_user_id: 'id' },
  },
});

const endingRoutes = ({ remove, sessions, endSessions, startReset }: AdminController): Route[] => [
  {
    ...ADMINISTRATION,
    method: 'get',
    path: '/admin/users/:id/sessions',
    handler: userHandler({ params: accountPath, query: pageQuery }, sessions),
    id: 'listSessionsOfUser',
    summary: 'Where a user is logged in',
    replies: { 200: { description: 'Their live sessions, newest first.', schema: sessionListResponse } },
    postman: OWN,
  },
  {
    ...ADMINISTRATION,
    method: 'delete',
    path: '/admin/users/:id/sessions',
    recent: true,
    handler: userHandler({ params: accountPath, limit: LIMIT.administration }, endSessions),
    id: 'endSessionsOfUser',
    summary: 'Log a user out everywhere',
    replies: { 204: { description: 'Their sessions have ended, with their tokens.' } },
    postman: { ...OWN, destructive: true },
  },
  {
    ...ADMINISTRATION,
    method: 'post',
    path: '/admin/users/:id/password-reset',
    recent: true,
    handler: userHandler({ params: accountPath, limit: LIMIT.administration }, startReset),
    id: 'startPasswordReset',
    summary: 'Let a user set a new password',
    description:
      'Mails a link to the verified address; to a user who has not taken the invitation yet, that invitation again. Without such an address the response has the link, once: hand it over. Its use is recorded as the administrator’s.',
    replies: {
      200: { description: 'The link to hand over.', schema: handedLinkResponse },
      202: { description: 'The mail was accepted for delivery.' },
    },
    errors: ['conflict'],
    postman: { ...OWN, destructive: true },
  },
  {
    ...ADMINISTRATION,
    method: 'delete',
    path: '/admin/users/:id',
    recent: true,
    handler: userHandler({ params: accountPath, limit: LIMIT.administration }, remove),
    id: 'deleteUser',
    summary: 'Delete an account',
    replies: { 204: { description: 'The account is gone, with its sessions.' } },
    errors: ['last_administrator'],
    postman: { ...OWN, destructive: true },
  },
];
