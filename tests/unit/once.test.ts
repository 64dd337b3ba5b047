import { expect, jest, test } from '@jest/globals';
import { once } from '../../src/lib/once.js';

test('the work is done once, however often and whenever it is asked for', async () => {
  const work = jest.fn(() => Promise.resolve());
  const run = once(work);
  await Promise.all([run(), run(), run()]);
  await run();
  expect(work).toHaveBeenCalledTimes(1);
});

test('nothing is done before it is asked for', () => {
  const work = jest.fn(() => Promise.resolve());
  expect(once(work).underWay()).toBeUndefined();
  expect(work).not.toHaveBeenCalled();
});

test('everybody waits for the same', async () => {
  let end = (): void => undefined;
  const run = once(() => new Promise((done) => (end = done)));
  let done = 0;
  const waiting = [run(), run(), run.underWay() ?? Promise.reject(new Error('nothing was begun'))].map((one) =>
    one.then(() => {
      done += 1;
    }),
  );
  await Promise.resolve();
  expect(done).toBe(0);
  end();
  await Promise.all(waiting);
  expect(done).toBe(3);
});

test('work that failed fails for everybody who waits, and is done again by who asks next', async () => {
  const work = jest.fn(() => Promise.resolve());
  work.mockRejectedValueOnce(new Error('not yet'));
  const run = once(work);
  const [one, other] = await Promise.allSettled([run(), run()]);
  expect([one, other]).toMatchObject([
    { status: 'rejected', reason: { message: 'not yet' } },
    { status: 'rejected', reason: { message: 'not yet' } },
  ]);
  expect(run.underWay()).toBeUndefined();
  await run();
  await run();
  expect(work).toHaveBeenCalledTimes(2);
});
