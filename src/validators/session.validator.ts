import Joi from 'joi';
import type { SessionShape } from '../presenters/session.presenter.js';
import { timestamp, uuidInPath } from './fields.js';

export interface SessionPath {
  readonly id: string;
}
/** Any text: what is no id of a session is simply not found. */
export const sessionPath = Joi.object<SessionPath>({
  id: uuidInPath.description('Of one of your sessions.').example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'),
});

export const sessionListResponse = Joi.object({
  data: Joi.array()
    .items(
      Joi.object<SessionShape>({
        id: Joi.string().required().example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'),
        current: Joi.boolean().required().description('Whether this request came by it.').example(true),
        ip: Joi.string().allow(null).required().example('203.0.113.7'),
        user_agent: Joi.string().allow(null, '').required().example('Mozilla/5.0'),
        created_at: timestamp.required(),
        last_used_at: timestamp.required().description('Exact to one life of an access token.'),
        expires_at: timestamp.required().description('Unless it is refreshed before.'),
        amr: Joi.array().items(Joi.string()).required().description('How the user authenticated (RFC 8176).').example(['pwd']),
      }),
    )
    .required(),
  next_cursor: Joi.string().allow(null).required().example(null),
}).label('SessionList');
