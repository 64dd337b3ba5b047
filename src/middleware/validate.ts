import type Joi from 'joi';
import { AppError, type FieldFault } from '../errors/app-error.js';
import { CODES, type PasswordCode } from '../errors/codes.js';

/** More faults than this help nobody, and an answer stays short whatever was sent. */
const MOST_FAULTS = 20;
const MOST_PATH_CHARACTERS = 64;

const CODE_OF: Readonly<Record<string, string>> = {
  'any.required': 'required',
  'object.unknown': 'unknown',
  'any.only': 'not_allowed',
  'string.empty': 'too_short',
  'string.max': 'too_long',
  'string.pattern.base': 'format',
  'username.too_short': 'too_short',
  'username.too_long': 'too_long',
  'display_name.too_long': 'too_long',
};
const TEXT_OF: Readonly<Record<string, string>> = {
  required: 'is required',
  unknown: 'is not a member of this request',
  type: 'is of the wrong type',
  not_allowed: 'is not one of the values allowed',
  too_long: 'is too long',
  format: 'is not in the right form',
};

/** Returns the optional members for which null has no meaning of its own; in a patch it may remove something. */
function optionalMembers(schema: Joi.ObjectSchema): string[] {
  const keys: unknown = schema.describe().keys;
  const isOptional = (key: object): boolean =>
    !('flags' in key && typeof key.flags === 'object' && key.flags !== null && 'presence' in key.flags) &&
    !('allow' in key && Array.isArray(key.allow) && key.allow.includes(null));
  return Object.entries(keys ?? {})
    .filter(([, key]: [string, object]) => isOptional(key))
    .map(([name]) => name);
}

/** Returns the schema that documents `checker`: null is allowed for each member that may be left out. */
export const showingNulls = (schema: Joi.ObjectSchema): Joi.ObjectSchema =>
  schema.fork(optionalMembers(schema), (member) => member.allow(null));

/**
 * Returns a function that checks an input and returns it as its schema types it. For an optional member null means absent. It
 * throws `validation_failed`, or a password rule's own code where nothing else failed. Neither holds a value of the input.
 */
export function checker<T>(schema: Joi.ObjectSchema<T>): (input: unknown) => T {
  const options = { abortEarly: false, convert: false, errors: { label: false } } as const;
  const strict = schema.fork(optionalMembers(schema), (member) => member.empty(null)).prefs(options);
  const ignoresUnknown = schema.$_getFlag('unknown') === true;
  return (input) => {
    // Joi drops a key of this name without a word, where every other unknown one is told.
    if (!ignoresUnknown && typeof input === 'object' && input !== null && Object.hasOwn(input, '__proto__'))
      refuse([fault('__proto__', 'object.unknown', '')]);
    const result = strict.validate(input);
    if (result.error === undefined) return result.value;
    return refuse(result.error.details.slice(0, MOST_FAULTS).map(faultOf));
  };
}

function faultOf({ path, type, message, context }: Joi.ValidationErrorItem): FieldFault {
  const peers: unknown = context?.['peers'];
  // At least one of several members is required: the first of them stands for all.
  if (type === 'object.missing' && Array.isArray(peers)) return { path: String(peers[0]), code: 'required', message: 'is required' };
  return fault(path.join('.'), type, message);
}

function fault(path: string, type: string, message: string): FieldFault {
  const code = codeOf(path, type);
  return {
    path: path.slice(0, MOST_PATH_CHARACTERS),
    code,
    message: TEXT_OF[code] && !type.includes('name.') ? TEXT_OF[code] : message,
  };
}

function codeOf(path: string, type: string): string {
  if (type === 'string.empty' && path.endsWith('password')) return 'password_too_short';
  if (isPasswordCode(type)) return type;
  return CODE_OF[type] ?? (type.endsWith('.base') ? 'type' : 'format');
}

const isPasswordCode = (code: string): code is PasswordCode => code.startsWith('password_') && code in CODES;

function refuse(fields: FieldFault[]): never {
  const [only, ...more] = fields;
  const code = only !== undefined && more.length === 0 && isPasswordCode(only.code) ? only.code : 'validation_failed';
  const detail = code !== 'validation_failed' && only !== undefined ? { detail: only.message } : {};
  throw new AppError(code, { details: { fields, ...detail } });
}
