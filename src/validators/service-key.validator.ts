import Joi from 'joi';
import type { MadeServiceKeyShape, ServiceKeyShape } from '../presenters/service-key.presenter.js';
import { KEY_LIFETIME_DAYS, SERVICE_SCOPES } from '../services/service-key.service.js';
import { timestamp, uuidInPath } from './fields.js';

export interface ServiceKeyPath {
  readonly id: string;
}
export const serviceKeyPath = Joi.object<ServiceKeyPath>({
  id: uuidInPath.description('Of a service key.').example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'),
});

export interface ServiceKeyBody {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expires_in_days?: number | null;
}
export const serviceKeyBody = Joi.object<ServiceKeyBody>({
  name: Joi.string().max(100).required().description('Of the service that calls with it.').example('shop'),
  scopes: Joi.array()
    .items(Joi.string().valid(...SERVICE_SCOPES))
    .min(1)
    .max(SERVICE_SCOPES.length)
    .required()
    .description('What the key is good for.')
    .example([...SERVICE_SCOPES]),
  expires_in_days: Joi.number()
    .integer()
    .min(1)
    .max(KEY_LIFETIME_DAYS.most)
    .allow(null)
    .description(`Life of the key, ${KEY_LIFETIME_DAYS.usual} days if left out.`)
    .example(KEY_LIFETIME_DAYS.usual),
}).label('NewServiceKey');

const members = {
  id: Joi.string().required().example('0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11'),
  name: Joi.string().required().example('shop'),
  scopes: Joi.array().items(Joi.string()).required().example(['introspect']),
  created_at: timestamp.required(),
  expires_at: timestamp.allow(null).required().description('From then on the key is refused; null for a key that never expires.'),
  last_used_at: timestamp.allow(null).required().description('Exact to five minutes.'),
  revoked_at: timestamp.allow(null).required(),
};

export const madeServiceKeyResponse = Joi.object<MadeServiceKeyShape>({
  ...members,
  key: Joi.string().required().description('The key. No other response shows it.').example('lingomate_sk_…'),
}).label('MadeServiceKey');

export const serviceKeyListResponse = Joi.object({
  data: Joi.array().items(Joi.object<ServiceKeyShape>(members).label('ServiceKey')).required(),
  next_cursor: Joi.string().allow(null).required().example(null),
}).label('ServiceKeyList');
