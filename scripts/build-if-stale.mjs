// Builds where the sources are newer than the last build, so that `npm start` works after a clone and after an edit,
// and costs nothing otherwise. An existing build stays in place until the new one is complete.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}dist`;
const draft = `${root}.tmp/build-${process.pid}`;
const replaced = `${draft}-replaced`;
const compiler = `${root}node_modules/typescript/bin/tsc`;
const swagger = `${root}node_modules/swagger-ui-dist`;
/** What the page at /docs is made of, with its licence. Copied, as the package brings an install script that reports installs. */
const swaggerFiles = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'favicon-32x32.png',
  'swagger-ui-bundle.js.LICENSE.txt',
  'LICENSE',
  'NOTICE',
];
const sources = ['src', 'config', 'migrations', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** @type {(path: string) => number} */
const newest = (path) => {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.mtimeMs ?? 0;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newest(`${path}/${name}`)));
};

/**
 * Moves a folder, and returns whether it could: of two builds at once the other may have moved it.
 * @type {(from: string, to: string) => boolean}
 */
const move = (from, to) => {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return false;
    throw error;
  }
};

/** @type {(error: unknown) => string} */
const codeOf = (error) => (typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error));

/** @type {(path: string) => void} */
const discard = (path) => {
  if (existsSync(path)) rmSync(path, { recursive: true, force: true });
};

/** Returns why no build can be made; ends the process where the sources do not compile. */
const build = () => {
  if (!existsSync(compiler)) return 'the TypeScript compiler is not installed. Run npm ci';
  if (!existsSync(swagger)) return 'swagger-ui-dist is not installed. Run npm ci';
  try {
    accessSync(root, constants.W_OK);
    mkdirSync(draft, { recursive: true });
    // Dated before the compiler reads the sources, so that an edit in between makes the build stale.
    writeFileSync(`${draft}/.built`, '');
    const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`, '--outDir', draft], { stdio: 'inherit' });
    if (status !== 0) {
      discard(draft);
      process.exit(status ?? 1);
    }
    mkdirSync(`${draft}/swagger-ui`);
    for (const name of swaggerFiles) copyFileSync(`${swagger}/${name}`, `${draft}/swagger-ui/${name}`);
    move(dist, replaced);
    move(draft, dist);
    return undefined;
  } catch (error) {
    return `this folder cannot be written to (${codeOf(error)})`;
  } finally {
    discard(draft);
    discard(replaced);
  }
};

const isForced = process.argv.includes('--force');
const isFresh = existsSync(`${dist}/.built`) && Math.max(...sources.map((source) => newest(root + source))) < newest(`${dist}/.built`);
const obstacle = isFresh && !isForced ? undefined : build();
if (obstacle !== undefined) {
  const canStart = existsSync(`${dist}/src/server.js`) && !isForced;
  const line = canStart ? 'WARNING: the existing build is started; it is older than the sources, and' : 'No build can be made:';
  process.stderr.write(`${line} ${obstacle}\n`);
  if (!canStart) process.exit(1);
}
