import { chmodSync, chownSync, copyFileSync, readdirSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseDatabaseUrl } from '../../config/database.js';
import { checkFiles } from '../../src/cli/checks/files.js';
import { createTestAuth } from '../../src/testing.js';
import { commandLineIn } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);

/** The mode of each file in the folder, by its name without the time in it. */
const modes = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder.path)
      .sort()
      .map((name) => [name.replace(/\d{8}T\d{6}Z/, 'time'), (statSync(folder.file(name)).mode & 0o777).toString(8)]),
  );
const allPrivate = (...names: string[]): Record<string, string> => Object.fromEntries(names.sort().map((name) => [name, '600']));

describe('under a umask of 0, the service', () => {
  let before = 0;
  beforeAll(() => {
    before = process.umask(0);
  });
  afterAll(() => {
    process.umask(before);
  });

  it('creates the database, its side files, the key file, backups and replaced databases with mode 0600', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '4' } });
    const database = ['lingomateai.db', 'lingomateai.db.keys.json'];
    expect(modes()).toEqual(allPrivate(...database, 'lingomateai.db-wal', 'lingomateai.db-shm'));
    expect(await run('backup copy.db')).toMatchObject({ code: 0 });
    await server.end('SIGTERM');
    chmodSync(folder.file('lingomateai.db'), 0o644);
    chmodSync(folder.file('copy.db'), 0o666);
    expect(await run('restore copy.db --yes')).toMatchObject({ code: 0 });
    expect(modes()).toEqual({ ...allPrivate(...database, 'lingomateai.db.before-restore-time'), 'copy.db': '666' });
  });

  it('creates the copy of an adopted database with mode 0600', async () => {
    copyFileSync('tests/fixtures/fastapi.db', folder.file('fastapi.db'));
    chmodSync(folder.file('fastapi.db'), 0o664);
    await (await createTestAuth({ DATABASE_URL: `sqlite:${folder.file('fastapi.db')}` })).close();
    expect(modes()).toEqual(allPrivate('fastapi.db', 'fastapi.db.keys.json', 'fastapi.db.before-adoption-time'));
  });
});

describe('a start', () => {
  it('removes the permissions of other users from existing files, and reports it', async () => {
    const settings = { DATABASE_URL: `sqlite:${folder.file('auth.db')}` };
    await (await createTestAuth(settings)).close();
    copyFileSync(folder.file('auth.db'), folder.file('auth.db.before-restore-20261125T101502Z'));
    for (const name of readdirSync(folder.path)) chmodSync(folder.file(name), 0o644);
    const { stdout } = await run('migrate', settings);
    for (const name of ['auth.db', 'auth.db.before-restore-20261125T101502Z'])
      expect(stdout).toContain(`${folder.file(name)} was accessible to other users: its permissions are now those of its owner alone`);
    expect(new Set(Object.values(modes()))).toEqual(new Set(['600']));
  });
});

describe('doctor', () => {
  const find = () => {
    const target = parseDatabaseUrl(`sqlite:${folder.file('auth.db')}`);
    if (target === undefined) throw new TypeError('a database');
    return checkFiles(target);
  };

  it('warns about database files, copies and a key file that other users can access', async () => {
    await (await createTestAuth({ DATABASE_URL: `sqlite:${folder.file('auth.db')}` })).close();
    expect(find()).toMatchObject([{ check: 'files', status: 'ok' }]);
    copyFileSync(folder.file('auth.db'), folder.file('auth.db.before-restore-20261125T101502Z'));
    for (const name of readdirSync(folder.path)) {
      chmodSync(folder.file(name), 0o640);
      expect(find()).toMatchObject([
        { status: 'warn', detail: expect.stringContaining(`${folder.file(name)}: accessible to other users. Run chmod 600`) },
      ]);
      chmodSync(folder.file(name), 0o600);
    }
  });

  const isRoot = process.getuid?.() === 0;
  if (!isRoot) process.stderr.write('Only root can give a file to another user: the check of owners is left out.\n');
  (isRoot ? it : it.skip)('fails where the key file belongs to another user', async () => {
    await (await createTestAuth({ DATABASE_URL: `sqlite:${folder.file('auth.db')}` })).close();
    chownSync(folder.file('auth.db.keys.json'), 12345, 12345);
    expect(find()).toMatchObject([{ status: 'fail', detail: expect.stringMatching(/auth\.db\.keys\.json: not owned by the user/) }]);
  });
});
