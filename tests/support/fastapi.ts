import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { openRaw } from '../../src/adapters/sqlite-file.js';

const fixture = (name: string): URL => new URL(`../fixtures/${name}`, import.meta.url);

export interface FastApiUser {
  readonly id: number;
  readonly username: string;
  readonly password: string;
}

/** The users of the database that the FastAPI original made, with the passwords it took from them. */
export function fastApiUsers(): FastApiUser[] {
  const parsed: unknown = JSON.parse(readFileSync(fixture('fastapi-users.json'), 'utf8'));
  if (!Array.isArray(parsed)) throw new TypeError('the fixture is a list');
  return parsed.map((entry: unknown, index) => {
    if (typeof entry !== 'object' || entry === null || !('username' in entry) || !('password' in entry))
      throw new TypeError('a user is missing');
    return { id: index + 1, username: String(entry.username), password: String(entry.password) };
  });
}

/** Puts that database in the place of `file`, and runs further statements on it. */
export async function placeFastApiDatabase(file: string, statements: readonly string[] = []): Promise<void> {
  copyFileSync(fixture('fastapi.db'), file);
  chmodSync(file, 0o600);
  await change(file, statements);
}

export type Row = Record<string, unknown>;

/** Runs statements on a SQLite file that is there, outside the service. */
export async function change(file: string, statements: readonly string[]): Promise<void> {
  const connection = await openRaw(file, { write: true });
  try {
    for (const statement of statements) await connection.all(statement);
  } finally {
    await connection.close();
  }
}

/** What a SQLite file answers to a query, outside the service. */
export async function query(file: string, sql: string): Promise<Row[]> {
  const connection = await openRaw(file, { write: false });
  try {
    return await connection.all(sql);
  } finally {
    await connection.close();
  }
}
