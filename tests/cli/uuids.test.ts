import { describe, expect, it } from '@jest/globals';
import { commandLineIn, readList, readObject } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const processes = useProcesses();
const run = commandLineIn(folder, processes);

// RFC 9562 §4: hexadecimal digits of a UUID are read without case.
describe('an id in capitals on the command line', () => {
  it('revokes a service key', async () => {
    const made = readObject((await run('service-keys create --name shop --scope introspect --json')).stdout);

    const revoked = await run(`service-keys revoke ${String(made['id']).toUpperCase()}`);

    expect(revoked).toMatchObject({ code: 0, stderr: '' });
    const [key] = readList((await run('service-keys list --json')).stdout);
    expect(key).toMatchObject({ id: made['id'], revoked_at: expect.any(String) });
  });

  it('ends a session', async () => {
    const server = await processes.startServer({ cwd: folder.path, settings: { BCRYPT_ROUNDS: '4' } });
    const body = JSON.stringify({ username: 'ada', password: 'correct horse battery staple' });
    const post = (path: string) => fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect([(await post('/register')).status, (await post('/token')).status]).toEqual([201, 200]);
    const [session] = readList((await run('sessions list --json')).stdout);

    const ended = await run(`sessions revoke ${String(session?.['id']).toUpperCase()}`);

    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(readList((await run('sessions list --json')).stdout)).toEqual([]);
  });
});
