import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, expect } from '@jest/globals';
import { member } from './answers.js';
import { ANSWERED, tally, TOLD } from './seen.js';

// Runs before each suite whose table is printed, and notes for the reporter what arrived while a test ran.

let statuses: number[] = [];
let told: unknown[] = [];

const count = (status: unknown): void => {
  if (typeof status === 'number') statuses.push(status);
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
  statuses = [];
  told = [];
});
afterEach(() => {
  const { testPath, currentTestName } = expect.getState();
  const seen = [...told, tally(statuses)].filter((text) => text !== '').join('; ');
  const file = process.env['SEEN_NOTES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify([testPath, currentTestName, seen])}\n`);
});
