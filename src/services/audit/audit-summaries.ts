import type { Clock } from '../../lib/clock.js';
import { networkOf } from '../../lib/client-network.js';
import type { AuditDetails, NewAuditEvent } from './audit-events.js';

/** How long refusals of one kind by one caller are counted: a flood records two events a minute, and a kill loses the counts of one minute. */
export const SUMMARY_SECONDS = 60;
/** Open windows: each holds the headers of one request, 16 kB at most. One more ends the oldest early. */
export const MAX_WINDOWS = 2000;

/** Refusals of one kind by one caller since the first, which was recorded by itself. */
interface Window {
  /** On the monotonic clock. */
  readonly endsAt: number;
  readonly count: number;
  readonly firstAt: number;
  /** The most recent refusal; its request facts stand for all. */
  readonly last: NewAuditEvent;
  readonly lastAt: number;
}

/** Counts refusals, so that a flood of them becomes a few events. */
export interface Summaries {
  /**
   * Takes a refusal and returns the events to record now: the refusal itself where it is the first of its window, with the
   * summary of the window before, and nothing where it is counted. `subject` distinguishes refusals by what they are about;
   * the user of the event where it is left out.
   */
  add(event: NewAuditEvent, subject?: string): NewAuditEvent[];
  /** Ends the windows that are over and returns their summaries. */
  endDue(): NewAuditEvent[];
  /** Ends every window and returns their summaries. */
  endAll(): NewAuditEvent[];
}

export function createSummaries(clock: Clock, maxWindows = MAX_WINDOWS): Summaries {
  // All windows are equally long, so the order of insertion is the order in which they end.
  const windows = new Map<string, Window>();

  const end = (key: string): NewAuditEvent[] => {
    const window = windows.get(key);
    windows.delete(key);
    return window === undefined || window.count === 0 ? [] : [summaryOf(window)];
  };
  const endWhere = (isOver: (window: Window) => boolean): NewAuditEvent[] => {
    const summaries: NewAuditEvent[] = [];
    for (const [key, window] of windows) {
      if (!isOver(window)) break;
      summaries.push(...end(key));
    }
    return summaries;
  };
  return {
    add: (event, subject) => {
      const key = keyOf(event, subject);
      const now = clock.now();
      const window = windows.get(key);
      if (window !== undefined && clock.elapsed() < window.endsAt) {
        windows.set(key, {
          ...window,
          count: window.count + 1,
          firstAt: window.count === 0 ? now : window.firstAt,
          last: event,
          lastAt: now,
        });
        return [];
      }
      const ended = end(key);
      const [oldest] = windows.keys();
      if (oldest !== undefined && windows.size >= maxWindows) ended.push(...end(oldest));
      windows.set(key, { endsAt: clock.elapsed() + SUMMARY_SECONDS * 1000, count: 0, firstAt: now, last: event, lastAt: now });
      return [...ended, event];
    },
    endDue: () => endWhere(({ endsAt }) => endsAt <= clock.elapsed()),
    endAll: () => endWhere(() => true),
  };
}

/** The kind of a refusal and its caller: an authenticated caller by id, any other by its network, as rate limits count it. */
function keyOf({ type, by, userId = null, details = {} }: NewAuditEvent, subject = String(userId)): string {
  return JSON.stringify([type, Object.entries(details), by.kind, by.id ?? networkOf(by.ip), subject]);
}

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();

function summaryOf({ count, firstAt, last, lastAt }: Window): NewAuditEvent {
  const details: AuditDetails = { ...last.details, count, first_at: timeOf(firstAt), last_at: timeOf(lastAt) };
  return { ...last, details };
}
