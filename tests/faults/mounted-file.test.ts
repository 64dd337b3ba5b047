import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { commandLineIn, readObject } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);

/** Whether this user may mount a file, in a mount namespace that ends with the try. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '--bind', process.execPath, process.execPath], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const testWithMount = (title: string, work: () => Promise<void>): void => {
  if (mayMount()) test(title, work);
  else test.skip(`${title} [this user may not mount]`, work);
};

const SETTINGS = { DATABASE_URL: 'sqlite:app dir/auth.db' };
const WARNING = 'app dir/auth.db is mounted by itself';

describe('a database file that is mounted by itself', () => {
  let isMounted = false;
  const mount = (): void => {
    mkdirSync(folder.file('app dir'));
    mkdirSync(folder.file('volume'));
    for (const file of ['volume/auth.db', 'app dir/auth.db']) writeFileSync(folder.file(file), '');
    execFileSync('mount', ['--bind', folder.file('volume/auth.db'), folder.file('app dir/auth.db')]);
    isMounted = true;
  };
  beforeAll(() => {
    isMounted = false;
  });
  afterEach(() => {
    if (isMounted) execFileSync('umount', [folder.file('app dir/auth.db')]);
    isMounted = false;
  });

  testWithMount('is named by the start and by doctor, which say to mount its folder, and is no place for a restore', async () => {
    mount();
    const server = await processes.startServer({ cwd: folder.path, settings: { ...SETTINGS, BCRYPT_ROUNDS: '4' } });
    const body = JSON.stringify({ username: 'ada', password: 'a password of my own' });
    const registered = await fetch(`${server.url}/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(registered.status).toBe(201);
    const { stdout } = await server.end('SIGTERM');
    expect(stdout).toContain(`${WARNING}, and the files beside it are not`);

    const doctor = readObject((await run('doctor --json', SETTINGS)).stdout);
    expect(JSON.stringify(doctor['checks'])).toContain(WARNING);

    expect((await run('backup copy.db', SETTINGS)).code).toBe(0);
    const restored = await run('restore copy.db --yes', SETTINGS);
    expect([restored.code, restored.stderr]).toEqual([1, expect.stringMatching(/start_failed: .*mounted by itself.*Mount its folder/)]);
    const users = await run('export', SETTINGS);
    expect(users.stdout).toContain('"username":"ada"');
  });
});
