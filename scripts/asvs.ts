import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Joi from 'joi';

const STATUSES = ['test', 'document', 'not_met', 'not_applicable'] as const;
type Status = (typeof STATUSES)[number];

/** A test by its file and its title, or a piece of it; a document by its file and the heading of a section. */
interface Shown {
  readonly file: string;
  readonly title: string;
}

/** What becomes of one requirement of ASVS 5.0.0. */
export interface Requirement {
  /** Chapter, section and number, without the V. */
  readonly id: string;
  readonly level: 1 | 2 | 3;
  /** What it asks for, in our own words. */
  readonly what: string;
  readonly status: Status;
  readonly shown: readonly Shown[];
  /** What is not met, and why; or what else has to be said. */
  readonly note?: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = 'docs/asvs';

const schema = Joi.array<Requirement[]>().items(
  Joi.object<Requirement>({
    id: Joi.string()
      .pattern(/^\d+\.\d+\.\d+$/)
      .required(),
    level: Joi.number().valid(1, 2, 3).required(),
    what: Joi.string().max(120).required(),
    status: Joi.string()
      .valid(...STATUSES)
      .required(),
    shown: Joi.array()
      .items(Joi.object<Shown>({ file: Joi.string().required(), title: Joi.string().required() }))
      .required(),
    note: Joi.string(),
  }),
);

const places = (id: string): number => id.split('.').reduce((sum, part) => sum * 100 + Number(part), 0);

/** The requirements of every file in docs/asvs, by their ids. Throws where one is not of that shape. */
export function readRequirements(): Requirement[] {
  const files = existsSync(root + FOLDER) ? readdirSync(root + FOLDER).sort() : [];
  const all = files.flatMap((file) => Joi.attempt(JSON.parse(readFileSync(`${root}${FOLDER}/${file}`, 'utf8')), schema, file));
  return all.sort((one, other) => places(one.id) - places(other.id));
}

/** Markdown as it may stand in a cell of a table. */
const cell = (markdown: string): string => markdown.replaceAll('|', '\\|');
/** Text as a cell shows it to the letter. */
const plain = (text: string): string => cell(text.replaceAll('\\u2019', '’').replace(/[_*<[`]/g, '\\$&'));

/** As GitHub makes an anchor of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

function place({ file, title }: Shown): string {
  if (!file.endsWith('.md')) return `\`${file}\`: ${plain(title)}`;
  const page = file.startsWith('docs/') ? file.slice('docs/'.length) : `../${file}`;
  return `[${file}, ${title}](${page === 'security.md' ? '' : page}#${anchor(title)})`;
}

function answer(requirement: Requirement): string {
  const { status, shown, note } = requirement;
  const said = note === undefined ? [] : [cell(note)];
  const places = shown.map(place);
  if (status === 'not_met') return [`**Not met.** ${said.join(' ')}`, ...places].join('<br>');
  if (status === 'not_applicable') return [`Does not apply. ${said.join(' ')}`, ...places].join('<br>');
  return [...places, ...said].join('<br>');
}

/** OWASP’s chapters, as far as they bear on this service. */
const CHAPTERS: Readonly<Record<string, string>> = {
  1: 'Encoding and sanitization',
  2: 'Validation and business logic',
  3: 'Web frontend security',
  4: 'API and web service',
  6: 'Authentication',
  7: 'Session management',
  8: 'Authorization',
  9: 'Self-contained tokens',
  10: 'OAuth and OIDC',
  11: 'Cryptography',
  13: 'Configuration',
  14: 'Data protection',
  15: 'Secure coding and architecture',
  16: 'Security logging and error handling',
};

function counts(requirements: readonly Requirement[]): string {
  const lines = [1, 2, 3].map((level) => {
    const here = requirements.filter((one) => one.level === level);
    const of = (status: Status): number => here.filter((one) => one.status === status).length;
    const cells = [here.length, of('test'), of('document'), of('not_met'), of('not_applicable')];
    return `| ${level} | ${cells.join(' | ')} |`;
  });
  return [
    '| Level | Requirements | By a test | By a document | Not met | Does not apply |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** How many there are of each, and what shows each one, chapter by chapter. Left as it is by the formatter, which would pad it. */
export function requirementTables(requirements: readonly Requirement[]): string {
  const chapters = Object.entries(CHAPTERS).map(([number, name]) => {
    const lines = requirements
      .filter(({ id }) => id.startsWith(`${number}.`))
      .map((one) => `| ${one.id} | ${one.level} | ${plain(one.what)} | ${answer(one)} |`);
    return [`### V${number} ${name}`, '', '| Id | Level | What | Shown by |', '| --- | --- | --- | --- |', ...lines].join('\n');
  });
  return [counts(requirements), '<!-- prettier-ignore-start -->', ...chapters, '<!-- prettier-ignore-end -->'].join('\n\n');
}
