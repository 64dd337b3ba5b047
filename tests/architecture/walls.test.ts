import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { stateOf } from '../support/module-state.js';
import { patternsOf, repeatsTwice } from '../support/patterns.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface SourceFile {
  readonly path: string;
  readonly text: string;
  /** Paths of our own files without their ending, and names of packages. */
  readonly imports: readonly string[];
}

const filesBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.m?[tj]s$/.test(name))
    .map((name) => join(folder, name));

function load(path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
    const own = fileName.startsWith('.');
    return own ? relative(root, join(root, dirname(path), fileName)).replace(/\.m?js$/, '') : fileName;
  });
  return { path, text, imports };
}

const sources = ['src', 'config', 'migrations'].flatMap(filesBelow).map(load);
const within = (...folders: string[]): SourceFile[] =>
  sources.filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)));
const importersOf = (name: string): string[] => sources.filter(({ imports }) => imports.includes(name)).map(({ path }) => path);

/** From the ground up: a floor knows only itself and those below. */
const FLOORS = [
  ['config', 'src/lib', 'migrations'],
  ['src/errors'],
  ['src/models', 'src/adapters', 'src/observability'],
  ['src/services'],
  ['src/presenters'],
  ['src/validators', 'src/controllers', 'src/middleware'],
  ['src/routes', 'src/resource-server'],
];
const floorOf = (path: string): number => FLOORS.findIndex((folders) => folders.some((folder) => path.startsWith(`${folder}/`)));

/** No circles: a service uses only those before it. */
const SERVICE_ORDER = [
  'audit',
  'key',
  'token',
  'one-time-token',
  'outbox',
  'service-key',
  'session',
  'password',
  'recovery-code',
  'limit',
  'reauthentication',
  'auth',
  'user',
  'password-reset',
  'admin',
  'transfer',
  'installation',
  'backup',
];
const serviceRank = (path: string): number => SERVICE_ORDER.indexOf(/services\/(?:[\w-]+\/)?([\w-]+)\.service/.exec(path)?.[1] ?? '');

describe('the walls of the house', () => {
  test('there are files to look at', () => {
    expect(sources.length).toBeGreaterThan(30);
  });

  test.each(within('src').filter(({ path }) => floorOf(path) >= 0))(
    '$path knows only its own floor and those below',
    ({ path, imports }) => {
      expect(imports.filter((name) => floorOf(name) > floorOf(path))).toEqual([]);
    },
  );

  test('nothing but the entry points knows the container or the app', () => {
    const allowed = /^src\/(app|container|index|serve|testing)\.ts$|^src\/cli\//;
    expect([...importersOf('src/container'), ...importersOf('src/app')].filter((path) => !allowed.test(path))).toEqual([]);
  });

  test('only config reads the environment', () => {
    expect(
      within('src', 'migrations')
        .filter(({ text }) => /process\.env\b/.test(text))
        .map(({ path }) => path),
    ).toEqual([]);
  });

  test('only routes, middleware, controllers, resource-server and the entry points know Express', () => {
    const allowed = /^src\/(routes|middleware|controllers|resource-server)\/|^src\/(app|http-server|index)\.ts$/;
    expect(importersOf('express').filter((path) => !allowed.test(path))).toEqual([]);
  });

  test('only validators, the documentation and the middleware know Joi', () => {
    const allowed = /^src\/(routes|middleware|validators)\/|^config\/(accounts|cookies|key-rules|limits|schema|values)\.ts$/;
    expect(importersOf('joi').filter((path) => !allowed.test(path))).toEqual([]);
  });

  test.each([
    ['signing and verifying tokens', 'jsonwebtoken', ['src/services/token.service.ts']],
    ['hashing passwords', 'bcryptjs', ['src/adapters/hash-worker.mjs', 'src/services/password/password.service.ts']],
    ['hashing as others do', 'hash-wasm', ['src/adapters/hash-worker.mjs']],
    [
      'ending sessions',
      'src/services/session/endings',
      [
        'src/services/session/bound.ts',
        'src/services/session/housekeeping.ts',
        'src/services/session/log-out.ts',
        'src/services/session/refreshing.ts',
        'src/services/session/session.service.ts',
      ],
    ],
    ['sending mail', 'nodemailer', ['src/adapters/mailer.ts']],
    [
      'saying whose access tokens are refused',
      'src/services/session/revocations',
      [
        'src/services/index.ts',
        'src/services/session/accepting.ts',
        'src/services/session/endings.ts',
        'src/services/session/housekeeping.ts',
        'src/services/session/refreshing.ts',
        'src/services/session/session.service.ts',
      ],
    ],
    [
      'hashing in threads',
      'src/adapters/hasher',
      [
        'src/container.ts',
        'src/observability/health.ts',
        'src/services/index.ts',
        'src/services/password/password.service.ts',
        'src/testing.ts',
      ],
    ],
  ])('%s has one owner', (_verb, name, owners) => {
    expect(importersOf(name).sort()).toEqual(owners);
  });

  test('only models, services and presenters know models, and the container that makes them', () => {
    const allowed = /^src\/(models|services|presenters)\/|^src\/container\.ts$/;
    const knowing = sources.filter(({ imports }) => imports.some((name) => name.startsWith('src/models/'))).map(({ path }) => path);
    expect(knowing).toContain('src/container.ts');
    expect(knowing.filter((path) => !allowed.test(path))).toEqual([]);
  });

  test('only the session service touches the Session and Revocation models', () => {
    const touching = within('src')
      .filter(({ path }) => !path.startsWith('src/models/'))
      .filter(({ text }) =>
        /\b(models\.)?(Session|Revocation)\.(find|create|update|destroy|bulk|lock|page|change|delete|newest|max|count)/.test(text),
      )
      .map(({ path }) => path);
    expect(touching.length).toBeGreaterThan(0);
    expect(touching.filter((path) => !path.startsWith('src/services/session/'))).toEqual([]);
  });

  test.each([
    ['AuditEvent', /^src\/services\/audit\//],
    ['AuditHead', /^src\/services\/audit\//],
    ['OutboxMail', /^src\/services\/(outbox\/|index\.ts)/],
    ['OneTimeToken', /^src\/services\/(one-time-token\.service|index)\.ts/],
    ['RecoveryCode', /^src\/services\/(recovery-code\.service|index)\.ts/],
  ])('the %s model has one owner', (name, owner) => {
    const touching = within('src').filter(
      ({ path, text }) =>
        !path.startsWith('src/models/') && new RegExp(`\\bmodels\\.${name}\\b|\\{[^}]*\\b${name}\\b[^}]*\\} = models`).test(text),
    );
    expect(touching.length).toBeGreaterThan(0);
    expect(touching.map(({ path }) => path).filter((path) => !owner.test(path))).toEqual([]);
  });

  test('only the verifier of resource servers verifies tokens apart from the service', () => {
    const verifying = within('src').filter(({ text }) => /\b(jwtVerify|compactVerify|createRemoteJWKSet)\(/.test(text));
    expect(verifying.map(({ path }) => path)).toEqual(['src/resource-server/verifier.ts']);
  });

  test('whoever takes an access token asks the session service: nobody else verifies one', () => {
    const verifying = within('src').filter(({ text }) => /\btokens\.verify\(/.test(text));
    expect(verifying.map(({ path }) => path)).toEqual(['src/services/session/accepting.ts']);
  });

  test('only the error handler, and the server for what never becomes a request, turn a code into a status', () => {
    const turning = sources
      .filter(({ text }) => /\.statusCode = (status|CODES)|CODES\[[\w.]+\]\.status|\{ status \} = CODES/.test(text))
      .map(({ path }) => path);
    const allowed = ['src/http-server.ts', 'src/middleware/error-handler.ts', 'src/routes/mount.ts', 'src/routes/openapi.ts'];
    expect(turning.filter((path) => !allowed.includes(path))).toEqual([]);
  });

  test.each(within('src/services').filter(({ path }) => path.endsWith('.service.ts')))(
    '$path uses only services before it',
    ({ path, imports }) => {
      expect(serviceRank(path)).toBeGreaterThanOrEqual(0);
      expect(imports.filter((name) => name.includes('.service') && serviceRank(name) >= serviceRank(path))).toEqual([]);
    },
  );

  test.each(sources)('$path keeps no state: two apps in one process share nothing', ({ path, text }) => {
    expect(stateOf(path, text)).toEqual([]);
  });

  test.each([
    ['a variable', 'let count = 0;'],
    ['a Map that is written', 'const seen = new Map();\nexport const see = (one) => { seen.set(one, 1); };'],
    ['a Set that is added to', 'const seen: Set<string> = new Set();\nfunction see(one) { if (one) seen.add(one); }'],
    ['a Map that is only emptied', 'const seen = new Map([[1, 1]]);\nexport const forget = () => seen.clear();'],
    ['a WeakMap that is written', 'const seen = new WeakMap();\nexport const see = (one) => seen.set(one, 1);'],
    ['an array that grows', 'const seen = [];\nexport const see = (one) => { seen.push(one); };'],
    ['an array that is overwritten', 'const seen = [1];\nexport const see = (one) => { seen[0] = one; };'],
    ['an object with a counter', 'const counts = { seen: 0 };\nexport const see = () => { counts.seen += 1; };'],
    ['an object that steps far inside', 'const counts = { a: { b: 0 } };\nexport const see = () => counts.a.b++;'],
    ['an object that loses a member', 'const cache = { x: 1 };\nexport const forget = () => { delete cache.x; };'],
    ['an object that is assigned to', 'const cache = {};\nexport const keep = (more) => Object.assign(cache, more);'],
    ['a Map that anybody may write', 'export const seen = new Map();'],
    ['a Map that is handed on', 'const seen = new Map();\nexport const store = createStore(seen);'],
    ['a Set by another name', 'const seen = new Set();\nconst alias = seen;'],
    ['another module’s array', "import { list } from './list.js';\nexport const see = (one) => list.push(one);"],
  ])('%s is state', (_what, text) => {
    expect(stateOf('example.ts', text)).toHaveLength(1);
  });

  test.each([
    ['a Map that is asked', "const names = new Map([['a', 1]]);\nexport const nameOf = (one) => names.get(one);"],
    [
      'a Set that is walked',
      'const names = new Set([1]);\nexport const all = () => { for (const one of names) say(one); return [...names]; };',
    ],
    ['a Map that nobody may write', 'export const names: ReadonlyMap<string, number> = new Map();'],
    ['an array that is read', "const names = ['a'];\nexport const first = () => names[0] === names.at(-1);"],
    [
      'a collection that each call has anew',
      'export const count = () => { const seen = new Map(); let n = 0; seen.set(n, n); return seen; };',
    ],
  ])('%s is no state', (_what, text) => {
    expect(stateOf('example.ts', text)).toEqual([]);
  });

  test('no text is run as code, and no pattern is made of a request', () => {
    const dynamic = /\beval\(|\bnew Function\(|\bFunction\(|from 'node:vm'|\bsetTimeout\(\s*['"`]/;
    expect(sources.filter(({ text }) => dynamic.test(text)).map(({ path }) => path)).toEqual([]);
    const patterns = sources.filter(({ text }) => /\bnew RegExp\(/.test(text)).map(({ path }) => path);
    // Of its own words, and of the schema's and the tables' names.
    expect(patterns).toEqual(['src/adapters/dump-schema.ts', 'migrations/fastapi-adoption.ts']);
  });

  test('no pattern repeats what repeats, so that none takes exponential time', () => {
    const patterns = within('src').flatMap(({ path, text }) => patternsOf(path, text).map((pattern) => ({ path, pattern })));
    expect(patterns.length).toBeGreaterThan(50);
    // In these each round has a character, \n . or \\, that nothing that repeats in it can be: there is one way to read a text.
    expect(patterns.filter(({ pattern }) => repeatsTwice(pattern)).map(({ path }) => path)).toEqual([
      'src/adapters/dump-schema.ts',
      'src/adapters/sql-script.ts',
      'src/lib/email-address.ts',
      'src/lib/json-text.ts',
    ]);
    for (const { pattern } of patterns.filter((one) => repeatsTwice(one.pattern))) {
      const start = performance.now();
      for (const text of ['a', '\n', '"', '\\', '.', 'a.', '--\n', '\\a']) new RegExp(pattern, 'u').test(`${text.repeat(27)}\0`);
      expect(performance.now() - start).toBeLessThan(1000);
    }
  });

  test.each([
    ['(a+)+', true],
    ['(?:a|b*c)*', true],
    ['((a{2,})b)+', true],
    ['(a+)?', false],
    ['(a+){3}', false],
    ['[(+]+(a)+', false],
    ['\\(a+\\)+', false],
  ])('%s repeats what repeats: %s', (pattern, twice) => {
    expect(repeatsTwice(pattern)).toBe(twice);
  });

  test('only these reach out: to the database, the mail server and PostgreSQL’s own programs; doctor and resource servers to the service', () => {
    const reaching =
      /\b(fetch|createRemoteJWKSet|createTransport|spawn|execFile|(?<!schema\.)fork|createConnection|connect)\(|\bnew Sequelize\(/;
    expect(
      sources
        .filter(({ text }) => reaching.test(text))
        .map(({ path }) => path)
        .sort(),
    ).toEqual([
      'src/adapters/child-program.ts',
      'src/adapters/database.ts',
      'src/adapters/mailer.ts',
      'src/cli/checks/service.ts',
      'src/resource-server/revocation-feed.ts',
      'src/resource-server/verifier.ts',
    ]);
  });

  test('the log has one owner, and goes to stdout', () => {
    expect(importersOf('pino')).toEqual(['src/observability/logger.ts']);
    const logger = sources.find(({ path }) => path === 'src/observability/logger.ts');
    expect(Array.from(logger?.text.matchAll(/pino\.destination\(\{ ([^,]+)/g) ?? [], ([, to]) => to)).toEqual(['fd: 1', 'fd: 1']);
    const writing = within('src')
      .filter(({ text }) => /\bconsole\.|process\.stdout|appendFile|syslog/.test(text))
      .map(({ path }) => path);
    expect(writing.filter((path) => !path.startsWith('src/cli/'))).toEqual([]);
  });

  test('there is no drawer called utils or helpers', () => {
    expect(sources.filter(({ path }) => /utils|helpers/.test(path)).map(({ path }) => path)).toEqual([]);
  });

  test.each(within('src/controllers').filter(({ path }) => path.endsWith('.controller.ts')))(
    '$path has no rule: its handlers are at most 15 lines',
    ({ path, text }) => {
      const parsed = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
      const long: string[] = [];
      const visit = (node: ts.Node, depth: number): void => {
        if (ts.isArrowFunction(node) && depth > 0) {
          const lines = node.getText().split('\n').length;
          if (lines > 15) long.push(`${lines} lines: ${node.getText().slice(0, 60)}`);
        }
        node.forEachChild((child) => {
          visit(child, depth + 1);
        });
      };
      visit(parsed, 0);
      expect(long).toEqual([]);
    },
  );
});
