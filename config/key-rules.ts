import Joi from 'joi';
import { HMAC_KEY_BYTES } from './algorithms.js';

/** A command that prints a key good for every algorithm. */
export const KEYGEN = `node -e "console.log(require('crypto').randomBytes(64).toString('base64url'))"`;

/** Published keys, from tutorials, READMEs and templates: any reader can sign with them. Compared without case. */
const WELL_KNOWN_KEY =
  /^09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7$|(change|replace)[-_ ]?(me|this|it)|your[-_ ][\w -]*(secret|key)|super[-_ ]?secret|secret[-_ ]?key|password|example|insecure|keyboard ?cat|a[-_ ]string[-_ ]secret[-_ ]at[-_ ]least/i;

/** A key under which fewer different characters stand than this was typed, not drawn. */
const MIN_DISTINCT_CHARACTERS = 10;

/** Reports whether a key was typed by hand: few characters, one piece again and again, or a run along the alphabet. */
function isTyped(key: string): boolean {
  const steps = Array.from(key.slice(1), (_, index) => key.charCodeAt(index + 1) - key.charCodeAt(index));
  const alongTheAlphabet = steps.filter((step) => Math.abs(step) === 1).length > steps.length / 2;
  return new Set(key).size < MIN_DISTINCT_CHARACTERS || /^(.+)\1+$/s.test(key) || alongTheAlphabet;
}

const keyBytes = new Map<unknown, number>(Object.entries(HMAC_KEY_BYTES));

/** How many bytes a key needs; `settings` are those beside it. */
type FewestBytes = (settings: unknown) => number;

/** As many as ALGORITHM needs. */
export const forAlgorithm: FewestBytes = (settings) => {
  const algorithm: unknown = typeof settings === 'object' && settings !== null && 'ALGORITHM' in settings ? settings.ALGORITHM : undefined;
  return keyBytes.get(algorithm) ?? HMAC_KEY_BYTES.HS256;
};

/** Returns the schema of a key that has at least that many bytes and is no published key. */
export const signingKey = (fewestBytes: FewestBytes): Joi.StringSchema =>
  Joi.string()
    .custom((value: string, helpers) => {
      const ancestors: unknown = helpers.state.ancestors;
      const fewest = fewestBytes(Array.isArray(ancestors) ? ancestors[0] : undefined);
      if (Buffer.byteLength(value, 'utf8') < fewest) return helpers.error('key.short', { fewest });
      return WELL_KNOWN_KEY.test(value) || isTyped(value) ? helpers.error('key.guessable') : value;
    })
    .meta({ secret: true })
    .messages({
      'key.short': `{#label} is too short: it needs {#fewest} bytes or more. Make one with: ${KEYGEN}`,
      'key.guessable': `{#label} is well known or easily guessed. Make one with: ${KEYGEN}`,
    });

/** Outside development on SQLite only the operator knows where a key is safe, and every process needs the same one. */
export const requiredWhereShared = (key: Joi.StringSchema): Joi.StringSchema =>
  key
    .when('NODE_ENV', { is: 'production', then: Joi.required() })
    .when('DATABASE_URL', { is: Joi.string().pattern(/^postgres/), then: Joi.required() })
    .messages({ 'any.required': `{#label} is required in production and on PostgreSQL. Set it to the output of: ${KEYGEN}` });
