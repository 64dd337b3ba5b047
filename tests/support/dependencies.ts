import { readFileSync } from 'node:fs';
import { entriesOf, member } from './answers.js';

const manifestOf = (folder: string): unknown => JSON.parse(readFileSync(new URL(`../../${folder}package.json`, import.meta.url), 'utf8'));

/** What the service is built of: the name and the installed version of each. */
export const dependencies = (): [name: string, version: string][] =>
  entriesOf(member(manifestOf(''), 'dependencies')).map(([name]) => [name, String(member(manifestOf(`node_modules/${name}/`), 'version'))]);
