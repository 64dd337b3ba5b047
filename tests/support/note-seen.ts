import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, expect } from '@jest/globals';
import { member } from './answers.js';
import { ANSWERED, TOLD } from './seen.js';

// Runs before each suite whose table is printed, and notes for the reporter what arrived while a test ran.

const counts = new Map<unknown, number>();
let told: unknown[] = [];

const count = (status: unknown): void => {
  counts.set(status, (counts.get(status) ?? 0) + 1);
};
const countMessage = (message: unknown): void => {
  count(member(message, 'response', 'statusCode'));
};
/** supertest and node's own client, fetch, raw sockets, and what a test tells itself. */
const LISTENERS = [
  ['http.client.response.finish', countMessage],
  ['undici:request:headers', countMessage],
  [ANSWERED, count],
  [TOLD, (text: unknown) => told.push(text)],
] as const;

for (const [name, listener] of LISTENERS) subscribe(name, listener);
afterAll(() => {
  for (const [name, listener] of LISTENERS) unsubscribe(name, listener);
});

beforeEach(() => {
  counts.clear();
  told = [];
});
afterEach(() => {
  const { testPath, currentTestName } = expect.getState();
  const answers = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([status, times]) => `${status === 0 ? 'closed' : String(status)} ×${times}`);
  const seen = [...told, answers.join(', ')].filter((text) => text !== '').join('; ');
  const file = process.env['SEEN_NOTES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify([testPath, currentTestName, seen])}\n`);
});
