import type { Reply } from '../controllers/reply.js';
import { presentStandings } from '../presenters/rate-limit.presenter.js';
import type { LimitUse } from '../services/limit/counted.js';
import type { LimitService } from '../services/limit/limit.service.js';
import type { LocalResponse } from './locals.js';

/** Does the work as one attempt under these limits; how they stand is told with the answer, whatever that is. */
export type Limiter = (res: LocalResponse, uses: readonly LimitUse[], work: () => Promise<Reply>) => Promise<Reply>;

export const createLimiter =
  (limits: LimitService): Limiter =>
  (res, uses, work) =>
    limits.during(uses, res.locals.client, work, (standings) => {
      if (standings.length === 0) return;
      for (const [name, value] of Object.entries(presentStandings(standings))) res.setHeader(name, value);
    });
