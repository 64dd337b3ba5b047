import { expect, test } from '@jest/globals';
import { createHasher } from '../../src/adapters/hasher.js';
import { createHealth } from '../../src/observability/health.js';

const never = { isFull: () => false };

test('however many ask at once, the database is asked one question at a time', async () => {
  let answer: () => void = () => undefined;
  let asked = 0;
  const hasher = createHasher({ threads: 1, queueLimit: 1 });
  const health = createHealth({
    pingDatabase: () => {
      asked += 1;
      return new Promise((done) => (answer = done));
    },
    knowRevocations: () => Promise.resolve(),
    hasher,
    queueLimit: 1,
    database: never,
    requests: never,
    proxyWatch: { warns: () => false },
  });
  const first = Array.from({ length: 20 }, () => health.parts());
  expect(asked).toBe(1);
  // What is known without asking is told as it is at the end.
  health.drain();
  answer();
  for (const parts of await Promise.all(first)) expect(parts).toMatchObject({ database: { status: 'up' }, process: { status: 'down' } });
  const next = health.parts();
  expect(asked).toBe(2);
  answer();
  await next;
  await hasher.close();
});
