import { presentUser } from '../presenters/user.presenter.js';
import type { Registration, UserService } from '../services/user.service.js';
import { type Asked, ok, type Reply } from './reply.js';

export function createUserController({ users }: { users: UserService }) {
  return {
    register: async ({ body, base }: Asked<Registration>): Promise<Reply> => {
      const user = await users.register(body);
      return { status: 201, headers: { Location: `${base}/users/me` }, json: presentUser(user) };
    },
    me: async (_asked: Asked, userId: number): Promise<Reply> => ok(presentUser(await users.get(userId))),
  };
}
export type UserController = ReturnType<typeof createUserController>;
