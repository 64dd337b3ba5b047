import Joi from 'joi';

export const liveResponse = Joi.object({ status: Joi.string().valid('live').required().example('live') }).label('Live');

const part = Joi.object({ status: Joi.string().valid('up', 'down').required().example('up') });

export const readyResponse = Joi.object({
  status: Joi.string().valid('ready').required().example('ready'),
  parts: Joi.object({
    database: part.required(),
    hasher: part.required(),
    process: part.required(),
    revocations: part.required(),
  }).required(),
  warnings: Joi.array().items(Joi.string()).required().description('What the operator should look at, though it serves.').example([]),
}).label('Ready');
