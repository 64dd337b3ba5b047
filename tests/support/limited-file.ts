import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const works = (program: string, args: readonly string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Puts a file system of so many kilobytes, in memory, at a folder; false where this user may not. */
export const mountSmall = (folder: string, kilobytes: number): boolean =>
  process.platform === 'linux' && works('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder]);

export const unmount = (folder: string): void => {
  if (existsSync(folder)) works('umount', ['--lazy', folder]);
};

/**
 * What has a program that is named behind it ask for permission like everybody: root may write to what nobody may. Nothing
 * where that is so anyway; undefined where it can't be had.
 */
export function withoutPrivileges(): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return [];
  const through = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
  return works('setpriv', [...through.slice(1), 'true']) ? through : undefined;
}
