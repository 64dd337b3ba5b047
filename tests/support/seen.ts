import { channel } from 'node:diagnostics_channel';

/** Where the table of `npm run attack` and `npm run faults` hears what a case saw. Under `npm test` nobody listens. */
export const TOLD = 'lingomate-auth:test:told';
export const ANSWERED = 'lingomate-auth:test:answered';

/** Tells that table what the running test measured, in a few words: `p99 12 ms`. */
export const seen = (text: string): void => {
  channel(TOLD).publish(text);
};

/** Counts an answer that no HTTP client of node's has read: its status, or 0 where the connection was closed without one. */
export const sawAnswer = (status: number): void => {
  channel(ANSWERED).publish(status);
};

/** How often each status came, the most frequent first: `401 ×24, 200 ×1`. */
export function tally(statuses: readonly number[]): string {
  const counts = new Map<number, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  const rows = [...counts].sort(([, a], [, b]) => b - a);
  return rows.map(([status, times]) => `${status === 0 ? 'closed' : status} ×${times}`).join(', ');
}
