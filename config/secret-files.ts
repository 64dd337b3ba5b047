import { readFileSync } from 'node:fs';
import { errorCode } from '../src/lib/error-code.js';
import { SECRET_SETTINGS } from './setting-names.js';

/** The secrets that were read from files, by setting, and the settings whose file cannot be used. */
export interface SecretFiles {
  readonly values: Readonly<Record<string, string>>;
  readonly faults: ReadonlyMap<string, string>;
}

/**
 * Reads each secret setting whose `<NAME>_FILE` names a file, as Docker and Kubernetes mount secrets. White space
 * around the secret is not part of it. Faults name the variable and the fix; they show neither path nor content, as
 * the secret itself may have been put in place of the path.
 */
export function readSecretFiles(given: Readonly<Record<string, string>>): SecretFiles {
  const values: Record<string, string> = {};
  const faults = new Map<string, string>();
  for (const name of SECRET_SETTINGS) {
    const file = given[`${name}_FILE`];
    if (file === undefined) continue;
    if (given[name] !== undefined) {
      faults.set(name, `${name} and ${name}_FILE are both set. Set one of them`);
      continue;
    }
    try {
      const content = readFileSync(file, 'utf8').trim();
      if (content === '') faults.set(name, `${name}_FILE names an empty file. Write the secret into it`);
      else values[name] = content;
    } catch (error) {
      faults.set(name, `${name}_FILE can't be read (${errorCode(error)}). Name a file that this user may read`);
    }
  }
  return { values, faults };
}
