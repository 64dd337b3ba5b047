import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { openRaw } from '../../src/adapters/sqlite-file.js';
import { commandLineIn, linesOf } from '../support/command-line.js';
import { change } from '../support/fastapi.js';
import { useProcesses } from '../support/process.js';
import { createAppOn } from '../support/sqlite-app.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);
const KEYS = { ROOT_KEY: randomBytes(48).toString('base64url') };
const FILE = { DATABASE_URL: 'sqlite:auth.db', ...KEYS };

/** A migrated file. */
const placeDatabase = async (): Promise<void> => (await createAppOn(folder.file('auth.db'), KEYS)).close();

describe('the command line', () => {
  test('prints help without a command, and the version of the package', async () => {
    const [help, version] = await Promise.all([run(''), run('--version')]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: lingomate-auth .*\bserve\b.*\bdoctor\b/s);
    const expected = /"version": "([^"]+)"/.exec(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))?.[1];
    expect(version).toEqual({ code: 0, stdout: `${expected}\n`, stderr: '' });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('answers a command that can’t be with its use, in one line, and 2', async () => {
    const wrong = ['keys lisst', 'sessions revoke'];
    const finished = await Promise.all(wrong.map((words) => run(words)));
    expect(finished).toEqual([
      { code: 2, stdout: '', stderr: expect.stringMatching(/^usage: unknown command 'lisst'.*list.*\n$/) },
      { code: 2, stdout: '', stderr: expect.stringMatching(/^usage: .*id.*--user\n$/) },
    ]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('tells every fault by its code on stderr, a line each, with 1 and nothing on stdout', async () => {
    await placeDatabase();
    writeFileSync(folder.file('notes.db'), 'notes of mine\n'.repeat(100));
    const notes = { DATABASE_URL: 'sqlite:notes.db' };
    const finished = await Promise.all([
      run('keys list', { PORT: 'eighty', SECRET_KEY: 'canary' }),
      run('sessions list', notes),
      run('keys rotate', FILE),
      run('sessions revoke --user nobody', FILE),
      run('service-keys create --name \n --scope everything', FILE),
    ]);
    expect(finished.map(({ code, stdout }) => ({ code, stdout }))).toEqual(finished.map(() => ({ code: 1, stdout: '' })));
    const told = finished.map(({ stderr }) => linesOf(stderr).filter((line) => !line.includes('keys.json')));
    expect(told).toEqual([
      [expect.stringMatching(/^config_invalid: PORT must/), expect.stringMatching(/^config_invalid: SECRET_KEY is too short/)],
      [expect.stringMatching(/^start_failed: DATABASE_URL: notes\.db is not a SQLite database/)],
      [expect.stringMatching(/^conflict: HS256 signs with SECRET_KEY: /)],
      ['not_found: There is no such user'],
      [expect.stringMatching(/^validation_failed: name /), expect.stringMatching(/^validation_failed: scopes /)],
    ]);
    expect(told.join()).not.toContain('canary');
  });

  test('tells an error of our own by its message, and by its stack where that is asked for', async () => {
    await placeDatabase();
    await change(folder.file('auth.db'), ['DROP TABLE auth_service_keys']);
    const settings = { ...FILE, LOG_LEVEL: 'error' };
    const [short, long] = await Promise.all([
      run('service-keys list', settings),
      run('service-keys list', { ...settings, LOG_LEVEL: 'debug' }),
    ]);
    expect(short).toEqual({ code: 1, stdout: '', stderr: 'internal_error: SQLITE_ERROR: no such table: auth_service_keys\n' });
    expect(long.code).toBe(1);
    expect(long.stderr).toMatch(/^internal_error: .*no such table.*\n\s+at /m);
  });

  test('tells of a database that is held by another process that it is away', async () => {
    await placeDatabase();
    const other = await openRaw(folder.file('auth.db'), { write: true });
    await other.all('BEGIN IMMEDIATE');
    const finished = await run('service-keys create --name api --scope introspect', { ...FILE, LOG_LEVEL: 'error' });
    await other.close();
    expect(finished).toMatchObject({ code: 1, stdout: '' });
    expect(linesOf(finished.stderr).at(-1)).toMatch(/^unavailable: /);
  });
});
