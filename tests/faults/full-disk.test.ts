import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createTestAuth } from '../../src/testing.js';
import { member } from '../support/answers.js';
import { mountSmall, unmount, withoutPrivileges } from '../support/limited-file.js';
import { type RunningServer, useProcesses } from '../support/process.js';
import { seen } from '../support/seen.js';
import { createClient, sharedSettings, type Tokens, tokensOf } from '../support/service-process.js';
import { useTempFolder } from '../support/temp-folder.js';
import { createCrew, type Service, WRITERS_SETTINGS } from '../support/writers.js';

const folder = useTempFolder();
const processes = useProcesses();
const CREDENTIALS = { username: 'ada', password: 'a password of my own' };

const startOn = async (settings: Readonly<Record<string, string>>, through: readonly string[] = []): Promise<[Service, RunningServer]> => {
  const server = await processes.startServer({ cwd: folder.path, settings, through });
  return [createClient(server.url), server];
};
const logIn = (service: Service) => service.send('POST', '/token', { body: CREDENTIALS });
const register = (service: Service, username: string) => service.send('POST', '/register', { body: { ...CREDENTIALS, username } });

/** That it answers what only reads. */
async function expectReads(service: Service, { access }: Tokens): Promise<void> {
  for (const path of ['/users/me', '/users/me/sessions', '/users/me/activity', '/verify-token', '/health/live', '/.well-known/jwks.json'])
    expect([path, (await service.send('GET', path, { bearer: access })).status]).toEqual([path, 200]);
}

/** What became of writes of each kind: `done`, or `refused` with the word that it can't be done now and when to come again. */
async function writesOn(url: string, { refresh }: Tokens): Promise<string[]> {
  const writes: readonly [path: string, body: object][] = [
    ['/register', { ...CREDENTIALS, username: 'eve' }],
    ['/token', CREDENTIALS],
    ['/token', { grant_type: 'refresh_token', refresh_token: refresh }],
    ['/revoke', { token: refresh }],
    ['/password/forgot', { identifier: 'ada' }],
  ];
  const fates = new Set<string>();
  for (const [path, body] of writes) {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const said = await response.text();
    fates.add(response.ok ? 'done' : 'refused');
    if (response.ok) continue;
    expect([path, response.status, member(JSON.parse(said), 'code')]).toEqual([path, 503, 'unavailable']);
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  }
  return [...fates].sort();
}

describe('a disk that is full', () => {
  const KILOBYTES = 4096;

  test('has writes refused and reads answered; with room again all works, and nothing that was acknowledged is lost', async () => {
    const place = folder.file('disk');
    mkdirSync(place);
    if (!mountSmall(place, KILOBYTES)) {
      process.stderr.write('This user may mount no file system: a full disk is left out.\n');
      return;
    }
    try {
      const settings = sharedSettings(`sqlite:${place}/auth.db`, { ...WRITERS_SETTINGS, LOG_LEVEL: 'info' });
      const [service, server] = await startOn(settings);
      expect((await register(service, 'ada')).status).toBe(201);
      const tokens = tokensOf(await logIn(service));
      const auth = await createTestAuth(settings);
      const crew = await createCrew(auth, service);
      writeFileSync(`${place}/others`, randomBytes(2 * 1024 * 1024));
      await crew.work(service);
      const written = crew.acknowledged();
      expect(written).toBeGreaterThan(0);
      fill(`${place}/more`);
      await expectReads(service, tokens);
      // What fits into the room that the log has already may still be done.
      expect(await writesOn(server.url, tokens)).toContain('refused');
      rmSync(`${place}/others`);
      rmSync(`${place}/more`);
      expect((await logIn(service)).status).toBe(200);
      await crew.check(service);
      await crew.checkRecord(auth);
      await auth.close();
      seen(`full after ${written} writes; none of them was lost`);
      expect(await server.end('SIGTERM')).toMatchObject({ code: 0 });
    } finally {
      unmount(place);
    }
  }, 120_000);

  /** Writes until nothing more fits. */
  function fill(file: string): void {
    for (;;) {
      try {
        writeFileSync(file, randomBytes(1024), { flag: 'a' });
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
        return;
      }
    }
  }
});

describe('a file that may only be read', () => {
  const STARTS_MS = 60_000;
  const through = withoutPrivileges();
  const file = (): string => folder.file('auth.db');
  if (through === undefined) process.stderr.write('This user can’t give up its privileges: a read-only file is left out.\n');
  const scenario = through === undefined ? test.skip : test;

  scenario(
    'is refused by a start, which works again when this user may write to it',
    async () => {
      const settings = sharedSettings(`sqlite:${file()}`, { LOG_LEVEL: 'info' });
      const [first, before] = await startOn(settings, through);
      await register(first, 'ada');
      const tokens = tokensOf(await logIn(first));
      await before.end('SIGTERM');
      chmodSync(file(), 0o444);
      await expect(startOn(settings, through)).rejects.toThrow(
        /ended with 1[^\n]*\nstart_failed: DATABASE_URL: [^\n]*auth\.db takes no writes \(SQLITE_READONLY\)[^\n]*\n$/,
      );
      // SQLite has given the files beside it the same mode.
      for (const name of readdirSync(folder.path).filter((one) => one.startsWith('auth.db'))) chmodSync(folder.file(name), 0o600);
      const [service] = await startOn(settings, through);
      await expectReads(service, tokens);
      expect((await register(service, 'bob')).status).toBe(201);
      expect((await service.refresh(tokens.refresh)).status).toBe(200);
    },
    STARTS_MS,
  );

  scenario(
    'in a folder to which nothing can be written is refused by a start, in a line that names it',
    async () => {
      const settings = sharedSettings(`sqlite:${file()}`, { LOG_LEVEL: 'info' });
      const [, before] = await startOn(settings, through);
      await before.end('SIGTERM');
      chmodSync(file(), 0o444);
      chmodSync(folder.path, 0o555);
      await expect(startOn(settings, through)).rejects.toThrow(/ended with 1[^\n]*\nstart_failed: DATABASE_URL: [^\n]*auth\.db[^\n]*\n$/);
      chmodSync(folder.path, 0o755);
    },
    STARTS_MS,
  );
});
