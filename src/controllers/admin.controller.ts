import { type Actor, byUser } from '../lib/actor.js';
import { presentHandedLink, presentMadeAccount } from '../presenters/admin.presenter.js';
import { presentPage } from '../presenters/list.presenter.js';
import { presentSession } from '../presenters/session.presenter.js';
import { presentAccount } from '../presenters/user.presenter.js';
import type { AccountPatch } from '../services/account/account-changes.js';
import type { AdminService, NewAccount } from '../services/admin.service.js';
import type { AccountPath, AccountQuery } from '../validators/admin.validator.js';
import type { PageQuery } from '../validators/fields.js';
import { accepted, type Asked, noContent, ok, type Reply } from './reply.js';

export function createAdminController({ admin }: { admin: AdminService }) {
  return {
    list: async ({ query }: Asked<undefined, undefined, AccountQuery>): Promise<Reply> =>
      ok(presentPage(await admin.list(query, query), presentAccount)),
    create: async ({ body, base }: Asked<NewAccount>, actor: Actor): Promise<Reply> => {
      const made = await admin.create(body, byUser(actor));
      return { status: 201, headers: { Location: `${base}/admin/users/${made.user.id}` }, json: presentMadeAccount(made) };
    },
    get: async ({ params }: Asked<undefined, AccountPath>): Promise<Reply> => ok(presentAccount(await admin.get(params.id))),
    change: async ({ params, body }: Asked<AccountPatch, AccountPath>, actor: Actor): Promise<Reply> =>
      ok(presentAccount(await admin.change(params.id, body, byUser(actor)))),
    remove: async ({ params }: Asked<undefined, AccountPath>, actor: Actor): Promise<Reply> => {
      await admin.remove(params.id, byUser(actor));
      return noContent;
    },
    sessions: async ({ params, query }: Asked<undefined, AccountPath, PageQuery>, { sessionId }: Actor): Promise<Reply> =>
      ok(presentPage(await admin.sessions(params.id, query), (session) => presentSession(session, sessionId))),
    endSessions: async ({ params }: Asked<undefined, AccountPath>, actor: Actor): Promise<Reply> => {
      await admin.endSessions(params.id, byUser(actor));
      return noContent;
    },
    startReset: async ({ params }: Asked<undefined, AccountPath>, actor: Actor): Promise<Reply> => {
      const handed = await admin.startReset(params.id, byUser(actor));
      return handed === undefined ? accepted : ok(presentHandedLink(handed));
    },
  };
}
export type AdminController = ReturnType<typeof createAdminController>;
