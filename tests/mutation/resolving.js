/** @import { ResolveHook } from 'node:module' */

/** @type {(parent: string | undefined) => Readonly<Record<string, string>>} */
const replaced = (parent) => ({
  // Of the parts that Jest is made of.
  '@jest/globals': './jest-globals.ts',
  // Each service would start threads of its own, with the lowest priority.
  piscina: './hashing-here.ts',
  ...(parent?.includes('/hash-worker.mjs') && { 'node:os': './no-priority.js' }),
});

/**
 * Has the suites and what they test take these modules in place of others; and has what a file of a generation imports be of
 * that generation too, but for packages.
 * @param {Parameters<ResolveHook>[0]} specifier
 * @param {Parameters<ResolveHook>[1]} context
 * @param {Parameters<ResolveHook>[2]} nextResolve
 */
export async function resolve(specifier, context, nextResolve) {
  const name = replaced(context.parentURL)[specifier];
  if (name !== undefined) return nextResolve(new URL(name, import.meta.url).href, context);
  const resolved = await nextResolve(specifier, context);
  const generation = /[?&](generation=\d+)/.exec(context.parentURL ?? '')?.[1];
  if (generation === undefined || !resolved.url.startsWith('file:') || resolved.url.includes('/node_modules/')) return resolved;
  return { ...resolved, url: `${resolved.url}${resolved.url.includes('?') ? '&' : '?'}${generation}` };
}
