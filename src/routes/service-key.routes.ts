import type { ServiceKeyController } from '../controllers/service-key.controller.js';
import { pageQuery } from '../validators/fields.js';
import { madeServiceKeyResponse, serviceKeyBody, serviceKeyListResponse, serviceKeyPath } from '../validators/service-key.validator.js';
import { LIMIT } from './limits.js';
import { type Route, userHandler } from './route.js';

const ADMINISTRATION = { guard: { scope: 'admin' }, tag: 'Administration', postman: { auth: 'admin_token' } } as const;

/** What administrators do with the keys by which other services call this one. */
export const serviceKeyRoutes = ({ list, create, revoke }: ServiceKeyController): Route[] => [
  {
    ...ADMINISTRATION,
    method: 'get',
    path: '/admin/service-keys',
    handler: userHandler({ query: pageQuery }, list),
    id: 'listServiceKeys',
    summary: 'List service keys',
    replies: { 200: { description: 'Service keys, revoked and expired ones too, oldest first.', schema: serviceKeyListResponse } },
  },
  {
    ...ADMINISTRATION,
    method: 'post',
    path: '/admin/service-keys',
    recent: true,
    handler: userHandler({ body: serviceKeyBody, limit: LIMIT.administration }, create),
    id: 'createServiceKey',
    summary: 'Create a service key',
    description: 'Another service introspects tokens and reads revocations with it.',
    replies: { 201: { description: 'The new key, shown this once.', schema: madeServiceKeyResponse } },
    postman: {
      auth: 'admin_token',
      before: ["pm.environment.unset('created_service_key_id');"],
      body: { name: 'postman' },
      keeps: { created_service_key_id: 'id' },
    },
  },
  {
    ...ADMINISTRATION,
    method: 'delete',
    path: '/admin/service-keys/:id',
    recent: true,
    handler: userHandler({ params: serviceKeyPath, limit: LIMIT.administration }, revoke),
    id: 'revokeServiceKey',
    summary: 'Revoke a service key',
    replies: { 204: { description: 'The key is refused from now on.' } },
    postman: { auth: 'admin_token', params: { id: '{{created_service_key_id}}' }, destructive: true },
  },
];
