import Joi from 'joi';
import type { ResetByCode, ResetByToken } from '../services/password-reset.service.js';
import { anyString, newPassword } from './fields.js';

export interface ForgotBody {
  readonly identifier: string;
}
export const forgotBody = Joi.object<ForgotBody, true>({
  identifier: anyString.required().description('The username, or the verified e-mail address.').example('ada'),
}).label('ForgottenPassword');

const newOne = newPassword.required();

export const resetByTokenBody = Joi.object<ResetByToken, true>({
  token: anyString
    .required()
    .description('Of the link in the mail, or of an invitation.')
    .example('q0pZr5o0jq2y1m3XxVv5f8n7bq9d0c4tQe6wU2sYhLk'),
  new_password: newOne,
}).label('ResetByToken');

export const resetByCodeBody = Joi.object<ResetByCode, true>({
  username: anyString.required().example('ada'),
  recovery_code: anyString.required().example('7K2M9QD-4TXB1CG-0ZRDWEM-H5NPJSV'),
  new_password: newOne,
}).label('ResetByRecoveryCode');
