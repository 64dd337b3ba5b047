import type { PasswordResetController } from '../controllers/password-reset.controller.js';
import { forgotBody, resetByCodeBody, resetByTokenBody } from '../validators/password-reset.validator.js';
import { LIMIT } from './limits.js';
import { byMember, handler, type Route } from './route.js';
import { PASSWORD_RULES } from './user.routes.js';

/** How a password is set by whoever has lost it, or has none yet. */
export function passwordResetRoutes(controller: PasswordResetController, passwordMinLength: number): Route[] {
  const { forgot, isGood, byToken, byRecoveryCode } = controller;
  const [tokenBody, codeBody] = [resetByTokenBody(passwordMinLength), resetByCodeBody(passwordMinLength)];
  const withCode = handler({ body: codeBody, limit: (asked) => LIMIT.recoveryCode(asked, () => isGood(asked)) }, byRecoveryCode);
  return [
    {
      method: 'post',
      path: '/password/forgot',
      guard: 'public',
      handler: handler({ body: forgotBody, limit: LIMIT.resetRequest }, forgot),
      id: 'forgotPassword',
      tag: 'Accounts',
      summary: 'Ask for a mail that sets a new password',
      description: 'It goes to the verified e-mail address of that user. The answer is the same whether there is one.',
      replies: { 202: { description: 'If there is such a user, a mail is on its way.' } },
      postman: { body: { identifier: '{{username}}' } },
    },
    {
      method: 'post',
      path: '/password/reset',
      guard: 'public',
      handler: byMember([
        ['token', handler({ body: tokenBody, limit: (asked) => LIMIT.oneTimeToken(() => isGood(asked)) }, byToken)],
        ['recovery_code', withCode],
        ['username', withCode],
      ]),
      id: 'resetPassword',
      tag: 'Accounts',
      summary: 'Set a new password by a token or a recovery code',
      description: 'By the token of a reset or of an invitation, or by username and recovery code. Ends every session.',
      replies: { 204: { description: 'The new password is the one that logs in.' } },
      errors: ['token_invalid_or_expired', ...PASSWORD_RULES, 'overloaded'],
    },
  ];
}
