import Joi from 'joi';
import type { UserShape } from '../presenters/user.presenter.js';
import type { Registration } from '../services/user.service.js';
import { emailAddress, newPassword, newUsername, timestamp } from './fields.js';

export const registerBody = Joi.object<Registration, true>({
  username: newUsername.required(),
  password: newPassword.required(),
  email: emailAddress,
}).label('Registration');

export const userResponse = Joi.object<UserShape>({
  id: Joi.number().integer().required().description('Never given to anybody else, also after deletion.').example(1),
  username: Joi.string().allow('').required().example('ada'),
  email: Joi.string().allow(null).required().example('ada@example.com'),
  email_verified: Joi.boolean().required().example(false),
  roles: Joi.array().items(Joi.string()).required().example(['user']),
  created_at: timestamp.required(),
}).label('User');
