import { presentLogIn } from '../presenters/token.presenter.js';
import type { AuthService } from '../services/auth.service.js';
import type { TokenService } from '../services/token.service.js';
import type { TokenBody } from '../validators/token.validator.js';
import { type Asked, ok, type Reply } from './reply.js';

const VALID = ok({ message: 'Token is valid' });

export function createTokenController({ auth, tokens }: { auth: AuthService; tokens: TokenService }) {
  return {
    logIn: async ({ body }: Asked<TokenBody>): Promise<Reply> => ok(presentLogIn(await auth.logIn(body))),
    verifyPath: ({ params }: Asked<undefined, { token: string }>): Reply => {
      tokens.verify(params.token);
      return VALID;
    },
    /** Its guard has verified the token. */
    verifyHeader: (): Reply => VALID,
  };
}
export type TokenController = ReturnType<typeof createTokenController>;
