import type { SessionController } from '../controllers/session.controller.js';
import { pageQuery } from '../validators/fields.js';
import { sessionListResponse, sessionPath } from '../validators/session.validator.js';
import { LIMIT } from './limits.js';
import { type Route, userHandler } from './route.js';

export const sessionRoutes = ({ list, end, endOthers }: SessionController): Route[] => [
  {
    method: 'get',
    path: '/users/me/sessions',
    handler: userHandler({ query: pageQuery }, list),
    id: 'listSessions',
    tag: 'Sessions',
    summary: 'Where you are logged in',
    replies: { 200: { description: 'Your live sessions, newest first.', schema: sessionListResponse } },
    postman: { asserts: ['pm.expect(answer.data.filter(({ current }) => current)).to.have.lengthOf(1);'] },
  },
  {
    method: 'delete',
    path: '/users/me/sessions',
    handler: userHandler({ limit: LIMIT.securityChange }, endOthers),
    id: 'endOtherSessions',
    tag: 'Sessions',
    summary: 'Log out everywhere else',
    replies: { 204: { description: 'Every other session has ended, with its tokens.' } },
    postman: {},
  },
  {
    method: 'delete',
    path: '/users/me/sessions/:id',
    handler: userHandler({ params: sessionPath, limit: LIMIT.securityChange }, end),
    id: 'endSession',
    tag: 'Sessions',
    summary: 'End one of your sessions',
    replies: { 204: { description: 'It has ended, with its tokens.' } },
  },
];
