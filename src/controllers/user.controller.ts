import type { Actor } from '../lib/actor.js';
import { presentUser } from '../presenters/user.presenter.js';
import type { PasswordChange, Registration, UserService } from '../services/user.service.js';
import type { DeletionBody } from '../validators/user.validator.js';
import { type Asked, noContent, ok, type Reply } from './reply.js';

export function createUserController({ users }: { users: UserService }) {
  return {
    register: async ({ body, base }: Asked<Registration>): Promise<Reply> => {
      const user = await users.register(body);
      return { status: 201, headers: { Location: `${base}/users/me` }, json: presentUser(user) };
    },
    me: async (_asked: Asked, { userId }: Actor): Promise<Reply> => ok(presentUser(await users.get(userId))),
    changePassword: async ({ body }: Asked<PasswordChange>, actor: Actor): Promise<Reply> => {
      await users.changePassword(actor, body);
      return noContent;
    },
    deleteMe: async ({ body }: Asked<DeletionBody>, actor: Actor): Promise<Reply> => {
      await users.deleteOwn(actor, body.current_password);
      return noContent;
    },
  };
}
export type UserController = ReturnType<typeof createUserController>;
