import { type Actor, byClient } from '../lib/actor.js';
import type { Cookies } from '../presenters/cookie.presenter.js';
import { presentProfile, presentRecoveryCodes, presentUser } from '../presenters/user.presenter.js';
import type { AuthService } from '../services/auth.service.js';
import type { PasswordChange, ProfilePatch, Registration, UserService } from '../services/user.service.js';
import type { DeletionBody, RecoveryCodesBody, VerificationBody } from '../validators/user.validator.js';
import { accepted, type Asked, noContent, ok, type Reply } from './reply.js';

interface Parts {
  readonly users: UserService;
  readonly auth: Pick<AuthService, 'rememberDevice'>;
  readonly cookies: Pick<Cookies, 'device'>;
}

export function createUserController({ users, auth, cookies }: Parts) {
  return {
    register: async ({ body, base, client, page }: Asked<Registration>): Promise<Reply> => {
      const user = await users.register(body, byClient(client));
      const { mayHaveCookie, deviceCookie: shown } = page();
      const cookie = mayHaveCookie ? { 'Set-Cookie': cookies.device(auth.rememberDevice(user, shown)) } : {};
      return { status: 201, headers: { Location: `${base}/users/me`, ...cookie }, json: presentUser(user) };
    },
    me: async (_asked: Asked, { userId }: Actor): Promise<Reply> => ok(presentProfile(await users.get(userId))),
    changeMe: async ({ body }: Asked<ProfilePatch>, actor: Actor): Promise<Reply> =>
      ok(presentProfile(await users.changeProfile(actor, body))),
    changePassword: async ({ body }: Asked<PasswordChange>, actor: Actor): Promise<Reply> => {
      await users.changePassword(actor, body);
      return noContent;
    },
    deleteMe: async ({ body }: Asked<DeletionBody>, actor: Actor): Promise<Reply> => {
      await users.deleteOwn(actor, body.current_password);
      return noContent;
    },
    requestVerification: async (_asked: Asked, actor: Actor): Promise<Reply> => {
      await users.requestVerification(actor);
      return accepted;
    },
    isGoodVerification: ({ body }: Asked<VerificationBody>): Promise<boolean> => users.isGoodVerification(body.token),
    verifyEmail: async ({ body, caller, client, page }: Asked<VerificationBody>): Promise<Reply> => {
      const refreshToken = caller.kind === 'user' ? undefined : page().refreshToken();
      await users.verifyEmail(body.token, { caller, refreshToken, client });
      return noContent;
    },
    isGoodRejection: ({ body }: Asked<VerificationBody>): Promise<boolean> => users.isGoodRejection(body.token),
    rejectEmail: async ({ body, client }: Asked<VerificationBody>): Promise<Reply> => {
      await users.rejectEmail(body.token, client);
      return noContent;
    },
    recoveryCodes: async (_asked: Asked, actor: Actor): Promise<Reply> => ok(presentRecoveryCodes(await users.recoveryCodes(actor))),
    makeRecoveryCodes: async ({ body }: Asked<RecoveryCodesBody>, actor: Actor): Promise<Reply> => ({
      status: 201,
      json: { codes: await users.makeRecoveryCodes(actor, body.current_password) },
    }),
    deleteRecoveryCodes: async ({ body }: Asked<RecoveryCodesBody>, actor: Actor): Promise<Reply> => {
      await users.deleteRecoveryCodes(actor, body.current_password);
      return noContent;
    },
  };
}
export type UserController = ReturnType<typeof createUserController>;
