import { isKeptOutSql } from '../../../../migrations/fastapi-adoption.js';
import { openRaw, type RawConnection } from '../../../adapters/sqlite-file.js';
import { AppError } from '../../../errors/app-error.js';
import { foldName } from '../../../lib/names.js';
import type { Reading, SourceRecord } from '../imported-user.js';
import { recordFault } from './source.js';

const PAGE = 1000;
const COLUMNS = ['id', 'username', 'hashed_password'];

/**
 * The users of a FastAPI original's file, which is not touched; a record's line is the user's id there. Of names that look
 * alike the first id owns the look, as where such a file is adopted. Throws `malformed_request` where it is no such file.
 */
export async function* readFastApiUsers(file: string): AsyncGenerator<SourceRecord> {
  const connection = await openRaw(file, { write: false }).catch(refuse);
  try {
    const columns = (await connection.all('PRAGMA table_info(users)').catch(refuse)).map((column) => String(column['name']));
    if (!COLUMNS.every((name) => columns.includes(name))) refuse();
    const owners = new Map<string, string>();
    for await (const row of rowsIn(connection, isKeptOutSql(columns))) yield { line: Number(row['id']), ...readingOf(row, owners) };
  } finally {
    await connection.close();
  }
}

/** How many they are. Throws likewise. */
export async function countFastApiUsers(file: string): Promise<number> {
  const connection = await openRaw(file, { write: false }).catch(refuse);
  try {
    const [row] = await connection.all('SELECT count(*) AS users FROM users').catch(refuse);
    return Number(row?.['users']);
  } finally {
    await connection.close();
  }
}

function refuse(cause?: unknown): never {
  const detail = 'The file is no SQLite database with a table users (id, username, hashed_password)';
  throw new AppError('malformed_request', { cause, details: { detail } });
}

async function* rowsIn(connection: RawConnection, isKeptOut: string): AsyncGenerator<Record<string, unknown>> {
  let after: number | undefined;
  for (let more = true; more;) {
    const behind = after === undefined ? '' : `WHERE id > ${after}`;
    const rows = await connection.all(
      `SELECT id, username, hashed_password, ${isKeptOut} AS disabled FROM users ${behind} ORDER BY id LIMIT ${PAGE}`,
    );
    yield* rows;
    after = Number(rows.at(-1)?.['id']);
    more = rows.length === PAGE;
  }
}

function readingOf({ username, hashed_password: hash, disabled }: Record<string, unknown>, owners: Map<string, string>): Reading {
  if (typeof username !== 'string') return { faults: [{ path: 'username', code: 'required', message: 'is missing, or no text' }] };
  if (typeof hash !== 'string' && hash !== null) return { faults: [recordFault('the hash is no text')] };
  const fold = foldName(username);
  const looksLike = owners.get(fold);
  if (looksLike === undefined) owners.set(fold, username);
  return { user: { username, passwordHash: hash ?? undefined, disabled: disabled === 1, adopted: { looksLike } } };
}
