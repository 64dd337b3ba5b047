import { type Actor, byUser } from '../lib/actor.js';
import { presentPage } from '../presenters/list.presenter.js';
import { presentSession } from '../presenters/session.presenter.js';
import type { SessionService } from '../services/session/session.service.js';
import type { SessionPath } from '../validators/session.validator.js';
import type { PageQuery } from '../validators/fields.js';
import { type Asked, noContent, ok, type Reply } from './reply.js';

export function createSessionController({ sessions }: { sessions: SessionService }) {
  return {
    list: async ({ query }: Asked<undefined, undefined, PageQuery>, { userId, sessionId }: Actor): Promise<Reply> =>
      ok(presentPage(await sessions.list(userId, query), (session) => presentSession(session, sessionId))),
    end: async ({ params }: Asked<undefined, SessionPath>, actor: Actor): Promise<Reply> => {
      await sessions.end(actor.userId, params.id, { reason: 'log_out', by: byUser(actor) });
      return noContent;
    },
    endOthers: async (_asked: Asked, actor: Actor): Promise<Reply> => {
      await sessions.logOut(
        { caller: { kind: 'user', actor, scopes: [], assertOwn: () => Promise.resolve() }, refreshToken: undefined, client: actor },
        'others',
      );
      return noContent;
    },
  };
}
export type SessionController = ReturnType<typeof createSessionController>;
