import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { loadConfig } from '../config/index.js';
import { settingsSchema } from '../config/schema.js';
import { createContainer } from '../src/container.js';
import { cookieNames, createCookies } from '../src/presenters/cookie.presenter.js';
import { createRoutes } from '../src/routes/index.js';
import { openApiDocument } from '../src/routes/openapi.js';
import { postmanCollection, postmanEnvironment } from '../src/routes/postman.js';
import { AUDIT_EVENTS, isSummarised } from '../src/services/audit/audit-events.js';
import { readRequirements, requirementTables } from './asvs.js';

/** What is known of a setting, for people. */
interface Setting {
  readonly name: string;
  readonly meaning: string;
  readonly unit: string;
  readonly defaultValue: string;
  readonly secret: boolean;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const member = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);
const text = (value: unknown): string =>
  Array.isArray(value) ? value.join(',') : typeof value === 'string' || typeof value === 'number' ? String(value) : '';

const keys: unknown = settingsSchema.describe().keys;
const described = isObject(keys) ? keys : {};

const settings: Setting[] = Object.entries(described).map(([name, setting]) => {
  const flags = member(setting, 'flags');
  const metas = member(setting, 'metas');
  return {
    name,
    meaning: text(member(flags, 'description')),
    unit: text(member(flags, 'unit')),
    defaultValue: text(member(flags, 'default')),
    secret: Array.isArray(metas) && metas.some((meta: unknown) => member(meta, 'secret') === true),
  };
});

const envExample = (): string =>
  [
    '# Every setting with its default. Copy to .env and change what you need; made by `npm run generate`.',
    ...settings.map(({ name, meaning, unit, defaultValue, secret }) => {
      const notes = [unit && `Unit: ${unit}.`, secret && `Secret; or set ${name}_FILE to a file that holds it.`].filter(Boolean).join(' ');
      return `\n# ${meaning.replaceAll('`', '')}${notes ? ` ${notes}` : ''}\n#${name}=${defaultValue}`;
    }),
    '',
  ].join('\n');

const settingsTable = (): string =>
  [
    '| Setting | Default | Meaning |',
    '| --- | --- | --- |',
    ...settings.map(({ name, meaning, unit, defaultValue, secret }) => {
      const shown = defaultValue === '' ? '' : `\`${defaultValue}\`${unit ? ` ${unit}` : ''}`;
      return `| \`${name}\` | ${shown} | ${meaning}${secret ? ` Or \`${name}_FILE\`.` : ''} |`;
    }),
  ].join('\n');

const auditTable = (): string =>
  [
    '| Type | What has happened | Summarised |',
    '| --- | --- | --- |',
    ...Object.entries(AUDIT_EVENTS).map(([type, what]) => `| \`${type}\` | ${what}. | ${isSummarised(type) ? 'yes' : ''} |`),
  ].join('\n');

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => (existsSync(root + file) ? readFileSync(root + file, 'utf8') : '');

/** The page as it is, with the table in the place of the one before. */
async function withTable(file: string, name: string, table: string): Promise<string> {
  const start = `<!-- ${name}: made by \`npm run generate\` -->`;
  const end = `<!-- /${name} -->`;
  const [before, rest] = read(file).split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${file} needs the lines ${start} and ${end}`);
  const page = `${before}${start}\n\n${table}\n\n${end}${after}`;
  return format(page, { ...(await resolveConfig(root + file)), parser: 'markdown' });
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const container = createContainer(loadConfig({ NODE_ENV: 'test', DATABASE_URL: 'sqlite::memory:', LOG_LEVEL: 'silent' }));
const { services, health, version, config } = container;
const routes = createRoutes({
  services,
  health,
  version,
  settings: {
    ...config.token,
    publicUrl: config.http.publicUrl,
    hasMailbox: true,
    cookies: createCookies(cookieNames(container.config.http.cookieName)),
    clearsStorage: false,
    passwordMinLength: config.password.minLength,
  },
});

const made: Readonly<Record<string, string>> = {
  '.env.example': envExample(),
  'docs/settings.md': await withTable('docs/settings.md', 'settings', settingsTable()),
  'docs/audit.md': await withTable('docs/audit.md', 'audit events', auditTable()),
  'docs/security.md': await withTable('docs/security.md', 'asvs', requirementTables(readRequirements())),
  'docs/openapi.json': json(openApiDocument(routes)),
  'docs/postman.json': json(postmanCollection(routes)),
  'docs/postman-environment.json': json(postmanEnvironment({ baseUrl: config.token.issuer })),
};

const stale = Object.keys(made).filter((file) => read(file) !== made[file]);
if (!process.argv.includes('--check')) {
  for (const file of stale) writeFileSync(root + file, made[file] ?? '');
} else if (stale.length > 0) {
  process.stderr.write(`Out of step with their source; run npm run generate: ${stale.join(', ')}\n`);
  process.exitCode = 1;
}
await container.close();
