import Joi from 'joi';
import type { UserShape } from '../presenters/user.presenter.js';
import type { PasswordChange, Registration } from '../services/user.service.js';
import { anyString, emailAddress, newPassword, newUsername, timestamp } from './fields.js';

export const registerBody = Joi.object<Registration, true>({
  username: newUsername.required(),
  password: newPassword.required(),
  email: emailAddress,
}).label('Registration');

const currentPassword = anyString
  .required()
  .meta({ 'x-rules': { format: 'password' } })
  .example('correct horse battery staple');

/** The new one is held against the username where the user is known: in the service. */
export const passwordChangeBody = Joi.object<PasswordChange, true>({
  current_password: currentPassword,
  new_password: newPassword.required(),
}).label('PasswordChange');

export interface DeletionBody {
  readonly current_password: string;
}
export const deletionBody = Joi.object<DeletionBody, true>({ current_password: currentPassword }).label('Deletion');

export const userResponse = Joi.object<UserShape>({
  id: Joi.number().integer().required().description('Never given to anybody else, also after deletion.').example(1),
  username: Joi.string().allow('').required().example('ada'),
  email: Joi.string().allow(null).required().example('ada@example.com'),
  email_verified: Joi.boolean().required().example(false),
  roles: Joi.array().items(Joi.string()).required().example(['user']),
  created_at: timestamp.required(),
}).label('User');
