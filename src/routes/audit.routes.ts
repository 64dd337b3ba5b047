import type { AuditController } from '../controllers/audit.controller.js';
import { activityResponse, auditListResponse, auditQuery } from '../validators/audit.validator.js';
import { pageQuery } from '../validators/fields.js';
import { handler, type Route, userHandler } from './route.js';

export const auditRoutes = ({ activity, list }: AuditController): Route[] => [
  {
    method: 'get',
    path: '/users/me/activity',
    handler: userHandler({ query: pageQuery }, activity),
    id: 'listActivity',
    tag: 'Accounts',
    summary: 'What has happened to your account',
    description: 'Log-ins, also those that failed, and every change, whoever has made it.',
    replies: { 200: { description: 'Your audit events, newest first.', schema: activityResponse } },
    postman: { asserts: ['pm.expect(answer.data).to.be.an("array");'] },
  },
  {
    method: 'get',
    path: '/admin/audit-events',
    guard: { scope: 'admin' },
    handler: handler({ query: auditQuery }, list),
    id: 'listAuditEvents',
    tag: 'Administration',
    summary: 'What has happened',
    description: 'Events that fit all that is named.',
    replies: { 200: { description: 'Audit events, newest first.', schema: auditListResponse } },
    postman: { auth: 'admin_token' },
  },
];
