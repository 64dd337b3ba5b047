import { beforeEach, describe, expect, it } from '@jest/globals';
import { byClient, byOwner } from '../../../src/lib/actor.js';
import { movableClock, type MovableClock } from '../../../src/lib/clock.js';
import { createBatches, MAX_WAITING } from '../../../src/services/audit/audit-batches.js';
import type { NewAuditEvent } from '../../../src/services/audit/audit-events.js';
import { type PendingEvent, toPending } from '../../../src/services/audit/audit-records.js';
import { createSummaries, type Summaries, SUMMARY_SECONDS } from '../../../src/services/audit/audit-summaries.js';

const START = Date.UTC(2026, 0, 1);
const client = (ip: string) => ({ ip, userAgent: null, requestId: null });
const forged = (ip = '192.0.2.1'): NewAuditEvent => ({
  type: 'token.rejected',
  by: byClient(client(ip)),
  details: { token: 'access', reason: 'forged' },
});
const denied = (userId: number, ip = '192.0.2.1'): NewAuditEvent => ({ type: 'access.denied', by: byOwner(userId, client(ip)), userId });

let clock: MovableClock;
beforeEach(() => {
  clock = movableClock(START);
});

describe('a summary of refusals', () => {
  let summaries: Summaries;
  beforeEach(() => {
    summaries = createSummaries(clock);
  });

  it('leaves out nothing of the first refusal of a kind by a caller and counts further ones of the window', () => {
    expect(summaries.add(forged())).toEqual([forged()]);
    for (let second = 1; second <= 3; second += 1) {
      clock.advance(1);
      expect(summaries.add(forged())).toEqual([]);
    }
    expect(summaries.endDue()).toEqual([]);
    clock.advance(SUMMARY_SECONDS);
    const times = { first_at: '2026-01-01T00:00:01.000Z', last_at: '2026-01-01T00:00:03.000Z' };
    expect(summaries.endDue()).toEqual([{ ...forged(), details: { ...forged().details, count: 3, ...times } }]);
    expect(summaries.endDue()).toEqual([]);
  });

  it('is recorded before the first refusal of the next window', () => {
    for (let time = 0; time < 2; time += 1) summaries.add(forged());
    clock.advance(SUMMARY_SECONDS);
    expect(summaries.add(forged())).toMatchObject([{ details: { count: 1 } }, { details: forged().details }]);
  });

  it('is not recorded for a refusal that stays the only one', () => {
    summaries.add(forged());
    expect(summaries.endAll()).toEqual([]);
  });

  it.each<[string, NewAuditEvent, NewAuditEvent, number]>([
    ['one network', forged('2001:db8::1'), forged('2001:db8::2'), 1],
    ['two networks', forged('192.0.2.1'), forged('192.0.2.2'), 0],
    ['one user in two networks', denied(1, '192.0.2.1'), denied(1, '192.0.2.2'), 1],
    ['two users in one network', denied(1), denied(2), 0],
    ['two kinds', forged(), { ...forged(), details: { token: 'refresh', reason: 'forged' } }, 0],
  ])('takes refusals of %s', (_what, one, other, counted) => {
    summaries.add(one);
    expect(summaries.add(other)).toHaveLength(1 - counted);
  });

  it('distinguishes kinds by a subject that the event does not name', () => {
    summaries.add(forged(), 'one account');
    expect(summaries.add(forged(), 'another account')).toEqual([forged()]);
  });

  it('ends early where there are too many windows, the oldest first', () => {
    summaries = createSummaries(clock, 2);
    for (const ip of ['192.0.2.1', '192.0.2.1', '192.0.2.2']) summaries.add(forged(ip));
    expect(summaries.add(forged('192.0.2.3'))).toMatchObject([{ details: { count: 1 } }, forged('192.0.2.3')]);
    expect(summaries.add(forged('192.0.2.1'))).toEqual([forged('192.0.2.1')]);
  });

  it('does not end because the clock is set', () => {
    summaries.add(forged());
    clock.set(new Date(START + 10 * SUMMARY_SECONDS * 1000));
    expect(summaries.add(forged())).toEqual([]);
  });
});

describe('a batch of events', () => {
  let written: PendingEvent[][];
  let isDown: boolean;
  let finish: () => void;
  const failures: number[] = [];
  const pending = (): PendingEvent => toPending(forged(), START);
  const start = () =>
    createBatches({
      write: async (events) => {
        await new Promise<void>((done) => (finish = done));
        if (isDown) throw new Error('down');
        written.push([...events]);
      },
      onFailure: (_error, lost) => failures.push(lost),
    });
  const turn = () => new Promise(setImmediate);
  beforeEach(() => {
    written = [];
    failures.length = 0;
    isDown = false;
  });

  it('has all events that arrive during the write before', async () => {
    const batches = start();
    const first = batches.add([pending()]);
    await turn();
    const others = Promise.all([1, 2, 3].map(() => batches.add([pending()])));
    finish();
    await first;
    await turn();
    finish();
    await others;
    expect(written.map((events) => events.length)).toEqual([1, 3]);
  });

  it('resolves where the write fails, and is written with the next attempt', async () => {
    const batches = start();
    isDown = true;
    const [one, other] = [pending(), pending()];
    const failed = batches.add([one]);
    await turn();
    finish();
    await failed;
    await batches.add([other]);
    expect(failures).toEqual([0]);
    isDown = false;
    const closed = batches.close();
    await turn();
    finish();
    await closed;
    expect(written).toEqual([[one, other]]);
  });

  it('is bounded while the database is unavailable, and the number of lost events is reported', async () => {
    const batches = start();
    isDown = true;
    const failed = batches.add([pending()]);
    await turn();
    finish();
    await failed;
    await batches.add(Array.from({ length: MAX_WAITING + 1 }, pending));
    const closed = batches.close();
    await turn();
    finish();
    await closed;
    expect(failures).toEqual([0, 2]);
  });
});
