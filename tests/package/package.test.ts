import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { readObject } from '../support/command-line.js';
import { failureOf, install, type InstalledPackage, installPackage, MINUTES, ROOT, run, TSC } from '../support/installed-package.js';

/** A command that serves, on a port that it finds, asked to end once it is ready: the answers of some paths, and how it ended. */
async function serve(cwd: string, data: string, command: string, ...parameters: string[]): Promise<{ answers: unknown[]; end: unknown[] }> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', DATABASE_URL: `sqlite:${join(data, 'auth.db')}` };
  const server = spawn(command, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  let said = '';
  const url = await new Promise<string>((found, failed) => {
    server.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [, at] = /listens on (http:\/\/[^ ,]+)/.exec(said) ?? [];
      if (at !== undefined) found(at.replace('//localhost:', '//127.0.0.1:'));
    });
    void ended.then(() => {
      failed(new Error(`${command} ended before it listened:\n${said}`));
    });
  });
  const answers: unknown[] = await Promise.all(['/health/ready', '/openapi.json'].map(async (path) => (await fetch(url + path)).json()));
  const assets = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'];
  answers.push(...(await Promise.all(assets.map(async (asset) => (await fetch(`${url}/docs/${asset}`)).status))));
  server.kill('SIGTERM');
  return { answers, end: await ended };
}
const READY = [expect.objectContaining({ status: 'ready' }), expect.objectContaining({ openapi: '3.1.0' }), 200, 200, 200];

const FLOW = `
import assert from 'node:assert/strict';
import supertest from 'supertest';
import { createTestAuth } from 'lingomate-auth/testing';

const auth = await createTestAuth();
const http = supertest(auth.app);
const username = 'ada';
const password = 'correct horse battery staple';
const registered = await http.post('/register').send({ username, password });
assert.equal(registered.status, 201);
const { status, body } = await http.post('/token').send({ username, password });
assert.equal(status, 200);
assert.equal(body.token_type, 'bearer');
const verified = await http.get('/verify-token').set('Authorization', 'Bearer ' + body.access_token);
assert.deepEqual(verified.body, { message: 'Token is valid' });
assert.equal((await http.get('/verify-token/' + body.access_token)).status, 200);

auth.clock.advance(31 * 60);
assert.equal((await http.get('/verify-token/' + body.access_token)).status, 401);
await auth.close();
console.log('done');
`;

const TYPED = `
import assert from 'node:assert/strict';
import express, { type Express } from 'express';
import supertest from 'supertest';
import { AppError, type AuthApp, ConfigError, type Container, createApp, createContainer, StartError } from 'lingomate-auth';
import { createVerifier, requireAuth } from 'lingomate-auth/resource-server';
import { createTestAuth, type TestAuth, type TestUser } from 'lingomate-auth/testing';

const auth: AuthApp = createApp({ NODE_ENV: 'test', DATABASE_URL: 'sqlite::memory:', BCRYPT_ROUNDS: 4, LOG_LEVEL: 'silent' });
const site: Express = express();
site.use(express.json());
site.use('/auth', auth);
const registered = await supertest(site).post('/auth/register').send({ username: 'ada', password: 'correct horse battery staple' });
assert.equal(registered.status, 201);
assert.equal(registered.headers['location'], '/auth/users/me');
await auth.close();

const container: Container = createContainer({ NODE_ENV: 'test', DATABASE_URL: 'sqlite::memory:', LOG_LEVEL: 'silent' });
await container.prepare();
await container.close();
assert.throws(() => createContainer({ PORT: 'none' }), ConfigError);
assert.ok(new AppError('not_found') instanceof Error && StartError.prototype instanceof Error);

const verifier = createVerifier({ issuer: 'https://auth.example.com' });
site.get('/orders', requireAuth({ verifier, scope: 'admin' }), (_req, res) => {
  res.json({ of: res.locals.auth.username });
});
assert.equal((await supertest(site).get('/orders')).status, 401);

const testAuth: TestAuth = await createTestAuth();
const user: TestUser = await testAuth.createUser();
const me = await (await testAuth.agent(user)).get('/users/me');
assert.equal(me.body.username, user.username);
await testAuth.close();
console.log('done');
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2023'],
    module: 'node20',
    strict: true,
    noUncheckedIndexedAccess: true,
    types: ['node'],
    outDir: 'built',
  },
  include: ['typed.ts'],
};

let installed: InstalledPackage;
let folder: string;
let project: string;
/** What `npm install <tarball>` alone brings: the path of each package, and its entry in npm's own record. */
let dependencies: ReadonlyMap<string, unknown>;

beforeAll(async () => {
  installed = await installPackage();
  ({ folder, project } = installed);
  const record = readObject(readFileSync(join(project, 'node_modules/.package-lock.json'), 'utf8'));
  dependencies = new Map(Object.entries(readObject(JSON.stringify(record['packages']))));
}, 4 * MINUTES);
afterAll(() => {
  installed.remove();
});

describe('the tarball', () => {
  test('holds the build, its types, and what a reader needs', () => {
    const expected = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', '.env.example'];
    const built = ['index', 'testing', 'server', 'cli/index'].flatMap((name) => [`dist/src/${name}.js`, `dist/src/${name}.d.ts`]);
    expect(installed.packed).toEqual(
      expect.arrayContaining([...expected, ...built, 'dist/src/adapters/hash-worker.mjs'].map((name) => `package/${name}`)),
    );
  });

  test('holds no sources, no tests, no database, no key and nothing else of where it was made', () => {
    const allowed =
      /^package\/(dist\/.+\.([cm]?js|d\.[cm]?ts)|dist\/swagger-ui\/(swagger-ui\.css|favicon-32x32\.png|[\w.-]*LICENSE(\.txt)?|NOTICE)|docs\/.+\.(md|json)|package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|\.env\.example)$/;
    expect(installed.packed.filter((name) => !allowed.test(name))).toEqual([]);
    expect(installed.packed.filter((name) => /tests?\/|bench|\.db|keys\.json|\.env$/.test(name))).toEqual([]);
  });
});

describe('a fresh project that installs it', () => {
  it('gets no package for types, tests or the page at /docs', () => {
    const own = /^node_modules\/(@types\/(express|supertest|superagent)|supertest|superagent|swagger-ui-dist|@scarf\/scarf)$/;
    expect(dependencies.size).toBeGreaterThan(100);
    expect([...dependencies.keys()].filter((path) => own.test(path))).toEqual([]);
  });

  it('gets no package with an install script but sqlite3', () => {
    const scripted = [...dependencies].filter(([, entry]) => readObject(JSON.stringify(entry))['hasInstallScript'] === true);
    expect(scripted.map(([path]) => path)).toEqual(['node_modules/sqlite3']);
  });

  it(
    'gets an error that names supertest where an agent needs it, and works without it otherwise',
    async () => {
      writeFileSync(
        join(project, 'agent.js'),
        `import { createTestAuth } from 'lingomate-auth/testing';
const auth = await createTestAuth();
console.log(typeof (await auth.token(await auth.createUser())));
await auth.agent().catch((error) => console.log(error.message));
await auth.close();
`,
      );
      const said = 'string\nauth.agent() needs supertest in your project: npm install --save-dev supertest\n';
      expect(await run(project, process.execPath, 'agent.js')).toBe(said);
      await install(project, 'express@5', 'supertest', '@types/node@20', '@types/express@5', '@types/supertest');
    },
    2 * MINUTES,
  );

  test(
    'registers, logs in and verifies in plain JavaScript',
    async () => {
      writeFileSync(join(project, 'flow.js'), FLOW);
      expect(await run(project, process.execPath, 'flow.js')).toBe('done\n');
    },
    MINUTES,
  );

  test(
    'type checks strictly, libraries included, mounts it under /auth, and runs',
    async () => {
      writeFileSync(join(project, 'typed.ts'), TYPED);
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TSCONFIG));
      await run(project, process.execPath, TSC, '-p', 'tsconfig.json');
      expect(await run(project, process.execPath, 'built/typed.js')).toBe('done\n');
    },
    3 * MINUTES,
  );

  test(
    'gets an address that it does not export refused',
    async () => {
      writeFileSync(join(project, 'inside.js'), "import 'lingomate-auth/dist/src/app.js';\n");
      expect(await failureOf(project, process.execPath, 'inside.js')).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
    },
    MINUTES,
  );

  test(
    'has its command line at hand',
    async () => {
      const version = await run(ROOT, process.execPath, '-p', "require('./package.json').version");
      expect(await run(project, 'npx', '--no-install', 'lingomate-auth', '--version')).toBe(version);
      const data = mkdtempSync(join(folder, 'data-'));
      const command = join(project, 'node_modules/.bin/lingomate-auth');
      expect(await run(data, command, 'migrate')).toMatch(/^Migrated lingomateai\.db: /m);
      expect(await run(data, command, 'service-keys', 'list', '--json')).toBe('[]\n');
    },
    MINUTES,
  );

  test(
    'serves from the package, and ends with 0 when asked to',
    async () => {
      const server = join(project, 'node_modules/lingomate-auth/dist/src/server.js');
      const data = mkdtempSync(join(folder, 'data-'));
      expect(await serve(data, data, process.execPath, server)).toEqual({ answers: READY, end: [0, null] });
    },
    MINUTES,
  );
});

describe('npm start in a clone', () => {
  test(
    'builds what is not built, serves, and passes a signal on to it',
    async () => {
      rmSync(join(ROOT, 'dist/.built'), { force: true });
      const data = mkdtempSync(join(folder, 'data-'));
      expect(await serve(ROOT, data, 'npm', 'start')).toEqual({ answers: READY, end: [0, null] });
    },
    2 * MINUTES,
  );
});
