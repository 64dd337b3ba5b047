import { AppError } from '../errors/app-error.js';
import type { Health } from '../observability/health.js';
import { ok, type Reply } from './reply.js';

const LIVE = ok({ status: 'live' });

export function createHealthController({ health }: { health: Health }) {
  return {
    live: (): Reply => LIVE,
    ready: async (): Promise<Reply> => {
      const parts = await health.parts();
      if (Object.values(parts).every((part) => part.status === 'up')) return ok({ status: 'ready', parts, warnings: health.warnings() });
      throw new AppError('unavailable', { details: { members: { parts } } });
    },
  };
}
export type HealthController = ReturnType<typeof createHealthController>;
