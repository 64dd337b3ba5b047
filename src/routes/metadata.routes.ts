import type { MetadataController } from '../controllers/metadata.controller.js';
import { keySetResponse, metadataResponse } from '../validators/metadata.validator.js';
import { handler, type Route } from './route.js';

export const metadataRoutes = ({ keySet, authorizationServer }: MetadataController): Route[] => [
  {
    method: 'get',
    path: '/.well-known/oauth-authorization-server',
    guard: 'public',
    standalone: true,
    handler: handler({}, authorizationServer),
    id: 'authorizationServer',
    tag: 'Tokens',
    summary: 'What OAuth clients need to know',
    description: 'RFC 8414. It lists only what works.',
    replies: { 200: { description: 'The metadata.', schema: metadataResponse } },
    postman: { asserts: ["pm.expect(answer.grant_types_supported).to.include('refresh_token');"] },
  },
  {
    method: 'get',
    path: '/.well-known/jwks.json',
    guard: 'public',
    handler: handler({}, keySet),
    id: 'keySet',
    tag: 'Tokens',
    summary: 'The public keys of access tokens',
    description: 'RFC 7517. Empty where a shared secret signs (`HS256` and its kin).',
    replies: {
      200: { description: 'The keys that verify now.', schema: keySetResponse, headers: { 'Cache-Control': 'How long they may be kept.' } },
    },
    postman: { asserts: ["pm.expect(answer.keys).to.be.an('array');"] },
  },
];
