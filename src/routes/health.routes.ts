import type { HealthController } from '../controllers/health.controller.js';
import { liveResponse, readyResponse } from '../validators/health.validator.js';
import { handler, type Route } from './route.js';

export const healthRoutes = ({ live, ready }: HealthController): Route[] => [
  {
    method: 'get',
    path: '/health/live',
    guard: 'public',
    standalone: true,
    handler: handler({}, live),
    id: 'live',
    tag: 'Operations',
    summary: 'Whether the process lives',
    replies: { 200: { description: 'It does.', schema: liveResponse } },
  },
  {
    method: 'get',
    path: '/health/ready',
    guard: 'public',
    standalone: true,
    handler: handler({}, ready),
    id: 'ready',
    tag: 'Operations',
    summary: 'Whether it can serve, part by part',
    replies: { 200: { description: 'Every part is up.', schema: readyResponse } },
    errors: ['unavailable'],
  },
  {
    method: 'get',
    path: '/health',
    guard: 'public',
    standalone: true,
    // The response itself: a probe that follows no redirect would take one for a success.
    handler: handler({}, ready),
    id: 'health',
    tag: 'Operations',
    summary: 'The same as /health/ready',
    replies: { 200: { description: 'Every part is up.', schema: readyResponse } },
    errors: ['unavailable'],
  },
];
