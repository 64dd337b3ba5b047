import Joi from 'joi';
import type { ResetByCode, ResetByToken } from '../services/password-reset.service.js';
import { anyString, newPassword } from './fields.js';

export interface ForgotBody {
  readonly identifier: string;
}
export const forgotBody = Joi.object<ForgotBody, true>({
  identifier: anyString.required().description('The username, or the verified e-mail address.').example('ada'),
}).label('ForgottenPassword');

/** Returns the schema of a reset by a token; `minLength` is that of the password, in code points. */
export const resetByTokenBody = (minLength: number) =>
  Joi.object<ResetByToken, true>({
    token: anyString
      .required()
      .description('Of the link in the mail, or of an invitation.')
      .example('q0pZr5o0jq2y1m3XxVv5f8n7bq9d0c4tQe6wU2sYhLk'),
    new_password: newPassword(minLength).required(),
  }).label('ResetByToken');

/** Returns the schema of a reset by a recovery code; `minLength` is that of the password, in code points. */
export const resetByCodeBody = (minLength: number) =>
  Joi.object<ResetByCode, true>({
    username: anyString.required().example('ada'),
    recovery_code: anyString.required().example('7K2M9QD-4TXB1CG-0ZRDWEM-H5NPJSV'),
    new_password: newPassword(minLength).required(),
  }).label('ResetByRecoveryCode');
