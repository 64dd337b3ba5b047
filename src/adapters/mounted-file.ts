import { readFileSync, realpathSync } from 'node:fs';

/** Linux's list of what is mounted where, in the mount namespace of this process (proc(5)). */
const MOUNTS = '/proc/self/mountinfo';
const MOUNT_POINT_FIELD = 4;

/**
 * Reports whether a file is a mount of its own, as a container's volume may be a single file. Files that are made beside it are
 * then elsewhere, and it cannot be replaced. False where the system does not say.
 */
export function isMountPoint(file: string): boolean {
  try {
    const path = realpathSync(file);
    return readFileSync(MOUNTS, 'utf8')
      .split('\n')
      .some((line) => unescape(line.split(' ')[MOUNT_POINT_FIELD] ?? '') === path);
  } catch {
    return false;
  }
}

/** Blanks and backslashes are octal there. */
const unescape = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_escape, octal: string) => String.fromCharCode(parseInt(octal, 8)));
