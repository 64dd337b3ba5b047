import Joi from 'joi';
import type { ProfileShape, RecoveryCodesShape, UserShape } from '../presenters/user.presenter.js';
import type { PasswordChange, ProfilePatch, Registration } from '../services/user.service.js';
import { anyString, displayName, emailAddress, newPassword, newUsername, timestamp } from './fields.js';

/** Returns the schema of a registration; `minLength` is that of the password, in code points. */
export const registerBody = (minLength: number) =>
  Joi.object<Registration, true>({
    username: newUsername,
    password: newPassword(minLength).required(),
    email: emailAddress,
  })
    .or('username', 'email')
    .label('Registration');

const currentPassword = anyString.meta({ 'x-rules': { format: 'password' } }).example('correct horse battery staple');

const askedPassword = currentPassword.description('Required for an account that has a password.');

/** The new one is held against the username where the user is known: in the service. */
export const passwordChangeBody = (minLength: number) =>
  Joi.object<PasswordChange>({
    current_password: askedPassword,
    new_password: newPassword(minLength).required(),
  }).label('PasswordChange');

export interface DeletionBody {
  readonly current_password?: string;
}
export const deletionBody = Joi.object<DeletionBody>({ current_password: askedPassword }).label('Deletion');

export const profileBody = Joi.object<ProfilePatch>({
  username: newUsername,
  email: emailAddress.allow(null),
  display_name: displayName.allow(null),
  current_password: currentPassword.description('For another username or e-mail address, unless the authentication is recent.'),
}).label('ProfileChange');

export interface RecoveryCodesBody {
  readonly current_password?: string;
}
export const recoveryCodesBody = Joi.object<RecoveryCodesBody>({
  current_password: currentPassword.description('May be left out while the authentication is recent.'),
}).label('RecoveryCodesRequest');

export const recoveryCodesStatus = Joi.object<RecoveryCodesShape>({
  remaining: Joi.number().integer().required().example(10),
  created_at: timestamp.allow(null).required().description('Null where there are none.'),
}).label('RecoveryCodesStatus');

export const recoveryCodesResponse = Joi.object({
  codes: Joi.array().items(Joi.string()).required().example(['7K2M9QD-4TXB1CG-0ZRDWEM-H5NPJSV']).description('Ten, each good for once.'),
}).label('RecoveryCodes');

export interface VerificationBody {
  readonly token: string;
}
const oneTimeToken = anyString.required().description('Of the link in the mail.').example('q0pZr5o0jq2y1m3XxVv5f8n7bq9d0c4tQe6wU2sYhLk');
export const verificationBody = Joi.object<VerificationBody, true>({ token: oneTimeToken }).label('EmailVerification');
export const rejectionBody = Joi.object<VerificationBody, true>({ token: oneTimeToken }).label('EmailRejection');

const userMembers = {
  id: Joi.number().integer().required().description('Never given to anybody else, also after deletion.').example(1),
  username: Joi.string().allow('').required().example('ada'),
  email: Joi.string().allow(null).required().example('ada@example.com'),
  email_verified: Joi.boolean().required().example(false),
  roles: Joi.array().items(Joi.string()).required().example(['user']),
  created_at: timestamp.required(),
};
export const userResponse = Joi.object<UserShape>(userMembers).label('User');

const profileMembers = {
  ...userMembers,
  pending_email: Joi.string().allow(null).required().description('Replaces `email` once it is verified.').example(null),
  display_name: Joi.string().allow(null).required().example('Ada Lovelace'),
};
export const profileResponse = Joi.object<ProfileShape>(profileMembers).label('Profile');

export const accountMembers = {
  ...profileMembers,
  disabled: Joi.boolean().required().example(false),
  has_password: Joi.boolean().required().description('Not until an invitation was taken.').example(true),
  updated_at: timestamp.required(),
};
