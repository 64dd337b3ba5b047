import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { inspectConfig } from '../../config/index.js';
import { migrations } from '../../migrations/index.js';
import { createDatabase } from '../../src/adapters/database.js';
import { migrate } from '../../src/adapters/migrator.js';
import { checkMailServer } from '../../src/cli/checks/mail.js';
import { checkSettings } from '../../src/cli/checks/settings.js';
import type { SettingsInput } from '../../src/index.js';
import { createTestAuth } from '../../src/testing.js';
import { commandLineIn, linesOf, readList, readObject } from '../support/command-line.js';
import { change } from '../support/fastapi.js';
import { type MailServer, startMailServer } from '../support/mail-server.js';
import { type Finished, occupyPort, useProcesses } from '../support/process.js';
import { freshPlace } from '../support/stored-app.js';
import { fingerprint, useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const run = commandLineIn(folder, useProcesses());
const randomKey = (): string => randomBytes(64).toString('base64url');

/** What `doctor --json` says of each check. */
function statusesIn({ stdout }: Finished): Record<string, unknown> {
  return Object.fromEntries(readList(JSON.stringify(readObject(stdout)['checks'])).map(({ check, status }) => [String(check), status]));
}
const detailOf = ({ stdout }: Finished, name: string): string =>
  String(readList(JSON.stringify(readObject(stdout)['checks'])).find(({ check }) => check === name)?.['detail']);

describe('doctor', () => {
  test('finds nothing to do about a good set-up, and leaves it as it is', async () => {
    const place = await freshPlace();
    const settings = { DATABASE_URL: place.url, ALGORITHM: 'ES256', ROOT_KEY: randomKey() };
    await (await createTestAuth(settings)).close();
    const finished = await run('doctor --json', settings);
    await place.drop();
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    expect(readObject(finished.stdout)).toMatchObject({ status: 'ok' });
    const always = [
      'configuration',
      'proxy',
      'issuer',
      'cors',
      'database',
      'schema',
      'writable',
      'clock',
      'hashes',
      'outbox',
      'service-keys',
      'signing-key',
      'mail',
    ];
    expect(Object.keys(statusesIn(finished))).toEqual(expect.arrayContaining(always));
  });

  test('tells every fault of the settings, and ends with 1', async () => {
    const finished = await run('doctor', { PORT: 'eighty', LOG_LEVEL: 'loud', SECRET_KEY: 'canary' });
    expect(finished).toMatchObject({ code: 1, stderr: '' });
    expect(finished.stdout.match(/^fail +configuration +\w+/gm)?.map((line) => line.split(/ +/)[2])).toEqual([
      'PORT',
      'SECRET_KEY',
      'LOG_LEVEL',
    ]);
    expect(finished.stdout).not.toContain('canary');
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('tells of a database that is not there, and makes neither it nor its keys', async () => {
    const finished = await run('doctor --json');
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    expect(statusesIn(finished)).toMatchObject({ configuration: 'ok', database: 'warn', disk: 'ok', 'signing-key': 'ok' });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('tells of migrations that are still to come, and applies none', async () => {
    const file = folder.file('auth.db');
    const database = createDatabase({ dialect: 'sqlite', file });
    await migrate(database, migrations.slice(0, 1));
    await database.close();
    const before = fingerprint(file);
    const finished = await run('doctor --json', { DATABASE_URL: 'sqlite:auth.db' });
    expect(finished.code).toBe(0);
    expect(statusesIn(finished)).toMatchObject({ database: 'ok', integrity: 'ok', schema: 'warn', writable: 'ok' });
    expect(detailOf(finished, 'schema')).toContain(migrations.at(1)?.name);
    expect(readdirSync(folder.path)).toEqual(['auth.db']);
    expect(fingerprint(file)).toBe(before);
  });

  test('warns of service keys that expire within 30 days or never, and not of those that are revoked', async () => {
    const settings = { DATABASE_URL: `sqlite:${folder.file('keys.db')}`, ALGORITHM: 'ES256', ROOT_KEY: randomKey() };
    const auth = await createTestAuth(settings);
    const create = (lifetimeDays?: number) => auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'], lifetimeDays });
    const [year, month, eternal, revoked] = [await create(), await create(29), await create(), await create(29)];
    await auth.services.serviceKeys.revoke(revoked.id);
    await auth.close();
    await change(folder.file('keys.db'), [`UPDATE auth_service_keys SET expires_at = NULL WHERE id = '${eternal.id}'`]);
    const finished = await run('doctor --json', settings);
    expect(statusesIn(finished)).toMatchObject({ 'service-keys': 'warn' });
    const detail = detailOf(finished, 'service-keys');
    expect(detail).toContain(`${eternal.id} never expires`);
    expect(detail).toContain(`${month.id} expires at`);
    expect(detail).not.toContain(year.id);
    expect(detail).not.toContain(revoked.id);
  });

  test('tells of a clock that was put back, of an old key pair, and of one that ROOT_KEY does not open', async () => {
    const settings = { DATABASE_URL: `sqlite:${folder.file('auth.db')}`, ALGORITHM: 'ES256', ROOT_KEY: randomKey() };
    const auth = await createTestAuth(settings);
    auth.clock.set(new Date(Date.now() + 60 * 60 * 1000));
    await auth.session(await auth.createUser());
    await auth.close();
    await change(folder.file('auth.db'), ["UPDATE auth_signing_keys SET created_at = '2020-01-01 00:00:00.000 +00:00'"]);
    const [old, other] = await Promise.all([run('doctor --json', settings), run('doctor --json', { ...settings, ROOT_KEY: randomKey() })]);
    expect(old.code).toBe(0);
    expect(statusesIn(old)).toMatchObject({ clock: 'warn', 'signing-key': 'warn' });
    expect(detailOf(old, 'signing-key')).toContain('keys rotate');
    expect(other.code).toBe(1);
    expect(detailOf(other, 'signing-key')).toMatch(/^ROOT_KEY is not the one /);
  });

  test('warns of users whose roles have been given more scopes than an access token takes', async () => {
    const settings = { DATABASE_URL: `sqlite:${folder.file('auth.db')}`, ROOT_KEY: randomKey(), SECRET_KEY: randomKey() };
    const rolesOf = (scopes: number): string => {
      const each = (role: string) => Array.from({ length: scopes }, (_, at) => `${role}:${at}:`.padEnd(60, 'x'));
      return JSON.stringify({ writer: each('writer'), editor: each('editor') });
    };
    const auth = await createTestAuth({ ...settings, ROLES: rolesOf(10) });
    await auth.createUser({ username: 'ada', roles: ['user', 'writer', 'editor'] });
    await auth.createUser({ username: 'bob', roles: ['user', 'writer'] });
    await auth.close();
    const [before, after] = await Promise.all([10, 40].map((scopes) => run('doctor --json', { ...settings, ROLES: rolesOf(scopes) })));
    expect([before, after].map((finished) => finished && statusesIn(finished)['roles'])).toEqual(['ok', 'warn']);
    expect(after && detailOf(after, 'roles')).toMatch(/cannot log in: ada\. Take scopes out of ROLES/);
  });

  test('reports users whose stored hash is too expensive to verify, whom export --unverifiable-hashes lists', async () => {
    const settings = { DATABASE_URL: `sqlite:${folder.file('auth.db')}`, ROOT_KEY: randomKey(), SECRET_KEY: randomKey() };
    const auth = await createTestAuth(settings);
    for (const username of ['ada', 'bob']) await auth.createUser({ username });
    await auth.close();
    const hash = '$2b$18$abcdefghijklmnopqrstuuO7Jm1h0nV9v1Q1m8dP3h1wP5m6h0gDW';
    await change(folder.file('auth.db'), [`UPDATE users SET hashed_password = '${hash}' WHERE username = 'bob'`]);
    const [doctor, all, selected] = await Promise.all([
      run('doctor --json', settings),
      run('export', settings),
      run('export --unverifiable-hashes', settings),
    ]);
    expect(doctor.code).toBe(0);
    expect(statusesIn(doctor)).toMatchObject({ hashes: 'warn' });
    expect(detailOf(doctor, 'hashes')).toMatch(/^Users: 1. Their password hash has a bcrypt cost of 18; the maximum is 14/);
    const namesIn = ({ stdout }: Finished) => linesOf(stdout).map((line) => readObject(line)['username']);
    expect([namesIn(all), namesIn(selected)]).toEqual([['ada', 'bob'], ['bob']]);
  });

  test('tells of a file that is no database, and of a server that is away', async () => {
    writeFileSync(folder.file('notes.db'), 'notes of mine\n'.repeat(100));
    const before = fingerprint(folder.file('notes.db'));
    const keys = { SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
    const [file, server] = await Promise.all([
      run('doctor --json', { DATABASE_URL: 'sqlite:notes.db' }),
      run('doctor --json', { DATABASE_URL: 'postgres://auth:canary@127.0.0.1:1/auth', ...keys }),
    ]);
    expect([file.code, server.code]).toEqual([1, 1]);
    expect(detailOf(file, 'database')).toMatch(/is not a SQLite database/);
    expect(detailOf(server, 'database')).toMatch(/^postgres:\/\/127\.0\.0\.1:1\/auth can't be used .*ECONNREFUSED/);
    expect(server.stdout).not.toContain('canary');
    expect(readdirSync(folder.path)).toEqual(['notes.db']);
    expect(fingerprint(folder.file('notes.db'))).toBe(before);
  });
});

describe('the mail server', () => {
  const memory = { DATABASE_URL: 'sqlite::memory:' };
  const find = (settings: SettingsInput) => checkMailServer(inspectConfig({ ...memory, ...settings }));

  const servers: MailServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  test('is missed in production alone', async () => {
    expect(await find({})).toMatchObject({ status: 'ok', detail: expect.stringContaining('/dev/mailbox') });
    const production = { NODE_ENV: 'production', ISSUER: 'https://auth.example.com', SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
    expect(await find(production)).toMatchObject({ status: 'warn', detail: expect.stringContaining('SMTP_URL') });
  });

  test('is asked whether it takes mails, and is sent none', async () => {
    const server = await startMailServer({
      disabledCommands: [],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) => {
        if (password === 'right') done(null, { user: username });
        else done(Object.assign(new Error(`not ${password ?? ''}`), { responseCode: 535 }));
      },
    });
    servers.push(server);
    const as = (password: string): string => server.url.replace('//', `//me:${password}@`);
    const [good, wrong, withoutTls] = await Promise.all(
      [as('right'), as('canary'), `${as('right')}?tls=starttls`].map((SMTP_URL) => find({ SMTP_URL })),
    );
    expect(good).toEqual({ check: 'mail', status: 'ok', detail: `127.0.0.1:${server.port} takes mails` });
    expect(wrong).toMatchObject({ status: 'fail', detail: expect.stringMatching(/EAUTH 535.*password/) });
    expect(withoutTls).toMatchObject({ status: 'fail', detail: expect.stringMatching(/CERT.*tls=none/) });
    expect(JSON.stringify([good, wrong, withoutTls])).not.toContain('canary');
    expect(server.mails).toEqual([]);
    await server.stop();
    expect(await find({ SMTP_URL: as('x') })).toMatchObject({ status: 'fail', detail: expect.stringMatching(/ECONNREFUSED.*Start it/) });
  });

  test.each([
    ['at its greeting', ['421 go away\r\n']],
    ['at its greeting, for good', ['554 no service for you\r\n']],
    ['at EHLO', ['220 mail.example.com\r\n', '421 name yourself\r\n']],
    ['at EHLO, for good', ['220 mail.example.com\r\n', '550 name yourself\r\n', '550 name yourself\r\n']],
  ])('that refuses %s is said to run', async (_, replies) => {
    const server = createServer((socket) => {
      const left = [...replies];
      const reply = (): void => {
        const text = left.shift();
        if (text !== undefined) socket.write(text);
        if (left.length === 0) socket.end();
      };
      socket.on('error', () => undefined);
      socket.on('data', reply);
      reply();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const found = await find({ SMTP_URL: `smtp://127.0.0.1:${port ?? 0}?tls=none` });
    server.close();
    expect(found).toMatchObject({ status: 'fail', detail: expect.stringMatching(/\b(421|55[04])\b.*It runs and refuses/) });
    expect(found.detail).not.toContain('Start it');
  });
});

describe('the place where a start would listen', () => {
  test('is a failure where another program has the port', async () => {
    const { port, server } = await occupyPort();
    server.on('connection', (socket) => socket.destroy());
    const finished = await run('doctor --json', { PORT: String(port) });
    server.close();
    expect(finished.code).toBe(1);
    expect(statusesIn(finished)).toMatchObject({ service: 'fail' });
    expect(detailOf(finished, 'service')).toMatch(new RegExp(`^PORT: ${port} is in use on 127\\.0\\.0\\.1\\. .*another PORT`));
  });

  test('is a failure where HOST is not of this machine', async () => {
    const finished = await run('doctor --json', { HOST: '192.0.2.1' });
    expect(finished.code).toBe(1);
    expect(detailOf(finished, 'service')).toMatch(/^HOST: 192\.0\.2\.1 .*another HOST$/);
  });
});

describe('settings that are valid each by itself', () => {
  const PRODUCTION = { NODE_ENV: 'production', SECRET_KEY: randomKey(), ROOT_KEY: randomKey() };
  const GOOD = { ...PRODUCTION, ISSUER: 'https://auth.example.com', CORS_ORIGINS: 'https://app.example.com', TRUST_PROXY: 1 };

  test.each([
    ['behind one proxy, over https', GOOD, []],
    ['in production without a proxy', { ...GOOD, TRUST_PROXY: 0 }, ['proxy']],
    ['in production on every address, with no proxy trusted', { ...GOOD, TRUST_PROXY: 0, HOST: '0.0.0.0' }, []],
    ['on every address, with a proxy trusted', { ...GOOD, HOST: '0.0.0.0' }, ['proxy']],
    ['on another port with the issuer left out', { DATABASE_URL: 'sqlite::memory:', PORT: 8123 }, ['issuer']],
    ['in production with loopback origins', { ...GOOD, CORS_ORIGINS: 'http://[::1]:3000,http://127.0.0.1' }, ['cors']],
    ['in production without an origin', { ...GOOD, CORS_ORIGINS: '' }, []],
    ['in development', { DATABASE_URL: 'sqlite::memory:', CORS_ORIGINS: 'http://app.example.com' }, []],
  ])('%s', (_, settings, warned) => {
    const findings = checkSettings(inspectConfig(settings));
    expect(findings.filter(({ status }) => status === 'warn').map(({ check }) => check)).toEqual(warned);
  });
});
