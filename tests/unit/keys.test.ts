import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, loadConfig } from '../../config/index.js';
import { localKeys } from '../../config/keys.js';
import { moduleUrl, useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const target = () => ({ dialect: 'sqlite', file: folder.file('auth.db') }) as const;
const keysFile = (): string => folder.file('auth.db.keys.json');
const modeOf = (file: string): number => statSync(file).mode & 0o777;

describe('keys beside the database', () => {
  test('are made at the first start, readable for their owner alone, and told of once', () => {
    const noticesOf = () => loadConfig({ DATABASE_URL: `sqlite:${target().file}` }).notices;
    expect(noticesOf()).toEqual([`SECRET_KEY and ROOT_KEY were made and are kept in ${keysFile()}: keep it as safe as the database`]);
    expect(readdirSync(folder.path)).toEqual(['auth.db.keys.json']);
    expect(modeOf(keysFile())).toBe(0o600);
    expect(noticesOf()).toEqual([]);
  });

  test.each([
    ['SECRET_KEY', 'ROOT_KEY'],
    ['ROOT_KEY', 'SECRET_KEY'],
  ])('with %s set only %s is reported as made', (set, made) => {
    const { notices } = loadConfig({ DATABASE_URL: `sqlite:${target().file}`, [set]: randomBytes(64).toString('base64url') });
    expect(notices).toEqual([`${made} was made and is kept in ${keysFile()}: keep it as safe as the database`]);
  });

  test('are two different ones, each long enough for every algorithm', () => {
    const { keys } = localKeys(target());
    expect(keys.SECRET_KEY).not.toBe(keys.ROOT_KEY);
    for (const key of Object.values(keys)) expect(Buffer.byteLength(String(key))).toBeGreaterThanOrEqual(64);
  });

  test('are the same at every later start', () => {
    const first = localKeys(target());
    const bytes = readFileSync(keysFile(), 'utf8');
    expect(localKeys(target()).keys).toEqual(first.keys);
    expect(readFileSync(keysFile(), 'utf8')).toBe(bytes);
    expect(readdirSync(folder.path)).toEqual(['auth.db.keys.json']);
  });

  test.each([0o644, 0o640, 0o666])('a file of mode %i is made private again', (mode) => {
    localKeys(target());
    chmodSync(keysFile(), mode);
    localKeys(target());
    expect(modeOf(keysFile())).toBe(0o600);
  });

  test('a key that is set stands before the one that is kept', () => {
    const SECRET_KEY = 'Zk3vYw8qLr1TnBf6XcHs0JdPu5Ae9GmQ';
    const DATABASE_URL = `sqlite:${folder.file('auth.db')}`;
    const kept = loadConfig({ DATABASE_URL });
    const set = loadConfig({ DATABASE_URL, SECRET_KEY });
    expect(set.token.secretKey).toBe(SECRET_KEY);
    expect(set.rootKeys).toEqual(kept.rootKeys);
  });

  test('a key that is set and equals the one kept for the other purpose is refused', () => {
    const DATABASE_URL = `sqlite:${folder.file('auth.db')}`;
    const { current: rootKey } = loadConfig({ DATABASE_URL }).rootKeys;
    expect(() => loadConfig({ DATABASE_URL, SECRET_KEY: rootKey })).toThrow(ConfigError);
  });

  const long = 'Zk3vYw8qLr1TnBf6XcHs0JdPu5Ae9GmQ'.repeat(2);
  test.each([
    ['empty', ''],
    ['cut off', '{"SECRET_KEY": "Zk3vYw8qLr1T'],
    ['no object', '[]'],
    ['null', 'null'],
    ['without a member', JSON.stringify({ SECRET_KEY: long })],
    ['with a key of another type', JSON.stringify({ SECRET_KEY: 1, ROOT_KEY: long })],
    ['with an empty key', JSON.stringify({ SECRET_KEY: '', ROOT_KEY: long })],
    ['with a short key', JSON.stringify({ SECRET_KEY: long, ROOT_KEY: 'short' })],
  ])('a file that is %s is refused by name, and left as it is', (_, content) => {
    writeFileSync(keysFile(), content, { mode: 0o600 });
    expect(() => localKeys(target())).toThrow(ConfigError);
    expect(() => localKeys(target())).toThrow(keysFile());
    expect(readFileSync(keysFile(), 'utf8')).toBe(content);
    expect(readdirSync(folder.path)).toEqual(['auth.db.keys.json']);
  });

  test('a folder that is missing, or is a file, is told as a fault of DATABASE_URL', () => {
    writeFileSync(folder.file('file'), '');
    for (const file of [folder.file('missing/auth.db'), folder.file('file/auth.db')]) {
      expect(() => localKeys({ dialect: 'sqlite', file })).toThrow(ConfigError);
      expect(() => localKeys({ dialect: 'sqlite', file })).toThrow(/^DATABASE_URL: .*folder/);
    }
  });

  test('a folder in the place of the file is a fault of the settings, not a crash', () => {
    mkdirSync(keysFile());
    expect(() => localKeys(target())).toThrow(ConfigError);
  });

  test('in memory nothing is written', () => {
    const { keys, made } = localKeys({ dialect: 'sqlite', file: ':memory:' });
    expect(made).toBe(false);
    expect(keys.SECRET_KEY).not.toBe(keys.ROOT_KEY);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('four processes that start at once get the same keys, and one tells of them', async () => {
    const text = `
      import { localKeys } from ${JSON.stringify(moduleUrl('config/keys.ts'))};
      process.stdin.once('data', () => {
        process.stdout.write(JSON.stringify(localKeys({ dialect: 'sqlite', file: 'auth.db' })));
        process.exit();
      });
      process.stdout.write('ready ');`;
    const children = Array.from({ length: 4 }, () => processes.runModule(text, { cwd: folder.path }));
    await Promise.all(children.map((child) => child.printed('ready')));
    for (const child of children) child.write('go');
    const outputs = (await Promise.all(children.map((child) => child.finished))).map(({ stdout }) => stdout.replace('ready ', ''));
    expect(new Set(outputs.map((output) => output.replace(/,"made".*/, '}'))).size).toBe(1);
    expect(outputs[0]).toContain('SECRET_KEY');
    expect(outputs.filter((output) => output.includes('"made":true'))).toHaveLength(1);
    expect(readdirSync(folder.path)).toEqual(['auth.db.keys.json']);
  });
});
