// Builds where the sources are newer than the last build, so that `npm start` works after a clone and after an edit,
// and costs nothing otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = `${root}dist/.built`;
const sources = ['src', 'config', 'migrations', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** @type {(path: string) => number} */
const newest = (path) => {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newest(`${path}/${name}`)));
};

const fresh = existsSync(stamp) && Math.max(...sources.map((source) => newest(root + source))) < statSync(stamp).mtimeMs;
if (!fresh || process.argv.includes('--force')) {
  rmSync(`${root}dist`, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', `${root}tsconfig.build.json`], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, '');
}
