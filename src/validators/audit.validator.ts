import Joi from 'joi';
import { readTime } from '../lib/iso-time.js';
import { type ActivityShape, type AuditEventShape, DOERS } from '../presenters/audit.presenter.js';
import { AUDIT_EVENTS } from '../services/audit/audit-events.js';
import type { AuditFilter } from '../services/audit/audit.service.js';
import { limit, type PageQuery, timestamp } from './fields.js';

/** A query holds text, and so does what is recorded of who did something. */
const idOfUser = Joi.string()
  .pattern(/^[1-9]\d{0,14}$/)
  .messages({ 'string.pattern.base': 'must be the id of a user' });

const time = Joi.string()
  .custom((value: string, helpers) => readTime(value) ?? helpers.error('string.isoDate'))
  .messages({ 'string.isoDate': 'must be a day, or a time with its zone, in ISO 8601' });

export type AuditQuery = PageQuery & AuditFilter;
export const auditQuery = Joi.object<AuditQuery>({
  actor: idOfUser.description('The id of a user: what they have done.'),
  user: idOfUser.custom(Number).description('The id of a user: what is about them, whoever has done it.'),
  type: Joi.string()
    .valid(...Object.keys(AUDIT_EVENTS))
    .description('Events of this kind.'),
  since: time.description('From that day or time on.').example('2026-11-23'),
  until: time.description('Before that day or time.').example('2026-11-24T09:30:00Z'),
  limit,
  cursor: Joi.string().description('The `next_cursor` of the piece before.'),
}).unknown();

const uuid = Joi.string().example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11');
const type = Joi.string().required().description('One of the kinds in docs/audit.md.').example('log_in.succeeded');
const details = Joi.object().unknown().required().description('What else is told of an event of this kind.').example({});
const ip = Joi.string().allow(null, '').required().example('203.0.113.7');
const userAgent = Joi.string().allow(null, '').required().example('Mozilla/5.0');

export const activityResponse = Joi.object({
  data: Joi.array()
    .items(
      Joi.object<ActivityShape>({
        id: uuid.required(),
        type,
        created_at: timestamp.required(),
        by: Joi.string()
          .valid(...DOERS)
          .required()
          .description('`nobody` is whoever was not known yet, as in a log-in that failed.')
          .example('you'),
        ip: ip.description('Only of you, and of whoever was not known.'),
        user_agent: userAgent.description('Likewise.'),
        session_id: uuid.allow(null).required(),
        details,
      }),
    )
    .required(),
  next_cursor: Joi.string().allow(null).required().example(null),
}).label('ActivityList');

export const auditListResponse = Joi.object({
  data: Joi.array()
    .items(
      Joi.object<AuditEventShape>({
        seq: Joi.number().integer().required().description('Its place in the chain.').example(1),
        id: uuid.required(),
        type,
        created_at: timestamp.required(),
        actor: Joi.object({
          kind: Joi.string().required().description('`user`, `service`, `operator`, `system` or `nobody`.').example('user'),
          id: Joi.string().allow(null).required().description('Of the user, or of the service key.').example('1'),
        })
          .required()
          .description('Who has done it.'),
        user_id: Joi.number().integer().allow(null).required().description('Whom it is about.').example(1),
        session_id: uuid.allow(null).required(),
        ip,
        user_agent: userAgent,
        request_id: Joi.string().allow(null).required().description('`X-Request-Id` of the request that did it.').example('req-1'),
        details,
      }),
    )
    .required(),
  next_cursor: Joi.string().allow(null).required().example(null),
}).label('AuditEventList');
