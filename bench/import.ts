import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { openRaw, type RawConnection } from '../src/adapters/sqlite-file.js';
import { isMembers } from '../src/services/transfer/sources/members.js';
import { timed } from './client.js';
import { inFolder, ROOT } from './processes.js';
import { list, median, medianRatio, type Row } from './report.js';

const USERS = 100_000;
const ROUNDS = 3;
/** Rows in one transaction: as many as an import takes. */
const AT_ONCE = 1000;

const COLUMNS = ['username', 'username_fold', 'hashed_password', 'email', 'email_fold', 'display_name', 'display_name_fold'] as const;

const run = promisify(execFile);

/** A command of the built command line, on a database in that folder. */
const command = (folder: string, database: string, ...words: string[]): Promise<unknown> =>
  run(process.execPath, [join(ROOT, 'dist/src/cli/index.js'), ...words], {
    cwd: folder,
    env: { PATH: process.env['PATH'], DATABASE_URL: `sqlite:${folder}/${database}`, LOG_LEVEL: 'warn' },
  });

/** Users with bcrypt hashes, in no order of their names. */
async function writeUsers(file: string): Promise<void> {
  const output = createWriteStream(file);
  for (let count = 0; count < USERS; count += 1) {
    const name = randomBytes(6).toString('hex');
    const digest = randomBytes(53).toString('base64').replace(/[+=]/g, '.').slice(0, 53);
    const user = { username: name, email: `${name}@example.com`, display_name: `User ${name}`, password_hash: `$2b$12$${digest}` };
    if (!output.write(`${JSON.stringify(user)}\n`)) await once(output, 'drain');
  }
  output.end();
  await once(output, 'finish');
}

async function* batchesIn(file: string): AsyncGenerator<Record<string, unknown>[]> {
  let batch: Record<string, unknown>[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const user: unknown = JSON.parse(line);
    if (!isMembers(user)) throw new Error('a line that is no user');
    const { username, email, display_name, password_hash } = user;
    const folds = { username_fold: username, email_fold: email, display_name_fold: String(display_name).toLowerCase() };
    batch.push({ username, email, display_name, hashed_password: password_hash, ...folds });
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
}

/** The same rows by the same driver, into the same indexes, with nothing looked at and nothing recorded. */
async function bareInserts(connection: RawConnection, file: string): Promise<void> {
  const values = COLUMNS.map((name) => `value ->> '${name}'`).join(', ');
  const rest = `'["user"]', datetime('now'), datetime('now')`;
  for await (const batch of batchesIn(file)) {
    const rows = JSON.stringify(batch).replaceAll("'", "''");
    await connection.all('BEGIN IMMEDIATE');
    await connection.all(
      `INSERT INTO users (${COLUMNS.join(', ')}, roles, created_at, updated_at) SELECT ${values}, ${rest} FROM json_each('${rows}')`,
    );
    await connection.all('COMMIT');
  }
}

const perSecond = (ms: number): number => (USERS / ms) * 1000;

/** How fast users come in from elsewhere. */
export const measureImport = (): Promise<Row[]> =>
  inFolder(async (folder) => {
    const file = join(folder, 'users.jsonl');
    await writeUsers(file);
    const rates = { imports: [0].slice(1), inserts: [0].slice(1) };
    for (let round = 0; round < ROUNDS; round += 1) {
      await command(folder, `import-${round}.db`, 'migrate');
      await command(folder, `bare-${round}.db`, 'migrate');
      rates.imports.push(perSecond(await timed(1, 1, () => command(folder, `import-${round}.db`, 'import', file).then(() => undefined))));
      const connection = await openRaw(join(folder, `bare-${round}.db`), { write: true });
      await connection.all('PRAGMA synchronous=FULL');
      await connection.all('PRAGMA cache_size=-65536');
      rates.inserts.push(perSecond(await timed(1, 1, () => bareInserts(connection, file))));
      await connection.close();
    }
    return [
      {
        what: `import of ${USERS.toLocaleString('en')} users by the command line`,
        value: median(rates.imports),
        unit: 'rows/s',
        target: { than: 'least', limit: 5000 },
        figures: `rows a second: ${list(rates.imports)}`,
        raw: { imports: rates.imports },
      },
      {
        what: 'the same / bare INSERTs of its rows, without checks and record',
        value: medianRatio(rates.imports, rates.inserts),
        unit: '×',
        figures: `rows a second: imported ${list(rates.imports)}, inserted ${list(rates.inserts)}`,
        raw: rates,
      },
    ];
  });
