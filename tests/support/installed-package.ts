import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const MINUTES = 60_000;
/** The repository's own compiler. */
export const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Runs a command to its end and returns its stdout; throws with its whole output where it fails. */
export function run(folder: string, command: string, ...parameters: string[]): Promise<string> {
  // What this run was given must not reach what it starts.
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  return new Promise((done, failed) => {
    execFile(command, parameters, { cwd: folder, env, timeout: 3 * MINUTES }, (error, stdout, stderr) => {
      if (error) failed(new Error(`${command} ${parameters.join(' ')} failed:\n${stdout}${stderr}`));
      else done(stdout);
    });
  });
}

/** Runs a command that fails, and returns its whole output. */
export async function failureOf(folder: string, command: string, ...parameters: string[]): Promise<string> {
  const outcome = await run(folder, command, ...parameters).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  if (outcome === undefined) throw new Error(`${command} ${parameters.join(' ')} did not fail`);
  return outcome;
}

export const install = (folder: string, ...packages: string[]): Promise<string> =>
  run(folder, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packages);

/** Writes a folder with a package.json and these files, by name. */
export function writeProject(folder: string, manifest: object, files: Readonly<Record<string, string>> = {}): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module', ...manifest }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A fresh project that has installed the tarball of this repository, and nothing else. */
export interface InstalledPackage {
  /** Holds the project, the tarball and whatever a test adds. */
  readonly folder: string;
  readonly project: string;
  /** Paths in the tarball. */
  readonly packed: readonly string[];
  remove(): void;
}

/** Packs the build and installs it. The script that runs the tests has built. */
export async function installPackage(): Promise<InstalledPackage> {
  const folder = mkdtempSync(join(tmpdir(), 'package-'));
  const project = writeProject(join(folder, 'project'), {});
  await run(ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', folder);
  const [tarball = 'none'] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const packed = (await run(folder, 'tar', '-tzf', tarball)).trim().split('\n');
  await install(project, join(folder, tarball));
  // Compiling it takes minutes where no binary can be downloaded: what is here is what would come out.
  cpSync(join(ROOT, 'node_modules/sqlite3/build/Release'), join(project, 'node_modules/sqlite3/build/Release'), { recursive: true });
  return {
    folder,
    project,
    packed,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The TypeScript samples of README.md and docs/, by a file name for each. */
export function documentedSamples(): Record<string, string> {
  const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).flatMap((name) => (name.endsWith('.md') ? [join('docs', name)] : []))];
  return Object.fromEntries(
    pages.flatMap((page) =>
      Array.from(readFileSync(join(ROOT, page), 'utf8').matchAll(/```ts\n(.*?)```/gs), ([, code = ''], index) => [
        `${page.replace(/\W/g, '-')}-${index}.ts`,
        code,
      ]),
    ),
  );
}
