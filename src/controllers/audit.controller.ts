import type { Actor } from '../lib/actor.js';
import { presentActivity, presentAuditEvent } from '../presenters/audit.presenter.js';
import { presentPage } from '../presenters/list.presenter.js';
import type { AuditService } from '../services/audit/audit.service.js';
import type { AuditQuery } from '../validators/audit.validator.js';
import type { PageQuery } from '../validators/fields.js';
import { type Asked, ok, type Reply } from './reply.js';

export function createAuditController({ audit }: { audit: Pick<AuditService, 'list'> }) {
  return {
    activity: async ({ query }: Asked<undefined, undefined, PageQuery>, { userId }: Actor): Promise<Reply> =>
      ok(presentPage(await audit.list({ user: userId }, query), (event) => presentActivity(event, userId))),
    list: async ({ query }: Asked<undefined, undefined, AuditQuery>): Promise<Reply> =>
      ok(presentPage(await audit.list(query, query), presentAuditEvent)),
  };
}
export type AuditController = ReturnType<typeof createAuditController>;
