import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '../../../src/adapters/database.js';
import { migrate } from '../../../src/adapters/migrator.js';
import { openRaw } from '../../../src/adapters/sqlite-file.js';
import { type Doer, OPERATOR } from '../../../src/lib/actor.js';
import { movableClock } from '../../../src/lib/clock.js';
import { createModels } from '../../../src/models/index.js';
import { createLogger } from '../../../src/observability/logger.js';
import type { NewAuditEvent } from '../../../src/services/audit/audit-events.js';
import { type AuditService, createAuditService } from '../../../src/services/audit/audit.service.js';
import { commandLineIn, linesOf, readObject } from '../../support/command-line.js';
import { useProcesses } from '../../support/process.js';
import { useTempFolder } from '../../support/temp-folder.js';

/** Whoever has the file and the shell that every system has; where it is missing, the same statements by the driver. */
const PROGRAM = 'sqlite3';
const SHELL = spawnSync(PROGRAM, ['-version']).status === 0 ? 'the sqlite3 shell' : 'the sqlite3 driver, as there is no shell here';
const logger = createLogger({ level: 'silent', readable: false });
const ROOT_KEY = randomBytes(48).toString('base64url');
const DAY_SECONDS = 24 * 60 * 60;
const RETENTION_DAYS = 30;
const COLUMNS = 'id, at, type, actor_kind, actor_id, user_id, session_id, ip, user_agent, request_id, details, mac';

/** Long before the clock of the processes that are run here. */
const START = Date.UTC(2025, 10, 25, 12);

const folder = useTempFolder();
const processes = useProcesses();
const ada: Doer = { kind: 'user', id: '1', ip: '203.0.113.7', userAgent: 'Mozilla/5.0', requestId: 'req-1' };
const eve: Doer = { kind: 'nobody', id: null, ip: '198.51.100.9', userAgent: null, requestId: null };

/** 1 to 3 are gone, 4 to 15 are these, 16 tells of what is gone. */
const events: NewAuditEvent[] = [
  { type: 'account.registered', by: eve, userId: 1 },
  { type: 'log_in.succeeded', by: ada, userId: 1, sessionId: '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11' },
  { type: 'account.roles_changed', by: ada, userId: 2, details: { roles: ['user', 'admin'] } },
  { type: 'log_in.failed', by: eve, userId: 2, details: { reason: 'password' } },
];

describe(`an edit of the file by ${SHELL}`, () => {
  const base = mkdtempSync(join(tmpdir(), 'lingomate-auth-'));
  const untouched = join(base, 'auth.db');
  let clock = movableClock(START);
  let database: Database;
  let audit: AuditService;
  const open = (file: string): void => {
    database = createDatabase({ dialect: 'sqlite', file });
    const models = createModels(database.sequelize);
    audit = createAuditService({
      models,
      database,
      rootKeys: { current: ROOT_KEY, previous: undefined },
      clock,
      retentionDays: RETENTION_DAYS,
      logger,
    });
  };
  const edit = async (file: string, ...statements: string[]): Promise<void> => {
    if (SHELL === 'the sqlite3 shell') {
      const { status, stderr } = spawnSync(PROGRAM, ['-cmd', '.timeout 5000', file, statements.join(';')], { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return;
    }
    const connection = await openRaw(file, { write: true });
    for (const statement of statements) await connection.all(statement);
    await connection.close();
  };
  const recordAll = (all: readonly NewAuditEvent[]): Promise<void> =>
    database.transaction((transaction) => {
      for (const event of all) audit.record(event, transaction);
      return Promise.resolve();
    });
  beforeAll(async () => {
    open(untouched);
    await migrate(database);
    await recordAll(events.slice(0, 3));
    await edit(untouched, 'CREATE TABLE removed AS SELECT * FROM auth_audit_events');
    clock.advance((RETENTION_DAYS - 1) * DAY_SECONDS);
    for (let time = 0; time < 3; time += 1) await recordAll(events);
    clock.advance(2 * DAY_SECONDS);
    await audit.prune();
    await database.close();
    // The file alone, as it lies there.
    await edit(untouched, 'PRAGMA wal_checkpoint(TRUNCATE)');
  });
  afterAll(() => {
    rmSync(base, { recursive: true, force: true });
  });
  beforeEach(() => {
    copyFileSync(untouched, folder.file('auth.db'));
    clock = movableClock(START + (RETENTION_DAYS + 1) * DAY_SECONDS * 1000);
    open(folder.file('auth.db'));
  });
  afterEach(() => database.close());

  const found = async (): Promise<string[]> => (await audit.verify()).faults.map(({ seq, what }) => `${String(seq)} ${what}`);
  const goOn = (): Promise<void> => audit.recordNow({ type: 'backup.made', by: OPERATOR });

  test('is not found where there was none, also with more recorded and retention behind it', async () => {
    expect(await audit.verify()).toMatchObject({ intact: true, checked: 13, head: await audit.head() });
    await goOn();
    clock.advance((RETENTION_DAYS + 1) * DAY_SECONDS);
    await audit.prune();
    expect(await audit.verify()).toMatchObject({ intact: true, checked: 1 });
  });

  const E = 'auth_audit_events';
  const H = 'auth_audit_head';
  const changed = (seq: number) => `${seq} was changed or inserted, or what stood before it was`;
  const headUnsealed = 'null the head’s seal is broken: it was changed, or retention has met events that were';
  const copyTo = (seq: number, from: number) =>
    `INSERT INTO ${E} (seq, ${COLUMNS}) SELECT ${seq}, ${COLUMNS.replace('id', `'another-${seq}'`)} FROM ${E} WHERE seq = ${from}`;
  const headTo = (seq: number) => `UPDATE ${H} SET seq = ${seq}, mac = (SELECT mac FROM ${E} WHERE seq = ${seq})`;
  const renumber = (by: string, where: string) => [
    `UPDATE ${E} SET seq = -(${by}) WHERE ${where}`,
    `UPDATE ${E} SET seq = -seq WHERE seq < 0`,
  ];

  test.each<[string, string[], string[]]>([
    ['changes a column', [`UPDATE ${E} SET type = 'account.changed' WHERE seq = 6`], [changed(6)]],
    ['changes one letter of a detail', [`UPDATE ${E} SET details = replace(details, 'admin', 'bdmin') WHERE seq = 10`], [changed(10)]],
    ['changes a time by a millisecond', [`UPDATE ${E} SET at = at + 1 WHERE seq = 4`], [changed(4)]],
    ['changes whom it is about', [`UPDATE ${E} SET user_id = 3 WHERE seq = 16`], [changed(16)]],
    [
      'makes NULL of text, and text of NULL',
      [`UPDATE ${E} SET user_agent = '' WHERE seq = 7`, `UPDATE ${E} SET ip = NULL WHERE seq = 9`],
      [changed(7), changed(9)],
    ],
    ['makes bytes of text', [`UPDATE ${E} SET ip = CAST(ip AS BLOB) WHERE seq = 6`], [changed(6)]],
    ['hides text behind a NUL', [`UPDATE ${E} SET type = type || char(0) || 'x' WHERE seq = 6`], [changed(6)]],
    ['makes bytes of a text that are none', [`UPDATE ${E} SET ip = CAST(X'ff' AS TEXT) WHERE seq = 6`], [changed(6)]],
    ['makes infinity of NULL', [`UPDATE ${E} SET user_id = 9e999 WHERE user_id IS NULL`], [changed(16)]],
    ['replaces a code', [`UPDATE ${E} SET mac = (SELECT mac FROM ${E} WHERE seq = 5) WHERE seq = 6`], [changed(6), changed(7)]],
    ['removes a row in the middle', [`DELETE FROM ${E} WHERE seq = 9`], ['9 was removed']],
    [
      'removes rows in the middle',
      [`DELETE FROM ${E} WHERE seq IN (9, 10, 11, 13)`],
      ['9 was removed, and all up to 11', '13 was removed'],
    ],
    ['removes the first', [`DELETE FROM ${E} WHERE seq = 4`], ['4 was removed']],
    ['cuts off the last', [`DELETE FROM ${E} WHERE seq = 16`], ['16 was cut off']],
    ['cuts off the tail', [`DELETE FROM ${E} WHERE seq > 12`], ['13 was cut off, and all up to 16']],
    ['cuts off the tail and sets the head back', [`DELETE FROM ${E} WHERE seq > 12`, headTo(12)], [headUnsealed]],
    ['cuts off the tail and removes the head', [`DELETE FROM ${E} WHERE seq > 12`, `DELETE FROM ${H}`], ['null the head was removed']],
    ['inserts a row in between', [...renumber('seq + 1', 'seq > 9'), copyTo(10, 6), headTo(17)], ['10', '11', headUnsealed]],
    ['swaps two rows', [...renumber('15 - seq', 'seq IN (7, 8)')], [changed(7), changed(8), changed(9)]],
    ['copies a row to the end', [copyTo(17, 6)], ['17 was inserted behind the head', changed(17)]],
    ['copies a row to the end and moves the head there', [copyTo(17, 6), headTo(17)], [changed(17), headUnsealed]],
    ['empties the table', [`DELETE FROM ${E}`], ['4 was cut off, and all up to 16']],
    ['removes the head', [`DELETE FROM ${H}`], ['null the head was removed']],
    [
      'makes a head of nothing',
      [`UPDATE ${H} SET seq = X'03', mac = X'00', anchor_seq = -1, anchor_mac = X'00', seal = ''`],
      [headUnsealed],
    ],
    [
      'removes the first and moves the anchor there',
      [`DELETE FROM ${E} WHERE seq < 6`, `UPDATE ${H} SET anchor_seq = 5, anchor_mac = (SELECT mac FROM removed WHERE seq = 3)`],
      [headUnsealed, changed(6)],
    ],
    [
      'puts back what retention has removed',
      [`INSERT INTO ${E} SELECT * FROM removed WHERE seq > 1`],
      ['2 was inserted', '3 was inserted'],
    ],
    [
      'moves every row, the head and the anchor by one',
      [...renumber('seq + 1', 'seq > 0'), `UPDATE ${H} SET seq = 17, anchor_seq = 4`],
      [changed(5), changed(17), headUnsealed],
    ],
    ['inserts numbers that are none', [copyTo(9_223_372_036_854, 6), copyTo(-5, 6)], ['-5 was inserted', '9223372036854 was inserted']],
    ['makes events old, so that retention takes them', [`UPDATE ${E} SET at = 1 WHERE seq < 10`], [changed(4), changed(9)]],
  ])('that %s is found, and stays so whatever is recorded and cut behind it', async (_what, statements, expected) => {
    await edit(folder.file('auth.db'), ...statements);
    const faults = await found();
    for (const fault of expected) expect(faults).toContainEqual(expect.stringContaining(fault));
    await goOn();
    expect((await audit.verify()).intact).toBe(false);
    clock.advance((RETENTION_DAYS + 1) * DAY_SECONDS);
    await audit.prune();
    await goOn();
    expect((await audit.verify()).intact).toBe(false);
    const { items } = await audit.list({}, { limit: 100 });
    expect(items.map(({ type }) => type)).toContain('backup.made');
  });

  test('of one row is named as one, however many follow', async () => {
    await edit(folder.file('auth.db'), `UPDATE auth_audit_events SET details = '{"reason":"other"}' WHERE seq = 7`);
    expect(await found()).toEqual([changed(7)]);
  });

  test('that nobody can read is listed all the same', async () => {
    await edit(
      folder.file('auth.db'),
      `UPDATE auth_audit_events SET details = '{', at = 'then', type = X'00', id = X'01', user_agent = X'02' WHERE seq = 7`,
    );
    const { items } = await audit.list({ actor: '1' }, { limit: 100 });
    expect(items).toHaveLength(6);
    const all = await audit.list({}, { limit: 100 });
    expect(all.items.find(({ seq }) => seq === 7)).toMatchObject({ id: '', type: '', at: new Date(0), userAgent: null, details: {} });
  });

  test('is told by the command line, with 1; and a file that nobody has touched is intact', async () => {
    const run = commandLineIn(folder, processes);
    const settings = { DATABASE_URL: 'sqlite:auth.db', SECRET_KEY: randomBytes(48).toString('base64url'), ROOT_KEY };
    const head = await audit.head();
    const [intact, wrongTime] = await Promise.all([
      run(`audit verify --head ${head}`, settings),
      run('audit export --since yesterday', settings),
    ]);
    expect(intact).toEqual({ code: 0, stdout: `13 events, intact\nhead ${head}\n`, stderr: '' });
    expect(wrongTime).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(/^usage: .*ISO 8601/) });
    await edit(folder.file('auth.db'), `DELETE FROM ${E} WHERE seq = 9`);
    const told = await run('audit verify', settings);
    expect(told).toEqual({ code: 1, stdout: `event 9 was removed\n12 events, not intact\nhead ${head}\n`, stderr: '' });
    const exported = await run('audit export --since 2025-12-24 --until 2025-12-26T12:00:00Z', settings);
    expect({ code: exported.code, stderr: exported.stderr }).toEqual({ code: 0, stderr: '' });
    const lines = linesOf(exported.stdout).map(readObject);
    expect(lines[0]).toEqual({
      seq: 4,
      id: expect.any(String),
      type: 'account.registered',
      created_at: '2025-12-24T12:00:00.000Z',
      actor: { kind: 'nobody', id: null },
      user_id: 1,
      session_id: null,
      ip: '198.51.100.9',
      user_agent: null,
      request_id: null,
      details: {},
    });
    expect(lines.map(({ seq }) => seq)).toEqual([4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]);
    const { items } = await audit.list({ type: 'audit.exported' }, { limit: 1 });
    expect(items[0]).toMatchObject({
      actor: { kind: 'operator' },
      details: { since: '2025-12-24T00:00:00.000Z', until: '2025-12-26T12:00:00.000Z' },
    });
  });
});
