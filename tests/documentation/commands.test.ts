import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const textFilesIn = (folder: string): string[] =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(md|json|ts)$/.test(name))
    .map((name) => `${folder}/${name}`);
const FILES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...textFilesIn('docs'), ...textFilesIn('src')];

/** The lines of the documentation and of our messages that match, with their files. */
const linesWith = (pattern: RegExp): string[] =>
  FILES.flatMap((file) =>
    readFileSync(`${ROOT}${file}`, 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${file}: ${line}`),
  );

it('documents every command of the clone silently, as npm otherwise writes a banner into data and keys', () => {
  expect(linesWith(/npm run -s cli -- /).length).toBeGreaterThan(10);
  expect(linesWith(/npm run cli\b/)).toEqual([]);
});

it('documents no command that asks a registry for the package, which is not published', () => {
  expect(linesWith(/npx (?!--no-install )[^\n]*lingomate-auth|npm (i|install|add) (-\S+ )*lingomate-auth/)).toEqual([]);
});
