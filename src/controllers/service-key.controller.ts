import { type Actor, byUser } from '../lib/actor.js';
import { presentPage } from '../presenters/list.presenter.js';
import { presentMadeServiceKey, presentServiceKey } from '../presenters/service-key.presenter.js';
import type { ServiceKeyService } from '../services/service-key.service.js';
import type { PageQuery } from '../validators/fields.js';
import type { ServiceKeyBody, ServiceKeyPath } from '../validators/service-key.validator.js';
import { type Asked, noContent, ok, type Reply } from './reply.js';

export function createServiceKeyController({ serviceKeys }: { serviceKeys: Pick<ServiceKeyService, 'page' | 'create' | 'revoke'> }) {
  return {
    list: async ({ query }: Asked<undefined, undefined, PageQuery>): Promise<Reply> =>
      ok(presentPage(await serviceKeys.page(query), presentServiceKey)),
    create: async ({ body }: Asked<ServiceKeyBody>, actor: Actor): Promise<Reply> => {
      const { name, scopes, expires_in_days } = body;
      const made = await serviceKeys.create({ name, scopes, lifetimeDays: expires_in_days ?? undefined }, byUser(actor));
      return { status: 201, json: presentMadeServiceKey(made) };
    },
    revoke: async ({ params }: Asked<undefined, ServiceKeyPath>, actor: Actor): Promise<Reply> => {
      await serviceKeys.revoke(params.id, byUser(actor));
      return noContent;
    },
  };
}
export type ServiceKeyController = ReturnType<typeof createServiceKeyController>;
