import { describe, expect, test } from '@jest/globals';
import { copyFileSync, writeFileSync } from 'node:fs';
import { commandLineIn, linesOf, readObject } from '../support/command-line.js';
import { fastApiUsers, placeFastApiDatabase } from '../support/fastapi.js';
import { useProcesses } from '../support/process.js';
import { fingerprint, useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);
const PASSWORD = 'a password of my own';
/** Of the example at https://github.com/firebase/scrypt. */
const SIGNER_KEY = 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==';
const HASH = '$2b$04$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW';

const lines = (...users: object[]): string => users.map((user) => `${JSON.stringify(user)}\n`).join('');

describe('import and export', () => {
  test('a FastAPI file is merged into a running service, where its users log in from then on', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '4' } });
    const post = (path: string, username: string, password: string) =>
      fetch(server.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username, password }),
      });
    expect((await post('/register', 'erin', PASSWORD)).status).toBe(201);
    await placeFastApiDatabase(folder.file('old.db'));
    const before = fingerprint(folder.file('old.db'));

    const merged = await run('import --from fastapi old.db');
    const others = fastApiUsers().filter(({ username }) => username !== 'erin');
    expect(linesOf(merged.stdout)).toEqual(['line 8 exists erin (id 1)', `${others.length} created, 1 there already, 0 failed`]);
    expect(merged).toMatchObject({ code: 0, stderr: '' });
    expect(fingerprint(folder.file('old.db'))).toBe(before);

    const alice = others.find(({ username }) => username === 'alice');
    const answer = await post('/token', 'alice', alice?.password ?? '');
    expect(answer.status).toBe(200);
    expect(readObject(await answer.text())['user']).toEqual({ id: 2, username: 'alice' });
    expect((await post('/token', 'erin', PASSWORD)).status).toBe(200);
  });

  test('reads a table with sep=;, semicolons and mixed line ends, and reports the lines of the file', async () => {
    writeFileSync(folder.file('users.csv'), `sep=;\r\nusername;password_hash\nada;${HASH}\r\nx;\rbob;${HASH}`);

    const { stdout, code } = await run('import users.csv');

    expect(linesOf(stdout)).toEqual(['line 4 failed x: username needs 3 characters or more', '2 created, 1 failed']);
    expect(code).toBe(1);
  });

  test('tells what became of bad lines, and exits with 1; a dry run tells all and changes nothing', async () => {
    const text = lines({ username: 'ada', password_hash: HASH }, { username: 'x\u001b[31m' }, { username: 'bob' });
    writeFileSync(folder.file('users.jsonl'), text);
    const note = 'has no password: they log in once they have set one by a reset or an invitation';
    const failed =
      'line 2 failed x�[31m: username may have letters, marks and digits of any script, and . _ - @ +; no invisible characters, and not marks alone';

    const dry = await run('import users.jsonl --dry-run');
    expect(linesOf(dry.stdout)).toEqual([
      'line 1 would create ada',
      failed,
      `line 3 would create bob: ${note}`,
      '2 to be created, 1 failed',
    ]);
    expect(dry.code).toBe(1);
    const child = processes.runFile('src/cli/index.ts', { cwd: folder.path, args: ['import', '-'] });
    child.write(text);
    child.endInput();
    const real = await child.finished;
    expect(linesOf(real.stdout)).toEqual([failed, `line 3 created bob (id 2): ${note}`, '2 created, 1 failed']);
    expect(real.code).toBe(1);

    const again = await run('import users.jsonl --json');
    expect(again.code).toBe(1);
    const { results, summary } = readObject(again.stdout);
    expect(summary).toEqual({ created: 0, would_create: 0, exists: 2, skipped: 0, failed: 1 });
    expect(results).toHaveLength(3);
    const [open, whole] = await Promise.all([run('export'), run('export --password-hashes')]);
    expect(linesOf(open.stdout).map((line) => readObject(line)['username'])).toEqual(['ada', 'bob']);
    expect(open.stdout).not.toContain(HASH);
    expect(linesOf(whole.stdout).map((line) => readObject(line)['password_hash'])).toEqual([HASH, null]);
  });

  test('what can’t be read is told in a line', async () => {
    writeFileSync(folder.file('users.csv'), 'name\nada\n');
    const [absent, unknown] = await Promise.all([run('import absent.jsonl'), run('import users.csv')]);
    expect(absent).toEqual({ code: 1, stdout: '', stderr: 'not_found: There is no such file that can be read\n' });
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/^validation_failed: name is no member of a user$/m);
  });

  test('takes Firebase’s signer key from a file or the environment, and refuses it on the command line', async () => {
    copyFileSync('tests/fixtures/imports/firebase.json', folder.file('users.json'));
    writeFileSync(folder.file('signer'), `${SIGNER_KEY}\n`);
    const onCommandLine = await run('import users.json --dry-run --firebase-signer-key canary');
    expect(onCommandLine).toMatchObject({
      code: 2,
      stdout: '',
      stderr:
        'usage: --firebase-signer-key would show the key in the process list. Use --firebase-signer-key-file, or set FIREBASE_SIGNER_KEY\n',
    });
    expect((await run('import users.json --dry-run')).stderr).toContain('--firebase-signer-key-file or FIREBASE_SIGNER_KEY');
    const given = await Promise.all([
      run('import users.json --dry-run --firebase-signer-key-file signer'),
      run('import users.json --dry-run', { FIREBASE_SIGNER_KEY: SIGNER_KEY }),
      run('import users.json --dry-run', { FIREBASE_SIGNER_KEY_FILE: folder.file('signer') }),
    ]);
    for (const { stdout, stderr } of given) {
      expect(stdout).toContain('would create ada');
      expect(stderr).not.toContain('FIREBASE_SIGNER_KEY');
    }
    expect(await run('import users.json --firebase-signer-key-file nowhere')).toMatchObject({
      code: 1,
      stderr: "not_found: nowhere can't be read. Name a file that this user may read\n",
    });
  });
});
