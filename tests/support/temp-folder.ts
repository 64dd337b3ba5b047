import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';

export interface TempFolder {
  readonly path: string;
  /** The path of a file of that name in it. */
  file(name: string): string;
}

/** A new folder for each test of the calling suite, removed after it. */
export function useTempFolder(): TempFolder {
  let path = '';
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'lingomate-auth-'));
  });
  afterEach(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return {
    get path() {
      return path;
    },
    file: (name) => join(path, name),
  };
}

/** What tells whether a file's bytes have changed. */
export const fingerprint = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
