import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from '@jest/globals';

/** Whether a program is on this machine. */
export const isInstalled = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((place) => existsSync(join(place, program)));

/** A test that needs a program of the Debian package of that name; without it the test is skipped, and its title says why. */
export function testWith(program: string, title: string, run: () => Promise<void>, timeoutMs: number): void {
  if (isInstalled(program)) test(title, run, timeoutMs);
  else test.skip(`${title} [needs Debian’s package ${program}]`, run);
}
