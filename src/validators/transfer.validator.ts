import Joi from 'joi';
import type { TextKind } from '../middleware/read-body.js';
import type { ExportedUserShape, ImportResultShape } from '../presenters/transfer.presenter.js';
import type { Container } from '../services/transfer/sources/index.js';
import type { TextSource } from '../services/transfer/sources/source-names.js';
import { timestamp } from './fields.js';

/** JSON lines have no registered type: these are the two in use. */
export const LINES_TYPE = 'application/x-ndjson';

/** How records are held together in a body of each type. */
export const CONTAINERS: ReadonlyMap<string, Container> = new Map([
  [LINES_TYPE, 'lines'],
  ['application/jsonl', 'lines'],
  ['text/csv', 'csv'],
  ['application/json', 'document'],
]);

const MEGABYTE = 1024 * 1024;
const EXAMPLE = {
  username: 'ada',
  email: 'ada@example.com',
  email_verified: true,
  roles: ['user'],
  created_at: '2026-11-23T09:30:00.000Z',
};
const EXAMPLE_LINE = `${JSON.stringify(EXAMPLE)}\n`;

/** What an import takes. More at once is for the command line, which reads it as it comes. */
export const importText: TextKind & { readonly examples: Readonly<Record<string, string>> } = {
  types: [...CONTAINERS.keys()],
  mostBytes: 10 * MEGABYTE,
  tooLarge: 'The body is larger than 10 MB: send it in pieces, or use the command line',
  examples: {
    [LINES_TYPE]: EXAMPLE_LINE,
    'application/jsonl': EXAMPLE_LINE,
    'text/csv': 'username,email,email_verified\nada,ada@example.com,true\n',
  },
};

/** Those whose records come with nothing but themselves. */
const FROM = ['supabase', 'keycloak', 'better-auth', 'django'] as const satisfies readonly TextSource[];

export interface ImportQuery {
  readonly dry_run: boolean;
  readonly without_unknown_hashes: boolean;
  readonly from?: (typeof FROM)[number];
}
const flag = Joi.string()
  .custom((value: string, helpers) => (value === 'true' || value === 'false' ? value === 'true' : helpers.error('any.only')))
  .default(false)
  .meta({ 'x-rules': { type: 'boolean' } });
/** A misspelt one is refused: what was meant to change nothing would. */
export const importQuery = Joi.object<ImportQuery>({
  dry_run: flag.description('Whether to say what would happen, and change nothing.'),
  without_unknown_hashes: flag.description(
    'Whether a user whose password hash cannot be verified is added without a password. Otherwise the record fails.',
  ),
  from: Joi.string()
    .valid(...FROM)
    .description('Where it was exported. Left out, that is told by what stands at its beginning.'),
});

const fault = Joi.object({
  path: Joi.string().allow('').required().example('email'),
  code: Joi.string().required().example('format'),
  message: Joi.string().required().example('is not an e-mail address'),
});

export const importResultLine = Joi.object<ImportResultShape>({
  line: Joi.number().integer().required().description('Its line, or its place in a document, counted from 1.').example(1),
  status: Joi.string()
    .valid('created', 'would_create', 'exists', 'skipped', 'failed')
    .required()
    .description('`would_create` in place of `created` where nothing was to be changed. Who exists stays as they are.'),
  id: Joi.number().integer().example(1),
  username: Joi.string().allow('').example('ada'),
  errors: Joi.array().items(fault).description('Why it failed.'),
  notes: Joi.array().items(Joi.string()).description('What else is to be known, in words.'),
}).label('ImportResult');

export const exportedUserLine = Joi.object<ExportedUserShape>({
  id: Joi.number().integer().required().example(1),
  username: Joi.string().allow('').required().example('ada'),
  email: Joi.string().allow(null).required().example('ada@example.com'),
  email_verified: Joi.boolean().required().example(true),
  email_verified_at: timestamp,
  display_name: Joi.string().allow(null).required().example('Ada Lovelace'),
  roles: Joi.array().items(Joi.string()).required().example(['user']),
  disabled: Joi.boolean().required().example(false),
  created_at: timestamp.required(),
  adopted: Joi.boolean().valid(true).description('The name is an adopted one, which rules of today would refuse.'),
  looks_like: Joi.string().allow('').description('The name that an adopted one looks like.'),
}).label('ExportedUser');
