import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  documentedSamples,
  failureOf,
  install,
  type InstalledPackage,
  installPackage,
  MINUTES,
  run,
  TSC,
  writeProject,
} from '../support/installed-package.js';

const STRICT = {
  target: 'ES2022',
  lib: ['ES2023'],
  types: ['node'],
  strict: true,
  skipLibCheck: false,
  noEmit: true,
  esModuleInterop: true,
};
const STRICTER = { module: 'node20', exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };

/** What a program writes beside the samples: handlers that annotate their parameters, routers, and other servers. */
const PROBE = `
import { createServer } from 'node:http';
import express, { type Request, type Response } from 'express';
import { createApp, requireAuth } from 'lingomate-auth';

const app = express();
const auth = createApp({ SECRET_KEY: process.env['SECRET_KEY'] });
app.use('/auth', auth);
app.use(requireAuth({ issuer: process.env['ISSUER'] }));
app.get('/orders/:id', requireAuth(), (req, res) => {
  const [username, id]: [string, string] = [res.locals.auth.username, req.params.id];
  // @ts-expect-error -- sub is a string: without typed claims this line would compile
  const sub: number = res.locals.auth.sub;
  res.json([username, id, sub]);
});
app.get('/annotated', requireAuth(), (req: Request, res: Response) => {
  res.json([req.path, res.locals['auth']]);
});
const router = express.Router();
router.use(requireAuth({ scope: 'admin' }));
app.use(router);
createServer(auth).listen(0);
auth.listen(0, () => undefined);
`;
const ENTRIES = `
export * from 'lingomate-auth';
export * as resourceServer from 'lingomate-auth/resource-server';
export * as testing from 'lingomate-auth/testing';
`;

let installed: InstalledPackage;
const samples = documentedSamples();
const sources = { ...samples, 'probe.ts': PROBE };

beforeAll(async () => {
  installed = await installPackage();
  await install(installed.project, 'express@5', 'supertest', '@types/node@20', '@types/express@5', '@types/supertest');
  const older = writeProject(join(installed.project, 'express-4'), {});
  await install(older, 'express@4', '@types/express@4');
}, 4 * MINUTES);
afterAll(() => {
  installed.remove();
});

/** Writes a project below the one that has the package, and type checks it. */
async function compile(name: string, options: object, files: Readonly<Record<string, string>>, manifest: object = {}): Promise<string> {
  const folder = writeProject(join(installed.project, name), manifest, files);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...STRICT, ...options }, include: ['*.ts'] }));
  return run(folder, process.execPath, TSC, '-p', 'tsconfig.json');
}

describe('the samples of the documentation', () => {
  it('are marked as TypeScript wherever they import the package', () => {
    expect(Object.values(samples).filter((code) => code.includes("from 'lingomate-auth")).length).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ['with exactOptionalPropertyTypes and noUncheckedIndexedAccess', 'strict', STRICTER],
    ['with moduleResolution node10', 'node10', { module: 'esnext', moduleResolution: 'node10', ignoreDeprecations: '6.0' }],
    ['with the types of Express 4', 'express-4/sources', STRICTER],
  ])(
    'compile %s, libraries included',
    async (_, name, options) => {
      expect(await compile(name, options, sources)).toBe('');
    },
    2 * MINUTES,
  );
});

describe('the declaration files', () => {
  it(
    'compile without the packages that the service itself uses',
    async () => {
      const folder = writeProject(join(installed.folder, 'bare'), {}, { 'entries.ts': ENTRIES });
      await install(folder, '@types/node@20', '@types/supertest');
      cpSync(join(installed.project, 'node_modules/lingomate-auth'), join(folder, 'node_modules/lingomate-auth'), { recursive: true });
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: { ...STRICT, module: 'node20' }, include: ['entries.ts'] }),
      );
      expect(await run(folder, process.execPath, TSC, '-p', 'tsconfig.json')).toBe('');
    },
    2 * MINUTES,
  );
});

describe('a CommonJS package', () => {
  const [STATIC, DYNAMIC] = [
    `import { createApp } from 'lingomate-auth';\nvoid createApp({ DATABASE_URL: 'sqlite::memory:', NODE_ENV: 'test', LOG_LEVEL: 'silent' }).close();\n`,
    `void (async () => {\n  const { createApp } = await import('lingomate-auth');\n  await createApp().close();\n})();\n`,
  ];
  const commonjs = { type: 'commonjs' };

  it(
    'compiles await import() with module node16, and is refused a require() that Node before 20.19 refuses',
    async () => {
      expect(await compile('cjs-dynamic', { module: 'node16' }, { 'main.ts': DYNAMIC }, commonjs)).toBe('');
      await expect(compile('cjs-static', { module: 'node16' }, { 'main.ts': STATIC }, commonjs)).rejects.toThrow('TS1479');
    },
    2 * MINUTES,
  );

  it.each([
    ['node20', { module: 'node20' }],
    ['commonjs and moduleResolution node10', { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' }],
  ])(
    'compiles import with module %s, and runs where Node can require an ES module',
    async (_, options) => {
      expect(await compile('cjs-run', { ...options, noEmit: false, outDir: 'built' }, { 'main.ts': STATIC }, commonjs)).toBe('');
      expect(await run(join(installed.project, 'cjs-run'), process.execPath, 'built/main.js')).toBe('');
    },
    2 * MINUTES,
  );

  it(
    'learns from the error what to write where Node can not',
    async () => {
      const require = ['--no-experimental-require-module', '-e', "require('lingomate-auth/resource-server')"];
      expect(await failureOf(installed.project, process.execPath, ...require)).toMatch(
        /lingomate-auth is an ES module, .* use import or await import\(\), or Node 20\.19 or later/,
      );
      const dynamic = [
        '--no-experimental-require-module',
        '-p',
        "import('lingomate-auth').then(({ createApp }) => console.log(typeof createApp))",
      ];
      expect(await run(installed.project, process.execPath, ...dynamic)).toContain('function\n');
    },
    MINUTES,
  );
});
