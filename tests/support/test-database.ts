import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DatabaseTarget, parseDatabaseUrl } from '../../config/database.js';
import { freshSchema } from './test-app.js';

const SERVER = process.env['TEST_DATABASE_URL'];

export type TargetKind = 'SQLite in memory' | 'a SQLite file' | 'PostgreSQL';

/** Every kind of database that this run can reach: PostgreSQL where TEST_DATABASE_URL names a server. */
export const targets: readonly TargetKind[] = [
  'SQLite in memory',
  'a SQLite file',
  ...(SERVER === undefined ? [] : (['PostgreSQL'] as const)),
];

/** An empty database of one kind; `drop` removes it. */
export interface TestTarget {
  readonly url: string;
  readonly target: DatabaseTarget;
  drop(): Promise<void>;
}

export async function openTarget(kind: TargetKind): Promise<TestTarget> {
  const { url, drop } = await open(kind);
  return { url, target: targetOf(url), drop };
}

/** Reads a DATABASE_URL that is known to be valid. */
export function targetOf(url: string): DatabaseTarget {
  const target = parseDatabaseUrl(url);
  if (target === undefined) throw new TypeError('a test database has a URL that can be read');
  return target;
}

async function open(kind: TargetKind): Promise<{ url: string; drop: () => Promise<void> }> {
  if (kind === 'SQLite in memory') return { url: 'sqlite::memory:', drop: () => Promise.resolve() };
  if (kind === 'PostgreSQL') {
    if (SERVER === undefined) throw new TypeError('PostgreSQL is tested where TEST_DATABASE_URL names a server');
    return freshSchema(SERVER);
  }
  const folder = mkdtempSync(join(tmpdir(), 'lingomate-auth-'));
  const drop = (): Promise<void> => {
    rmSync(folder, { recursive: true, force: true });
    return Promise.resolve();
  };
  return { url: `sqlite:${join(folder, 'auth.db')}`, drop };
}
