import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { commandLineIn, linesOf, readList, readObject } from '../support/command-line.js';
import { type RunningServer, useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);
const PASSWORD = 'a password of my own';
/** What a running server may be late by. */
const LATE_MS = 1000;

const BY_COMMAND_LINE = { path: 'src/cli/index.ts', args: ['serve'] };
const startServer = (settings: Record<string, string> = {}, by = {}): Promise<RunningServer> =>
  processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '4', ...settings }, ...by });

const post = (server: RunningServer, path: string, body: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': path === '/introspect' ? 'application/x-www-form-urlencoded' : 'application/json', ...headers },
    body: path === '/introspect' ? new URLSearchParams(body).toString() : JSON.stringify(body),
  });

async function logIn(server: RunningServer, username: string): Promise<string> {
  await post(server, '/register', { username, password: PASSWORD });
  return String(readObject(await (await post(server, '/token', { username, password: PASSWORD })).text())['access_token']);
}

const verify = async (server: RunningServer, token: string): Promise<number> =>
  (await fetch(`${server.url}/verify-token`, { headers: { authorization: `Bearer ${token}` } })).status;

/** Resolves when it holds, and throws where it still does not when asked after that time. */
async function soon(holds: () => Promise<boolean>, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const asked = performance.now();
    if (await holds()) return;
    if (asked > end) throw new Error(`not within ${milliseconds} ms`);
    await sleep(25);
  }
}

describe('what the command line changes, a running server knows', () => {
  test('a service key is shown once, opens /introspect, and does so no more once it is revoked', async () => {
    const server = await startServer();
    const token = await logIn(server, 'ada');
    const introspect = async (key: string): Promise<{ status: number; active: unknown }> => {
      const answer = await post(server, '/introspect', { token }, { authorization: `Bearer ${key}` });
      return { status: answer.status, active: readObject(await answer.text())['active'] };
    };
    const [created, printed] = await Promise.all([
      run('service-keys create --name api --scope introspect --json'),
      run('service-keys create --name piped --scope introspect'),
    ]);
    const { id, key, ...more } = readObject(created.stdout);
    expect(more).toEqual({ expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) });
    expect(created).toMatchObject({
      code: 0,
      stderr: `This is the only time that the key of ${String(id)} is shown. It expires at ${String(more['expires_at'])}.\n`,
    });
    expect(printed.stdout).toMatch(/^lingomate_sk_[\w-]{43}\n$/);
    expect(printed.stderr).not.toContain('lingomate_sk_');
    expect(await introspect(String(key))).toEqual({ status: 200, active: true });

    const [list, revoked] = await Promise.all([run('service-keys list --json'), run(`service-keys revoke ${String(id)}`)]);
    const listed = readList(list.stdout);
    expect(listed.map(({ name, scopes }) => ({ name, scopes }))).toEqual(
      expect.arrayContaining([
        { name: 'api', scopes: ['introspect'] },
        { name: 'piped', scopes: ['introspect'] },
      ]),
    );
    expect(Object.keys(listed[0] ?? {})).toEqual(['id', 'name', 'scopes', 'created_at', 'expires_at', 'last_used_at', 'revoked_at']);
    expect(list.stdout).not.toContain('lingomate_sk_');
    expect(revoked).toEqual({ code: 0, stdout: `Revoked ${String(id)}\n`, stderr: '' });
    expect((await introspect(String(key))).status).toBe(401);
    expect((await introspect(printed.stdout.trim())).active).toBe(true);
  });

  test('a session that is ended, or all of a user, has its access tokens refused within a second', async () => {
    const server = await startServer();
    const ada = [await logIn(server, 'ada'), await logIn(server, 'ada')] as const;
    const bob = await logIn(server, 'bob');
    const isRefused = (token: string) => async (): Promise<boolean> => (await verify(server, token)) === 401;

    const [json, table] = await Promise.all([run('sessions list --json --user ada'), run('sessions list --limit 2')]);
    const sessions = readList(json.stdout);
    expect(sessions.map(({ username, user_agent }) => ({ username, user_agent }))).toEqual([
      { username: 'ada', user_agent: 'node' },
      { username: 'ada', user_agent: 'node' },
    ]);
    expect(String(sessions[0]?.['created_at'])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const [heading, ...rows] = linesOf(table.stdout);
    expect(heading).toMatch(/^ID +USERNAME +CREATED AT +LAST USED AT +EXPIRES AT +IP +USER AGENT$/);
    expect(rows.map((row) => row.indexOf('node'))).toEqual([heading, heading].map((line) => line?.indexOf('USER AGENT')));
    expect(table.stderr).toBe('There are more than 2; see --limit.\n');

    const newest = String(sessions[0]?.['id']);
    expect(await run(`sessions revoke ${newest}`)).toEqual({ code: 0, stdout: `Ended session ${newest}\n`, stderr: '' });
    await soon(isRefused(ada[1]), LATE_MS);
    expect(await verify(server, ada[0])).toBe(200);
    const [again, all] = await Promise.all([run(`sessions revoke ${newest}`), run('sessions revoke --user ADA')]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/^not_found: /) });
    expect(all).toEqual({ code: 0, stdout: 'Ended sessions of ada: 1\n', stderr: '' });
    await soon(isRefused(ada[0]), LATE_MS);
    expect(await verify(server, bob)).toBe(200);
  });

  test('a new key pair is published beside the one before, and another signs once a lost ROOT_KEY is replaced, for a server that `serve` starts', async () => {
    const settings = { ALGORITHM: 'ES256', ROOT_KEY: randomBytes(32).toString('base64url') };
    const server = await startServer(settings);
    const published = async (): Promise<Record<string, unknown>[]> =>
      readList(JSON.stringify(readObject(await (await fetch(`${server.url}/.well-known/jwks.json`)).text())['keys']));
    const token = await logIn(server, 'ada');
    const rotated = await run('keys rotate --json', settings);
    expect(rotated.code).toBe(0);
    const { kid, ...facts } = readObject(rotated.stdout);
    expect(facts).toMatchObject({ algorithm: 'ES256', verifies_until: null, signing: false });
    await soon(async () => (await published()).length === 2, 2 * LATE_MS);
    expect(await published()).toEqual([expect.anything(), expect.objectContaining({ kid })]);
    expect(await verify(server, token)).toBe(200);

    await server.end('SIGTERM');
    const lost = { ...settings, ROOT_KEY: randomBytes(32).toString('base64url') };
    expect(await run('keys rotate --now', lost)).toMatchObject({ code: 1, stderr: expect.stringMatching(/keys accept-root-key$/m) });
    expect(await run('keys accept-root-key', lost)).toMatchObject({ code: 0 });
    const next = await startServer(lost, BY_COMMAND_LINE);
    expect(await verify(next, token)).toBe(401);
    expect(await verify(next, await logIn(next, 'ada'))).toBe(200);
    expect(await next.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
  });
});
