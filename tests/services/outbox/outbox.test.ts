import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { MailError } from '../../../src/errors/mail-error.js';
import { movableClock } from '../../../src/lib/clock.js';
import { orderedIds } from '../../../src/lib/ordered-ids.js';
import { isUuid } from '../../../src/lib/uuid.js';
import { createTestMailer, openOutbox, resetMail, ROOT_KEY, type TestMailer, type TestOutbox, TOKEN } from '../../support/outbox.js';
import { openTarget, targets, type TestTarget } from '../../support/test-database.js';

const DAY_SECONDS = 24 * 60 * 60;
const away = (): never => {
  throw new MailError('ESOCKET ECONNREFUSED', { permanent: false });
};
const refused = (): never => {
  throw new MailError('EENVELOPE 550', { permanent: true });
};

/** One in memory goes with its connection; the suites of what posts mails use one. */
const LASTING = targets.filter((kind) => kind !== 'SQLite in memory');

describe.each(LASTING)('the outbox on %s', (kind) => {
  let target: TestTarget;
  let opened: TestOutbox[];
  let mailer: TestMailer;
  beforeEach(async () => {
    target = await openTarget(kind);
    opened = [];
    mailer = createTestMailer();
  });
  afterEach(async () => {
    await Promise.all(opened.map((outbox) => outbox.close()));
    await target.drop();
  });
  const open = async (options: Parameters<typeof openOutbox>[1] = { mailer }): Promise<TestOutbox> => {
    const outbox = await openOutbox(target, options);
    opened.push(outbox);
    return outbox;
  };
  const fatesOf = async (outbox: TestOutbox): Promise<string[]> => (await outbox.rows()).map(({ state }) => state);

  test('sends a mail once, and shows it before and after', async () => {
    const outbox = await open();
    await outbox.postNow([resetMail(), 'ada@example.com']);
    const [waiting] = await outbox.mailbox();
    expect(waiting).toMatchObject({
      to: 'ada@example.com',
      purpose: 'password_reset',
      token: TOKEN,
      createdAt: new Date(outbox.clock.now()),
    });
    expect(await outbox.counts()).toEqual({ waiting: 1, failed: 0 });
    await Promise.all([outbox.deliver(), outbox.deliver()]);
    await outbox.deliver();
    expect(mailer.sent).toEqual([
      { id: waiting?.id, to: 'ada@example.com', subject: waiting?.subject, text: waiting?.text, html: waiting?.html },
    ]);
    expect(await outbox.mailbox()).toEqual([waiting]);
    expect(await outbox.counts()).toEqual({ waiting: 0, failed: 0 });
  });

  test('keeps no token that can be read, and in production nothing of a mail once it is sent', async () => {
    const outbox = await open({ mailer, production: true });
    await outbox.postNow([resetMail(), 'ada@example.com']);
    expect(JSON.stringify(await outbox.rows())).not.toContain(TOKEN);
    await outbox.deliver();
    expect(mailer.sent).toHaveLength(1);
    expect(await outbox.rows()).toMatchObject([{ state: 'sent', sealed_content: null, recipient: 'ada@example.com' }]);
    expect(await outbox.mailbox()).toEqual([]);
  });

  test('holds no mail of a transaction that failed', async () => {
    const outbox = await open();
    const failing = outbox.model.sequelize?.transaction(async (transaction) => {
      await outbox.post(resetMail(), 'ada@example.com', transaction);
      throw new Error('on second thoughts');
    });
    await expect(failing).rejects.toThrow('on second thoughts');
    expect(await outbox.rows()).toEqual([]);
  });

  test('takes no more mails than may wait, whomever they are for, and more when those have gone', async () => {
    const outbox = await open({ mailer, queueLimit: 3 });
    await outbox.postNow([resetMail(), 'ada@example.com'], [resetMail(), null], [resetMail(), 'bob@example.com']);
    for (const to of ['ada@example.com', 'eve@example.com', null]) {
      await expect(outbox.postNow([resetMail(), to])).rejects.toMatchObject({ code: 'overloaded' });
    }
    expect(await outbox.rows()).toHaveLength(3);
    await outbox.deliver();
    await outbox.postNow([resetMail(), 'ada@example.com']);
    expect(await fatesOf(outbox)).toEqual(['sent', 'sent', 'waiting']);
  });

  test('refuses some before its limit, so that nobody can count what others have added', async () => {
    const outbox = await open({ mailer, queueLimit: 200 });
    await outbox.postNow(...Array.from({ length: 181 }, () => [resetMail(), null] as const));
    const wasTaken = (): Promise<boolean> =>
      outbox.postNow([resetMail(), null]).then(
        () => true,
        () => false,
      );
    const taken: boolean[] = [];
    while (taken.filter(Boolean).length < 19) taken.push(await wasTaken());
    expect(taken).toContain(false);
    expect(await wasTaken()).toBe(false);
  });

  test('takes a mail for nobody like any other, and drops it with the next round', async () => {
    const outbox = await open({});
    await outbox.postNow([resetMail(), null]);
    await outbox.postNow([resetMail(), 'ada@example.com']);
    const [nobody, somebody] = await outbox.rows();
    expect(nobody?.sealed_content).toHaveLength(somebody?.sealed_content?.length ?? 0);
    expect((await outbox.counts()).waiting).toBe(1);
    expect(await outbox.mailbox()).toHaveLength(1);
    await outbox.deliver();
    expect(await outbox.rows()).toMatchObject([{ id: somebody?.id, state: 'waiting' }]);
  });

  test('shows the newest hundred first, of one address whatever its case', async () => {
    const outbox = await open({});
    const names = Array.from({ length: 101 }, (_, index) => `user-${index}`);
    await outbox.postNow(...names.map((name) => [resetMail(name), name === 'user-7' ? 'Ádá@Example.com' : 'eve@example.com'] as const));
    expect((await outbox.mailbox()).map(({ token }) => token)).toEqual(names.slice(1).reverse());
    expect((await outbox.mailbox('ádá@EXAMPLE.com')).map(({ to }) => to)).toEqual(['Ádá@Example.com']);
    expect(await outbox.mailbox('%')).toEqual([]);
  });

  test('tries a mail that is not taken less and less often, and sends it once', async () => {
    const outbox = await open();
    mailer.onSend = away;
    await outbox.postNow([resetMail(), 'ada@example.com']);
    await outbox.deliver();
    for (const [index, wait] of [5, 30, 120, 180, 300, 600, 1800, 3600, 3600].entries()) {
      outbox.clock.advance(wait - 1);
      await outbox.deliver();
      expect(mailer.tried).toHaveLength(index + 1);
      outbox.clock.advance(1 + wait * 0.2);
      await outbox.deliver();
      expect(mailer.tried).toHaveLength(index + 2);
    }
    mailer.onSend = () => undefined;
    outbox.clock.advance(2 * 3600);
    await outbox.deliver();
    expect(mailer.sent).toHaveLength(1);
    expect(new Set(mailer.tried.map(({ id }) => id)).size).toBe(1);
    expect(outbox.log.filter((line) => line.includes('sending mail'))).toEqual([
      expect.stringMatching(/"warn".*ESOCKET ECONNREFUSED.*sending mail failed/),
      expect.stringMatching(/"info".*sending mail works again/),
    ]);
  });

  test('gives up who or what is refused three times, tells so without an address, and sends the others', async () => {
    const outbox = await open({ mailer, production: true });
    mailer.onSend = ({ to }) => (to === 'nobody@example.com' ? refused() : undefined);
    await outbox.postNow([resetMail(), 'nobody@example.com']);
    await outbox.postNow([resetMail(), 'ada@example.com']);
    for (const wait of [0, 720, 4320, 4320]) {
      outbox.clock.advance(wait);
      await outbox.deliver();
    }
    expect(mailer.tried.map(({ to }) => to).sort()).toEqual(['ada@example.com', ...Array<string>(3).fill('nobody@example.com')]);
    const [failed, sent] = await outbox.rows();
    expect(sent?.state).toBe('sent');
    expect(failed).toMatchObject({ state: 'failed', refusals: 3, last_error: 'EENVELOPE 550', sealed_content: null });
    expect(outbox.log.map((line): unknown => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 'warn', mail_id: failed?.id, purpose: 'password_reset', msg: 'a mail was given up' }),
    ]);
    expect(outbox.log.join()).not.toMatch(/example|canary/);
    expect(await outbox.counts()).toEqual({ waiting: 0, failed: 1 });
  });

  test('gives a mail up after three days, with a server that is away or none, and keeps it no longer than that again', async () => {
    for (const options of [{ mailer, production: true }, { production: true }]) {
      const outbox = await open(options);
      mailer.onSend = away;
      await outbox.postNow([resetMail(), 'ada@example.com']);
      outbox.clock.advance(3 * DAY_SECONDS - 1);
      await outbox.deliver();
      expect(await outbox.prune()).toBe(false);
      expect(await fatesOf(outbox)).toEqual(['waiting']);
      outbox.clock.advance(2 * 3600);
      const tried = mailer.tried.length;
      await outbox.deliver();
      expect(mailer.tried).toHaveLength(tried);
      await outbox.prune();
      expect(await outbox.rows()).toMatchObject([{ state: 'failed', sealed_content: null }]);
      expect(outbox.log.filter((line) => line.includes('given up'))).toHaveLength(1);
      outbox.clock.advance(3 * DAY_SECONDS + 1);
      await outbox.prune();
      expect(await outbox.rows()).toEqual([]);
      await Promise.all(opened.splice(0).map((one) => one.close()));
    }
  });

  test('sends what waited for a server to be set, unless it is three days old', async () => {
    const before = await open({});
    await before.postNow([resetMail(), 'late@example.com']);
    before.clock.advance(DAY_SECONDS);
    await before.postNow([resetMail(), 'ada@example.com']);
    before.clock.advance(2 * DAY_SECONDS);
    await before.deliver();
    await (await open({ mailer, clock: before.clock })).deliver();
    expect(mailer.sent.map(({ to }) => to)).toEqual(['ada@example.com']);
  });

  test('goes on with others while a server is slow, and sends each once', async () => {
    const outbox = await open();
    let answer = (): void => undefined;
    mailer.onSend = ({ to }) => (to.startsWith('slow') ? new Promise((done) => (answer = done)) : undefined);
    await outbox.postNow([resetMail(), 'slow@example.com']);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setInterval', 'performance', 'Date', 'queueMicrotask'] });
    try {
      const round = outbox.deliver();
      while (mailer.tried.length === 0) await new Promise(setImmediate);
      jest.advanceTimersByTime(2000);
      await round;
      const [signed] = await outbox.rows();
      outbox.clock.advance(15);
      jest.advanceTimersByTime(13_000);
      const showsLife = async (): Promise<boolean> =>
        (await outbox.rows())[0]?.due_at.getTime() === (signed?.due_at.getTime() ?? 0) + 15_000;
      while (!(await showsLife())) await new Promise(setImmediate);
    } finally {
      jest.useRealTimers();
    }
    await outbox.postNow([resetMail(), 'ada@example.com']);
    outbox.clock.advance(3600);
    await outbox.deliver();
    await outbox.deliver();
    expect(mailer.sent.map(({ to }) => to)).toEqual(['ada@example.com']);
    answer();
    await outbox.close();
    opened = [];
    expect(mailer.tried.map(({ to }) => to)).toEqual(['slow@example.com', 'ada@example.com']);
  });

  test('writes down what was sent as soon as the database is back', async () => {
    const outbox = await open();
    await outbox.postNow([resetMail(), 'ada@example.com']);
    jest.spyOn(outbox.model, 'changeClaimed').mockRejectedValueOnce(new Error('away'));
    await outbox.deliver();
    expect(await fatesOf(outbox)).toEqual(['sent']);
    expect(mailer.tried).toHaveLength(1);
  });
});

describe.each(LASTING)('several processes with one outbox, on %s,', (kind) => {
  let target: TestTarget;
  let mailer: TestMailer;
  let opened: TestOutbox[];
  beforeEach(async () => {
    target = await openTarget(kind);
    mailer = createTestMailer();
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((outbox) => outbox.close()));
    await target.drop();
  });
  const open = async (options: Parameters<typeof openOutbox>[1] = {}): Promise<TestOutbox> => {
    const outbox = await openOutbox(target, { mailer, ...options });
    opened.push(outbox);
    return outbox;
  };

  test('send each mail once', async () => {
    const [one, other] = [await open(), await open()];
    const people = Array.from({ length: 20 }, (_, index) => `user-${index}@example.com`);
    await one.postNow(...people.map((to) => [resetMail(), to] as const));
    mailer.onSend = () => new Promise((done) => setTimeout(done, 5));
    await Promise.all([one.deliver(), other.deliver()]);
    await Promise.all([one.deliver(), other.deliver()]);
    expect(mailer.tried.map(({ to }) => to).sort()).toEqual(people.sort());
  });

  test('wait at their end for what is being sent, and begin nothing more', async () => {
    const [ending, other] = [await open(), await open()];
    await ending.postNow([resetMail(), 'ada@example.com'], [resetMail(), 'eve@example.com']);
    const answers: (() => void)[] = [];
    mailer.onSend = () => new Promise((done) => answers.push(done));
    void ending.deliver();
    while (answers.length < 2) await new Promise(setImmediate);
    await ending.postNow([resetMail(), 'late@example.com']);
    opened = [other];
    const closed = ending.close();
    await ending.deliver();
    for (const answer of answers) answer();
    await closed;
    expect((await other.rows()).map(({ recipient, state }) => [recipient, state])).toEqual([
      ['ada@example.com', 'sent'],
      ['eve@example.com', 'sent'],
      ['late@example.com', 'waiting'],
    ]);
  });

  test('take over what a dead one was sending, after a minute without a sign of life, whatever the clocks say', async () => {
    const dead = await open();
    const answers: (() => void)[] = [];
    mailer.onSend = () => new Promise((done) => answers.push(done));
    await dead.postNow([resetMail(), 'ada@example.com']);
    void dead.deliver();
    while (mailer.tried.length === 0) await new Promise(setImmediate);
    const [sending] = await dead.rows();
    expect(sending).toMatchObject({ state: 'sending', attempts: 1 });

    const other = createTestMailer();
    const clock = movableClock(dead.clock.now());
    const heir = await open({ mailer: other, clock });
    await heir.deliver();
    clock.set(new Date(clock.now() + DAY_SECONDS * 1000));
    await heir.deliver();
    clock.advance(59);
    await heir.model.update({ due_at: new Date((sending?.due_at.getTime() ?? 0) + 15_000) }, { where: {} });
    await heir.deliver();
    clock.advance(59);
    await heir.deliver();
    expect(other.tried).toEqual([]);
    clock.advance(1);
    await heir.deliver();
    expect(other.sent.map(({ id }) => id)).toEqual([sending?.id]);
    expect(await heir.rows()).toMatchObject([{ state: 'sent', attempts: 2 }]);
    // It was never dead, only out of touch: what it learns now changes nothing.
    for (const answer of answers) answer();
    await dead.close();
    opened = [heir];
    expect(await heir.rows()).toMatchObject([{ state: 'sent', attempts: 2 }]);
  });

  test('give up what was sealed under another ROOT_KEY, and send the rest', async () => {
    const [one, other] = [await open(), await open({ rootKey: `${ROOT_KEY}-other` })];
    await one.postNow([resetMail(), 'ada@example.com']);
    await other.postNow([resetMail(), 'eve@example.com']);
    expect((await other.mailbox()).map(({ to }) => to)).toEqual(['eve@example.com']);
    await other.deliver();
    expect(mailer.sent.map(({ to }) => to)).toEqual(['eve@example.com']);
    const fates = (await other.rows()).map(({ recipient, state, last_error: why }) => [recipient, state, why]);
    expect(fates.sort()).toEqual([
      ['ada@example.com', 'failed', 'unreadable'],
      ['eve@example.com', 'sent', null],
    ]);
  });
});

test('ids sort by when they were made, also within a millisecond, and where the clock is put back are still ids', () => {
  const clock = movableClock(Date.UTC(2026, 10, 25));
  const nextId = orderedIds(clock);
  const made = Array.from({ length: 5000 }, (_, index) => {
    if (index % 1000 === 999) clock.advance(0.001);
    return nextId();
  });
  expect([...made].sort()).toEqual(made);
  clock.set(new Date(0));
  made.push(nextId());
  expect(new Set(made).size).toBe(5001);
  expect(made.every((id) => isUuid(id) && /^.{14}7.{4}[89ab]/.test(id))).toBe(true);
});
