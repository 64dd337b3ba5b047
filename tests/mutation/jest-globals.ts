import { ModernFakeTimers } from '@jest/fake-timers';
import { ModuleMocker } from 'jest-mock';

/** What the suites import from `@jest/globals`, outside of Jest: the parts that it is made of. */
export { expect } from 'expect';
export { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'jest-circus';

// It reads nothing else of a project's configuration, and its type wants all of it.
const timers: unknown = Reflect.construct(ModernFakeTimers, [{ config: { fakeTimers: {} }, global: globalThis }]);
if (!(timers instanceof ModernFakeTimers)) throw new TypeError('no fake timers');

const mocker = new ModuleMocker(globalThis);

export const jest = {
  fn: mocker.fn.bind(mocker),
  spyOn: mocker.spyOn.bind(mocker),
  restoreAllMocks: () => {
    mocker.restoreAllMocks();
  },
  useFakeTimers: (how?: Parameters<ModernFakeTimers['useFakeTimers']>[0]) => {
    timers.useFakeTimers(how);
  },
  useRealTimers: () => {
    timers.useRealTimers();
  },
  advanceTimersByTime: (ms: number) => {
    timers.advanceTimersByTime(ms);
  },
  advanceTimersByTimeAsync: (ms: number) => timers.advanceTimersByTimeAsync(ms),
};
