import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '../../../src/adapters/database.js';
import { migrate } from '../../../src/adapters/migrator.js';
import { byClient, type Doer, OPERATOR, SYSTEM } from '../../../src/lib/actor.js';
import { movableClock, type MovableClock } from '../../../src/lib/clock.js';
import { writeCursor } from '../../../src/lib/pagination.js';
import { createModels } from '../../../src/models/index.js';
import { createLogger } from '../../../src/observability/logger.js';
import type { NewAuditEvent } from '../../../src/services/audit/audit-events.js';
import { type AuditFilter, type AuditRecord, type AuditService, createAuditService } from '../../../src/services/audit/audit.service.js';
import { openTarget, type TestTarget, targets } from '../../support/test-database.js';
import { alone } from '../../support/root-keys.js';

const START = Date.UTC(2026, 10, 25, 12);
const DAY_SECONDS = 24 * 60 * 60;
const RETENTION_DAYS = 3;
const ROOT_KEY = randomBytes(48).toString('base64url');

const ada: Doer = { kind: 'user', id: '1', ip: '203.0.113.7', userAgent: 'Mozilla/5.0', requestId: 'req-1' };
const logger = createLogger({ level: 'silent', readable: false });
const nobody = byClient({ ip: '::1', userAgent: null, requestId: null });

/** Two processes need a database that both can reach. */
describe.each(targets.filter((kind) => kind !== 'SQLite in memory'))('the audit chain on %s', (kind) => {
  let target: TestTarget;
  let database: Database;
  let clock: MovableClock;
  let audit: AuditService;
  const open: Database[] = [];
  /** A process of its own on the same database. */
  const connect = ({ rootKey = ROOT_KEY, retentionDays = RETENTION_DAYS } = {}): { database: Database; audit: AuditService } => {
    const another = createDatabase(target.target);
    open.push(another);
    const service = createAuditService({
      models: createModels(another.sequelize),
      database: another,
      rootKeys: alone(rootKey),
      clock,
      retentionDays,
      logger,
    });
    return { database: another, audit: service };
  };
  beforeEach(async () => {
    target = await openTarget(kind);
    clock = movableClock(START);
    ({ database, audit } = connect());
    await migrate(database);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    await target.drop();
  });

  const recordAll = (...events: NewAuditEvent[]): Promise<void> =>
    database.transaction((transaction) => {
      for (const event of events) audit.record(event, transaction);
      return Promise.resolve();
    });
  const all = async (filter: AuditFilter = {}): Promise<AuditRecord[]> => {
    const found: AuditRecord[] = [];
    for await (const event of audit.everything(filter)) found.push(event);
    return found;
  };
  const run = (sql: string): Promise<unknown> => database.sequelize.query(sql);

  test('keeps an event as it was told, and is intact', async () => {
    const details = { reason: 'wrong', tries: 3, known: true, nothing: null, roles: ['user', 'a"b\\c$1:x’'] };
    await recordAll({ type: 'log_in.succeeded', by: ada, userId: 1, sessionId: 's-1', details });
    clock.advance(1);
    await audit.recordNow({ type: 'log_in.failed', by: nobody });
    const [first, second] = await all();
    expect(first).toEqual({
      seq: 1,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      at: new Date(START),
      type: 'log_in.succeeded',
      actor: { kind: 'user', id: '1' },
      userId: 1,
      sessionId: 's-1',
      ip: '203.0.113.7',
      userAgent: 'Mozilla/5.0',
      requestId: 'req-1',
      details,
    });
    expect(second).toMatchObject({ seq: 2, at: new Date(START + 1000), actor: { kind: 'nobody', id: null }, userId: null, details: {} });
    expect(await audit.verify()).toEqual({ intact: true, checked: 2, head: await audit.head(), faults: [] });
  });

  test('an empty one is intact, and so is its head', async () => {
    const head = await audit.head();
    expect(await audit.verify(head)).toEqual({ intact: true, checked: 0, head, faults: [] });
    await recordAll({ type: 'backup.made', by: OPERATOR });
    expect(await audit.verify(head)).toMatchObject({ intact: true, checked: 1 });
  });

  test('text that a database would change is kept so that it stays intact', async () => {
    const odd = 'a\0b\uFFFDc\uD800d é 😀';
    await recordAll({ type: 'backup.made', by: { ...OPERATOR, userAgent: odd + 'x'.repeat(600), id: odd }, details: { odd } });
    const [event] = await all();
    expect(event?.actor.id).toBe('a?b?c?d é 😀');
    expect(event?.userAgent?.length).toBe(512);
    expect(event?.details).toEqual({ odd: 'a\0b?c\uD800d é 😀' });
    expect(await audit.verify()).toMatchObject({ intact: true });
  });

  test('a transaction that is rolled back leaves no event, and one that only reads none either', async () => {
    await recordAll({ type: 'account.created', by: OPERATOR });
    const head = await audit.head();
    const failing = database.transaction((transaction) => {
      audit.record({ type: 'account.deleted', by: OPERATOR }, transaction);
      return Promise.reject(new Error('in the middle'));
    });
    await expect(failing).rejects.toThrow('in the middle');
    await database.transaction(() => Promise.resolve());
    expect(await all()).toHaveLength(1);
    expect(await audit.verify(head)).toEqual({ intact: true, checked: 1, head, faults: [] });
  });

  test('what can’t be recorded is not done', async () => {
    await run('ALTER TABLE auth_audit_head RENAME TO elsewhere');
    const work = database.transaction(async (transaction) => {
      await database.sequelize.query('CREATE TABLE done (id INTEGER)', { transaction });
      audit.record({ type: 'account.deleted', by: OPERATOR }, transaction);
    });
    await expect(work).rejects.toThrow();
    await expect(run('SELECT 1 FROM done')).rejects.toThrow();
  });

  test('an event of a step before the commit is kept as well', async () => {
    await database.transaction((transaction) => {
      audit.record({ type: 'account.created', by: OPERATOR }, transaction);
      database.beforeCommit(transaction, () => {
        audit.record({ type: 'account.invited', by: OPERATOR }, transaction);
        return Promise.resolve();
      });
      return Promise.resolve();
    });
    expect((await all()).map(({ type }) => type)).toEqual(['account.created', 'account.invited']);
    expect(await audit.verify()).toMatchObject({ intact: true, checked: 2 });
  });

  test('concurrent transactions of two processes make one unbroken chain', async () => {
    const two = connect();
    const work = (index: number): Promise<void> => {
      const one = index % 2 === 0 ? { database, audit } : two;
      return one.database.transaction((transaction) => {
        one.audit.record({ type: 'account.created', by: SYSTEM, userId: index + 1 }, transaction);
        one.audit.record({ type: 'account.invited', by: SYSTEM, userId: index + 1 }, transaction);
        return Promise.resolve();
      });
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => work(index)));
    const events = await all();
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(new Set(events.map(({ userId }) => userId)).size).toBe(20);
    expect(await two.audit.verify()).toMatchObject({ intact: true, checked: 40 });
  });

  test('an import’s thousands are read in pages, and verified while more come', async () => {
    const created = (userId: number): NewAuditEvent => ({ type: 'account.created', by: OPERATOR, userId });
    await recordAll(...Array.from({ length: 2500 }, (_, index) => created(index + 1)));
    const verifying = audit.verify();
    for (let more = 0; more < 5; more += 1) await recordAll(created(3000 + more));
    expect(await verifying).toMatchObject({ intact: true, faults: [] });
    expect(await audit.verify()).toMatchObject({ intact: true, checked: 2505 });
    const seqs = (await all()).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 2505 }, (_, index) => index + 1));
  });

  describe('is asked', () => {
    beforeEach(async () => {
      for (let day = 0; day < 6; day += 1) {
        await recordAll({
          type: day % 2 === 0 ? 'log_in.succeeded' : 'log_in.failed',
          by: day % 3 === 0 ? ada : nobody,
          userId: day % 2 === 0 ? 1 : 2,
        });
        clock.advance(DAY_SECONDS);
      }
    });

    const day = (number: number): Date => new Date(START + number * DAY_SECONDS * 1000);
    const asked: readonly (readonly [what: string, filter: AuditFilter, expected: readonly number[]])[] = [
      ['everything', {}, [6, 5, 4, 3, 2, 1]],
      ['whom it is about', { user: 2 }, [6, 4, 2]],
      ['who did it', { actor: '1' }, [4, 1]],
      ['one kind', { type: 'log_in.failed' }, [6, 4, 2]],
      ['from a time on', { since: day(4) }, [6, 5]],
      ['before a time', { until: day(2) }, [2, 1]],
      ['all of it at once', { user: 1, actor: '1', type: 'log_in.succeeded', since: day(0), until: day(1) }, [1]],
      ['what there is not', { user: 999_999_999_999 }, []],
    ];

    test('for what fits: newest first, or all of it oldest first', async () => {
      for (const [what, filter, expected] of asked) {
        const { items, nextCursor } = await audit.list(filter, { limit: 10 });
        const listed = items.map(({ seq }) => seq);
        const exported = (await all(filter)).map(({ seq }) => seq);
        expect({ what, nextCursor, listed, exported }).toEqual({
          what,
          nextCursor: null,
          listed: expected,
          exported: expected.toReversed(),
        });
      }
    });

    test('page by page, and nothing comes twice when more is recorded meanwhile', async () => {
      const first = await audit.list({}, { limit: 4 });
      await recordAll({ type: 'backup.made', by: OPERATOR });
      const second = await audit.list({}, { limit: 4, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items].map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1]);
      expect(second.nextCursor).toBeNull();
      for (const cursor of ['', 'x', writeCursor('-1'), writeCursor('1 '), writeCursor('99999999999')]) {
        await expect(audit.list({}, { limit: 2, cursor })).rejects.toMatchObject({ code: 'validation_failed' });
      }
    });
  });

  describe('retention', () => {
    const fill = async (days: number): Promise<void> => {
      for (let day = 0; day < days; day += 1) {
        await recordAll({ type: 'log_in.succeeded', by: ada, userId: 1 });
        clock.advance(DAY_SECONDS);
      }
    };

    test('cuts what is too old, says so, and the rest is intact', async () => {
      await fill(RETENTION_DAYS + 5);
      const noted = await audit.head();
      expect(await audit.prune()).toBe(false);
      const events = await all();
      expect(events[0]?.seq).toBe(6);
      expect(events.at(-1)).toMatchObject({
        type: 'audit.pruned',
        actor: { kind: 'system' },
        details: { events: 5, through: 5, intact: true },
      });
      expect(await audit.verify(noted)).toMatchObject({ intact: true, checked: RETENTION_DAYS + 1 });
      const head = await audit.head();
      expect(await audit.prune()).toBe(false);
      expect(await audit.head()).toBe(head);
    });

    test('cuts much piece by piece while it is verified, down to nothing, and goes on', async () => {
      const event: NewAuditEvent = { type: 'account.created', by: OPERATOR };
      await recordAll(...Array.from({ length: 2100 }, () => event));
      clock.advance((RETENTION_DAYS + 1) * DAY_SECONDS);
      const verifying = Promise.all([audit.verify(), audit.verify()]);
      expect([await audit.prune(), await audit.prune(), await audit.prune(), await audit.prune()]).toEqual([true, true, false, false]);
      for (const verification of await verifying) expect(verification).toMatchObject({ intact: true, faults: [] });
      expect((await all()).map(({ type, seq }) => `${seq} ${type}`)).toEqual([
        '2101 audit.pruned',
        '2102 audit.pruned',
        '2103 audit.pruned',
      ]);
      await recordAll(event);
      expect(await audit.verify()).toMatchObject({ intact: true, checked: 4 });
    });

    test('of 0 days keeps everything', async () => {
      await fill(2);
      clock.advance(100 * 365 * DAY_SECONDS);
      expect(await connect({ retentionDays: 0 }).audit.prune()).toBe(false);
      expect(await all()).toHaveLength(2);
    });

    test('a clock that was wrong for a while takes nothing that is too young', async () => {
      clock.set(new Date(0));
      await fill(1);
      clock.set(new Date(START));
      await fill(2);
      clock.set(new Date(0));
      await fill(1);
      clock.set(new Date(START + DAY_SECONDS * 1000));
      await audit.prune();
      expect((await all()).map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
      expect(await audit.verify()).toMatchObject({ intact: true });
    });

    test('a head from before the cut can no longer be compared', async () => {
      await fill(2);
      const noted = await audit.head();
      await fill(RETENTION_DAYS + 5);
      await audit.prune();
      const { intact, faults } = await audit.verify(noted);
      expect(intact).toBe(false);
      expect(faults).toEqual([{ seq: 2, what: 'retention has removed the event of the noted head; note a newer one' }]);
    });
  });

  describe('a noted head', () => {
    beforeEach(() => recordAll(...Array.from({ length: 3 }, (): NewAuditEvent => ({ type: 'backup.made', by: OPERATOR }))));

    test('finds a tail that was cut off with the older head put back, also once others were recorded', async () => {
      await run('CREATE TABLE older AS SELECT * FROM auth_audit_head');
      await recordAll({ type: 'account.deleted', by: ada }, { type: 'account.deleted', by: ada });
      const noted = await audit.head();
      expect(await audit.verify(noted)).toMatchObject({ intact: true });
      await run('DELETE FROM auth_audit_events WHERE seq > 3');
      await run('DELETE FROM auth_audit_head');
      await run('INSERT INTO auth_audit_head SELECT * FROM older');
      expect(await audit.verify()).toMatchObject({ intact: true, checked: 3 });
      expect((await audit.verify(noted)).faults).toEqual([
        { seq: 5, what: 'the noted head lies behind the last event: the tail was cut off' },
      ]);
      await recordAll(...Array.from({ length: 4 }, (): NewAuditEvent => ({ type: 'backup.made', by: OPERATOR })));
      expect(await audit.verify()).toMatchObject({ intact: true, checked: 7 });
      expect((await audit.verify(noted)).faults).toEqual([
        { seq: 5, what: 'is not the event of the noted head: the chain was cut off and written anew' },
      ]);
    });

    test('finds that both tables were emptied', async () => {
      const noted = await audit.head();
      await run('DELETE FROM auth_audit_events');
      await run('DELETE FROM auth_audit_head');
      expect(await audit.verify(noted)).toMatchObject({ intact: false, checked: 0 });
    });

    test('that can’t be read is refused', async () => {
      for (const noted of ['', '3', '3:', ':abc', 'x:abc', '3:ab cd', '-3:abc']) {
        await expect(audit.verify(noted)).rejects.toMatchObject({ code: 'validation_failed' });
      }
    });
  });

  test('another ROOT_KEY finds every event and the head, and names a hundred of them', async () => {
    await recordAll(...Array.from({ length: 150 }, (): NewAuditEvent => ({ type: 'backup.made', by: OPERATOR })));
    const { intact, checked, faults } = await connect({ rootKey: randomBytes(48).toString('base64url') }).audit.verify();
    expect({ intact, checked, named: faults.length }).toEqual({ intact: false, checked: 150, named: 100 });
    expect(await audit.verify()).toMatchObject({ intact: true });
  });
});
