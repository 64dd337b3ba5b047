import { readFileSync } from 'node:fs';

/** The version of this package. Looked for upwards, as the built files lie one folder deeper than the sources. */
export function packageVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    const parsed = readJson(new URL(up, import.meta.url));
    if (typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'lingomate-auth' && 'version' in parsed)
      return String(parsed.version);
  }
  throw new TypeError('package.json of lingomate-auth is missing');
}

function readJson(file: URL): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
