import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { moduleUrl, spawnNode } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const randomKey = (): string => randomBytes(64).toString('base64url');

/** Fails as sqlite3 does where its binary was neither downloaded nor compiled. */
const HOOK = `
const Module = require('node:module');
const load = Module._load;
Module._load = function (name, ...rest) {
  if (name !== 'bindings') return load.call(this, name, ...rest);
  return () => { throw new Error('Could not locate the bindings file. Tried:\\n a\\n b'); };
};`;

function run(command: string, url: string) {
  writeFileSync(folder.file('hook.cjs'), HOOK);
  const settings = { DATABASE_URL: url, SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
  const args = ['--require', folder.file('hook.cjs'), fileURLToPath(moduleUrl('src/cli/index.ts')), command];
  return spawnNode(args, folder.path, settings).finished;
}

describe('without the binary of sqlite3', () => {
  it('PostgreSQL is used all the same', async () => {
    const { code, stderr } = await run('migrate', 'postgres://auth@127.0.0.1:1/auth');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^start_failed: DATABASE_URL: .*ECONNREFUSED[^\n]*\n$/);
  });

  it.each(['migrate', 'serve'])('%s on SQLite ends with one line that says how to get it', async (command) => {
    const { code, stderr } = await run(command, 'sqlite:auth.db');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^start_failed: SQLite needs the binary of sqlite3[^\n]*npm rebuild sqlite3[^\n]*pnpm approve-builds\n$/);
  });

  it('doctor on SQLite has the same in its table', async () => {
    const { code, stdout } = await run('doctor', 'sqlite:auth.db');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail +database +SQLite needs the binary of sqlite3.*npm rebuild sqlite3/m);
  });
});
