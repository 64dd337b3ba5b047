import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Returns the code blocks of a page of the documentation in that language, in their order. */
export function codeBlocks(page: string, language: string): string[] {
  const markdown = readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), 'utf8');
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, code = '']) => (name === language ? [code] : []));
}
