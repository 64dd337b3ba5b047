import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { every } from '../../src/lib/every.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('the work is done first after the time, and then again and again', async () => {
  const work = jest.fn(() => Promise.resolve());
  const repeated = every(1000, work);
  await jest.advanceTimersByTimeAsync(999);
  expect(work).toHaveBeenCalledTimes(0);
  await jest.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledTimes(1);
  await jest.advanceTimersByTimeAsync(3000);
  expect(work).toHaveBeenCalledTimes(4);
  await repeated.stop();
});

test('the first time may come sooner', async () => {
  const work = jest.fn(() => Promise.resolve());
  const repeated = every(1000, work, 10);
  await jest.advanceTimersByTimeAsync(10);
  expect(work).toHaveBeenCalledTimes(1);
  await jest.advanceTimersByTimeAsync(1000);
  expect(work).toHaveBeenCalledTimes(2);
  await repeated.stop();
});

/** Work that ends when the test says so. */
function heldWork() {
  const ends: (() => void)[] = [];
  const work = jest.fn(() => new Promise<void>((done) => ends.push(done)));
  return { work, end: () => ends.shift()?.() };
}

test('the time counts from the end of the work, so that it never overlaps', async () => {
  const { work, end } = heldWork();
  const repeated = every(1000, work);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(work).toHaveBeenCalledTimes(1);
  end();
  await jest.advanceTimersByTimeAsync(999);
  expect(work).toHaveBeenCalledTimes(1);
  await jest.advanceTimersByTimeAsync(1);
  expect(work).toHaveBeenCalledTimes(2);
  end();
  await repeated.stop();
});

test('once it is stopped it begins no more', async () => {
  const work = jest.fn(() => Promise.resolve());
  await every(1000, work).stop();
  await jest.advanceTimersByTimeAsync(10_000);
  expect(work).not.toHaveBeenCalled();
});

test('stopping waits for the work under way, which is then the last; also twice', async () => {
  const { work, end } = heldWork();
  const repeated = every(1000, work);
  await jest.advanceTimersByTimeAsync(1000);
  let stopped = 0;
  const stopping = [repeated.stop(), repeated.stop()].map((stop) =>
    stop.then(() => {
      stopped += 1;
    }),
  );
  await jest.advanceTimersByTimeAsync(10_000);
  expect(stopped).toBe(0);
  end();
  await Promise.all(stopping);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(work).toHaveBeenCalledTimes(1);
});
