import type { DocumentationController } from '../controllers/documentation.controller.js';
import { anyDocument, assetPath, errorListResponse, indexResponse } from '../validators/meta.validator.js';
import { handler, type Route } from './route.js';

const document = (id: string, path: string, summary: string, handle: DocumentationController['openapi']): Route => ({
  method: 'get',
  path,
  guard: 'public',
  standalone: true,
  handler: handler({}, handle),
  id,
  tag: 'Documentation',
  summary,
  replies: { 200: { description: 'The document.', schema: anyDocument } },
});

export const documentationRoutes = (controller: DocumentationController): Route[] => [
  {
    method: 'get',
    path: '/',
    guard: 'public',
    standalone: true,
    handler: handler({}, controller.index),
    id: 'index',
    tag: 'Documentation',
    summary: 'Where to go from here',
    replies: {
      200: { description: 'For a script: links.', schema: indexResponse },
      302: { description: 'For a browser: to the documentation.', headers: { Location: 'The documentation.' } },
    },
  },
  {
    method: 'get',
    path: '/errors',
    guard: 'public',
    standalone: true,
    handler: handler({}, controller.errors),
    id: 'errors',
    tag: 'Documentation',
    summary: 'Every error code',
    description: 'A browser gets a page with an anchor for each code, which is where the `type` of an error points.',
    replies: { 200: { description: 'The codes.', schema: errorListResponse, page: true } },
  },
  document('openapi', '/openapi.json', 'This API as OpenAPI 3.1', controller.openapi),
  document('postman', '/postman.json', 'This API as a Postman collection', controller.postman),
  document('postmanEnvironment', '/postman-environment.json', 'The variables of the Postman collection', controller.postmanEnvironment),
  {
    method: 'get',
    path: '/docs',
    redirectsFrom: { path: '/docs/', location: '../docs' },
    guard: 'public',
    standalone: true,
    handler: handler({}, controller.docs),
    id: 'docs',
    tag: 'Documentation',
    summary: 'This API as a page to read and try',
    description: '`GET /docs/` redirects here (308).',
    replies: { 200: { description: 'The page.', type: 'text/html' } },
  },
  {
    method: 'get',
    path: '/docs/:asset',
    guard: 'public',
    standalone: true,
    handler: handler({ params: assetPath }, controller.asset),
    id: 'docsAsset',
    tag: 'Documentation',
    summary: 'What the page is made of',
    replies: {
      200: { description: 'A script, a style sheet or an icon.', type: '*/*', headers: { 'Cache-Control': 'For an hour, by anybody.' } },
    },
  },
];
