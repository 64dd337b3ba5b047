import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../config/index.js';
import { settingsSchema } from '../../config/schema.js';
import { faultsOf } from '../support/config-faults.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const randomKey = (): string => randomBytes(64).toString('base64url');
const IN_MEMORY = { DATABASE_URL: 'sqlite::memory:' };
const write = (name: string, content: string): string => {
  writeFileSync(folder.file(name), content);
  return folder.file(name);
};

describe('a <NAME>_FILE setting', () => {
  it.each(['', '\n', '\r\n', '\n\n', ' ', '\t'])('gives the secret in the file, without %j at its end', (end) => {
    const [secretKey, rootKey] = [randomKey(), randomKey()];
    const config = loadConfig({
      ...IN_MEMORY,
      SECRET_KEY_FILE: write('secret', secretKey + end),
      ROOT_KEY_FILE: write('root', rootKey + end),
    });
    expect([config.token.secretKey, config.rootKeys.current]).toEqual([secretKey, rootKey]);
  });

  it('exists for every secret setting, and satisfies where one is required', () => {
    const files = {
      DATABASE_URL_FILE: write('database', 'postgres://auth:pw@db.internal/auth\n'),
      SECRET_KEY_FILE: write('secret', randomKey()),
      SECRET_KEY_PREVIOUS_FILE: write('previous', randomKey()),
      ROOT_KEY_FILE: write('root', randomKey()),
      SMTP_URL_FILE: write('smtp', 'smtps://me:pw@mail.example.com'),
      FIREBASE_SIGNER_KEY_FILE: write('firebase', 'a2V5'),
    };
    const config = loadConfig(files);
    expect(config.database).toEqual({ dialect: 'postgres', url: 'postgres://auth:pw@db.internal/auth' });
    expect(config.mail.smtpUrl).toBe('smtps://me:pw@mail.example.com');
    expect(config.firebaseSignerKey).toBe('a2V5');
    const described: unknown = settingsSchema.describe();
    const secrets = JSON.stringify(described).match(/"secret":true/g)?.length;
    expect(secrets).toBeGreaterThanOrEqual(Object.keys(files).length);
    const example = readFileSync('.env.example', 'utf8');
    for (const name of Object.keys(files)) expect(example).toContain(`or set ${name} to a file`);
  });

  it('is refused beside the setting itself', () => {
    const faults = faultsOf({ ...IN_MEMORY, ROOT_KEY: randomKey(), ROOT_KEY_FILE: write('root', randomKey()) });
    expect(faults).toEqual(['ROOT_KEY and ROOT_KEY_FILE are both set. Set one of them']);
  });

  it('is refused where the file is absent, a folder or empty, and the fault shows neither path nor content', () => {
    mkdirSync(folder.file('canary-folder'));
    const paths = {
      ROOT_KEY_FILE: folder.file('canary'),
      SECRET_KEY_FILE: folder.file('canary-folder'),
      SMTP_URL_FILE: write('canary-empty', '\n'),
    };
    const faults = faultsOf({ NODE_ENV: 'production', ISSUER: 'https://auth.example.com', ...IN_MEMORY, ...paths });
    expect([...faults].sort()).toEqual([
      "ROOT_KEY_FILE can't be read (ENOENT). Name a file that this user may read",
      "SECRET_KEY_FILE can't be read (EISDIR). Name a file that this user may read",
      'SMTP_URL_FILE names an empty file. Write the secret into it',
    ]);
    expect(faults.join()).not.toContain('canary');
  });

  it('has its content checked like the setting, and the fault does not show it', () => {
    const faults = faultsOf({ ...IN_MEMORY, ROOT_KEY_FILE: write('root', 'canary') });
    expect(faults).toEqual([expect.stringMatching(/^ROOT_KEY is too short/)]);
    expect(faults.join()).not.toContain('canary');
  });

  it('counts as absent where it is empty', () => {
    expect(faultsOf({ ...IN_MEMORY, ROOT_KEY_FILE: '' })).toEqual([]);
  });
});
