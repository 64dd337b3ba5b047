import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase } from '../../src/adapters/database.js';
import { movableClock, type MovableClock } from '../../src/lib/clock.js';
import { createTestAuth, type TestAuth, type TestSession } from '../../src/testing.js';
import { CLIENT } from '../support/client.js';
import { commandLineIn } from '../support/command-line.js';
import { useProcesses } from '../support/process.js';
import { hasPostgresPrograms, restoreIn } from '../support/restoring.js';
import { sharedSettings } from '../support/service-process.js';
import { useTempFolder } from '../support/temp-folder.js';
import { freshSchema } from '../support/test-app.js';

const SERVER = process.env['TEST_DATABASE_URL'] ?? '';
const folder = useTempFolder();
const run = commandLineIn(folder, useProcesses());

let schema: Awaited<ReturnType<typeof freshSchema>>;
let settings: Readonly<Record<string, string>>;
let clock: MovableClock;
let auth: TestAuth;
beforeEach(async () => {
  const server = new URL(SERVER);
  server.password ||= 'canary';
  schema = await freshSchema(server.toString());
  settings = sharedSettings(schema.url);
  // So late in a second that nobody waits long for its end.
  clock = movableClock(Date.UTC(2026, 5, 1, 12) + 990);
  auth = await createTestAuth(settings, { clock });
});
afterEach(async () => {
  await auth.close();
  await schema.drop();
});

const restore = () => restoreIn(settings, folder.file('backup'), clock);
const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
  asking.then(
    () => 'taken',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
const answers = async ({ accessToken, refreshToken }: TestSession): Promise<unknown[]> => [
  await codeOf(auth.services.sessions.authenticate(accessToken)),
  await codeOf(auth.services.sessions.refresh(refreshToken, CLIENT)),
];

if (hasPostgresPrograms())
  describe('a restore', () => {
    test('under a service that goes on ends its sessions within a second, and it goes on', async () => {
      const user = await auth.createUser();
      const before = await auth.session(user);
      await auth.services.backups.make(folder.file('backup'));
      const after = await auth.session(user);
      await restore();
      clock.advance(1.001);
      expect(await answers(before)).toEqual(['invalid_token', 'session_revoked']);
      expect(await answers(after)).toEqual(['invalid_token', 'invalid_grant']);
      expect(await answers(await auth.session(user))).toEqual(['taken', 'taken']);
    });

    test('is refused where a table of somebody else speaks of ours', async () => {
      await auth.services.backups.make(folder.file('backup'));
      const session = await auth.session(await auth.createUser());
      const target = parseDatabaseUrl(schema.url);
      if (target === undefined) throw new TypeError('not a database');
      const outside = createDatabase(target);
      await outside.sequelize.query('CREATE TABLE orders (of_user INTEGER REFERENCES users(id))');
      await outside.close();
      await expect(restore()).rejects.toMatchObject({ code: 'conflict', message: expect.stringMatching(/depend/) });
      expect(await answers(session)).toEqual(['taken', 'taken']);
    });

    test('is refused where the backup is of another schema than the one in use', async () => {
      await auth.services.backups.make(folder.file('backup'));
      const other = await freshSchema(SERVER);
      settings = { ...settings, DATABASE_URL: other.url };
      await expect(restore()).rejects.toMatchObject({ message: expect.stringMatching(/is of the schema t_\w+, and t_\w+ is in use/) });
      await other.drop();
    });
  });

describe('pg_dump', () => {
  /** One of that version, which writes down how it was called, and fails. */
  const placeProgram = (version: string): void => {
    const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) ${version}"; exit; fi\necho "$@" > args; env > env; echo no room >&2; exit 1\n`;
    writeFileSync(folder.file('pg_dump'), script);
    chmodSync(folder.file('pg_dump'), 0o700);
  };
  const backUp = (path: string) => run('backup copy.dump', { ...settings, PATH: path });

  test('that is missing, too old or fails is told, and nobody can read the password or our secrets', async () => {
    const missing = await backUp(folder.path);
    placeProgram('9.6.24');
    const old = await backUp(`${folder.path}:/bin:/usr/bin`);
    placeProgram('99.1');
    const failing = await backUp(`${folder.path}:/bin:/usr/bin`);
    expect([missing, old, failing].map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 1, stderr: expect.stringMatching(/^start_failed: pg_dump isn't found\. Install/) },
      { code: 1, stderr: expect.stringMatching(/^start_failed: pg_dump is of PostgreSQL 9, and the server of \d+\. Install/) },
      { code: 1, stderr: 'start_failed: no room. No backup was made\n' },
    ]);
    const { password } = new URL(schema.url);
    expect(readFileSync(folder.file('args'), 'utf8')).not.toContain(password);
    const environment = readFileSync(folder.file('env'), 'utf8');
    expect(environment).toContain(`PGPASSWORD=${password}`);
    expect(environment).not.toMatch(/SECRET_KEY|ROOT_KEY|DATABASE_URL/);
    expect(readdirSync(folder.path).sort()).toEqual(['args', 'env', 'pg_dump']);
  });
});
