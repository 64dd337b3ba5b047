import type { PasswordResetService, ResetByCode, ResetByToken } from '../services/password-reset.service.js';
import type { ForgotBody } from '../validators/password-reset.validator.js';
import { accepted, type Asked, noContent, type Reply } from './reply.js';

export function createPasswordResetController({ passwordResets }: { passwordResets: PasswordResetService }) {
  return {
    forgot: async ({ body, client }: Asked<ForgotBody>): Promise<Reply> => {
      await passwordResets.request(body.identifier, client);
      return accepted;
    },
    isGood: ({ body }: Asked<ResetByToken | ResetByCode>): Promise<boolean> => passwordResets.isGood(body),
    byToken: async ({ body, client }: Asked<ResetByToken>): Promise<Reply> => {
      await passwordResets.byToken(body, client);
      return noContent;
    },
    byRecoveryCode: async ({ body, client }: Asked<ResetByCode>): Promise<Reply> => {
      await passwordResets.byRecoveryCode(body, client);
      return noContent;
    },
  };
}
export type PasswordResetController = ReturnType<typeof createPasswordResetController>;
