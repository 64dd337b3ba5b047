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
  readinessRoute(ready, { path: '/health/ready', id: 'ready', summary: 'Whether it can serve, part by part' }),
  // The response itself: a probe that follows no redirect would take one for a success.
  readinessRoute(ready, { path: '/health', id: 'health', summary: 'The same as /health/ready' }),
];

const readinessRoute = (ready: HealthController['ready'], named: Pick<Route, 'path' | 'id' | 'summary'>): Route => ({
  ...named,
  method: 'get',
  guard: 'public',
  standalone: true,
  handler: handler({}, ready),
  tag: 'Operations',
  replies: { 200: { description: 'Every part is up.', schema: readyResponse } },
  errors: ['unavailable'],
});
