import { readFileSync } from 'node:fs';
import { errorCode } from '../src/lib/error-code.js';
import { settingsSchema } from './schema.js';

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Lists the settings that are marked secret in the schema. */
function secretSettings(): string[] {
  const keys: unknown = settingsSchema.describe().keys;
  const isSecret = (meta: unknown): boolean => isObject(meta) && meta['secret'] === true;
  return Object.entries(isObject(keys) ? keys : {}).flatMap(([name, setting]) => {
    const metas = isObject(setting) ? setting['metas'] : undefined;
    return Array.isArray(metas) && metas.some(isSecret) ? [name] : [];
  });
}

/** The secrets that were read from files, by setting, and the settings whose file cannot be used. */
export interface SecretFiles {
  readonly values: Readonly<Record<string, string>>;
  readonly faults: ReadonlyMap<string, string>;
}

/**
 * Reads each secret setting whose `<NAME>_FILE` names a file, as Docker and Kubernetes mount secrets. One line end at the
 * end of the file is not part of the secret. Faults name the variable and the fix; they show neither path nor content, as
 * the secret itself may have been put in place of the path.
 */
export function readSecretFiles(given: Readonly<Record<string, string>>): SecretFiles {
  const values: Record<string, string> = {};
  const faults = new Map<string, string>();
  for (const name of secretSettings()) {
    const file = given[`${name}_FILE`];
    if (file === undefined) continue;
    if (given[name] !== undefined) {
      faults.set(name, `${name} and ${name}_FILE are both set. Set one of them`);
      continue;
    }
    try {
      const content = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
      if (content.trim() === '') faults.set(name, `${name}_FILE names an empty file. Write the secret into it`);
      else values[name] = content;
    } catch (error) {
      faults.set(name, `${name}_FILE can't be read (${errorCode(error)}). Name a file that this user may read`);
    }
  }
  return { values, faults };
}
