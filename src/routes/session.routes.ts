import type { SessionController } from '../controllers/session.controller.js';
import type { Asked } from '../controllers/reply.js';
import type { Actor } from '../lib/actor.js';
import { pageQuery } from '../validators/fields.js';
import { sessionListResponse, type SessionPath, sessionPath } from '../validators/session.validator.js';
import { LIMIT } from './limits.js';
import { type Route, userHandler } from './route.js';

/** Whether another session than the current one is named; ids are compared without case (RFC 9562 §4). */
const isOfAnother = ({ params }: Asked<undefined, SessionPath>, { sessionId }: Actor): boolean => params.id.toLowerCase() !== sessionId;

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
    postman: { destructive: true },
  },
  {
    method: 'delete',
    path: '/users/me/sessions/:id',
    handler: userHandler({ params: sessionPath, recent: isOfAnother, limit: LIMIT.securityChange }, end),
    id: 'endSession',
    tag: 'Sessions',
    summary: 'End one of your sessions',
    description: 'Another than the current one needs a recent authentication.',
    replies: { 204: { description: 'It has ended, with its tokens.' } },
  },
];
