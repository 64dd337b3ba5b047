import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { spawnNode } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const repository = fileURLToPath(new URL('../..', import.meta.url));
const build = (...args: string[]) => spawnNode([folder.file('scripts/build-if-stale.mjs'), ...args], folder.path).finished;
const write = (text: string): void => {
  writeFileSync(folder.file('src/server.ts'), text);
};
const built = (): string => readFileSync(folder.file('dist/src/server.js'), 'utf8');

/** Dates the sources after the build. */
const edit = (): void => {
  const later = new Date(Date.now() + 60_000);
  utimesSync(folder.file('src/server.ts'), later, later);
};
const uninstallCompiler = (): void => {
  rmSync(folder.file('node_modules'), { recursive: true });
};
/** Makes the folder of drafts impossible, as a read-only file system does. */
const preventWrites = (): void => {
  rmSync(folder.file('.tmp'), { recursive: true, force: true });
  writeFileSync(folder.file('.tmp'), '');
};

beforeEach(() => {
  for (const name of ['scripts', 'src', 'config', 'migrations', 'node_modules']) mkdirSync(folder.file(name));
  cpSync(`${repository}scripts/build-if-stale.mjs`, folder.file('scripts/build-if-stale.mjs'));
  for (const name of ['typescript', 'swagger-ui-dist'])
    symlinkSync(`${repository}node_modules/${name}`, folder.file(`node_modules/${name}`));
  writeFileSync(folder.file('package.json'), '{ "type": "module" }');
  cpSync(`${repository}tsconfig.build.json`, folder.file('tsconfig.build.json'));
  writeFileSync(
    folder.file('tsconfig.json'),
    '{ "compilerOptions": { "rootDir": ".", "skipLibCheck": true, "lib": ["ES5"], "types": [] } }',
  );
  write('export const version: number = 1;\n');
});

describe('a start of a clone', () => {
  it('builds once, and again after an edit', async () => {
    expect(await build()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(built()).toContain('version = 1');
    write('export const version: number = 2;\n');
    edit();
    expect(await build()).toMatchObject({ code: 0 });
    expect(built()).toContain('version = 2');
    expect(readdirSync(folder.file('.tmp'))).toEqual([]);
  });

  it.each([
    ['there is no compiler', uninstallCompiler, /^WARNING: the existing build is started; .* compiler is not installed\. Run npm ci\n$/],
    ['the folder is read-only', preventWrites, /^WARNING: the existing build is started; .* cannot be written to \(\w+\)\n$/],
  ])('keeps and starts an older build, with a warning, where %s', async (_, prevent, warning) => {
    await build();
    write('export const version: number = 2;\n');
    edit();
    prevent();
    expect(await build()).toEqual({ code: 0, stdout: '', stderr: expect.stringMatching(warning) });
    expect(built()).toContain('version = 1');
  });

  it.each([
    ['compiler', uninstallCompiler, 'No build can be made: the TypeScript compiler is not installed. Run npm ci\n'],
    ['writable folder', preventWrites, expect.stringMatching(/^No build can be made: this folder cannot be written to \(\w+\)\n$/)],
  ])('ends with 1 and one line where there is neither a build nor a %s', async (_, prevent, stderr) => {
    prevent();
    expect(await build()).toEqual({ code: 1, stdout: '', stderr });
    expect(existsSync(folder.file('dist'))).toBe(false);
  });

  it('keeps the build where the sources do not compile', async () => {
    await build();
    write('export const version: number = "two";\n');
    edit();
    expect(await build()).toMatchObject({ code: 2, stdout: expect.stringContaining('TS2322') });
    expect(built()).toContain('version = 1');
    expect(readdirSync(folder.file('.tmp'))).toEqual([]);
  });
});

describe('npm run build', () => {
  it('ends with 1 without a compiler, and keeps the build', async () => {
    await build();
    uninstallCompiler();
    expect(await build('--force')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^No build can be made: .*\n$/) });
    expect(built()).toContain('version = 1');
  });
});
