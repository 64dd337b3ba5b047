import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createDatabase, databaseFault } from '../../src/adapters/database.js';
import { expectProblem } from '../support/answers.js';
import { createTestApp, freshSchema, type TestApp } from '../support/test-app.js';
import { targetOf } from '../support/test-database.js';

const SERVER = process.env['TEST_DATABASE_URL'] ?? 'postgres://unset';

let schema: Awaited<ReturnType<typeof freshSchema>>;
beforeEach(async () => {
  schema = await freshSchema(SERVER);
});
afterEach(() => schema.drop());

/** The URL of the schema, with a setting of PostgreSQL for each of its connections. */
function urlWith(setting: string): string {
  const url = new URL(schema.url);
  url.searchParams.set('options', `${String(url.searchParams.get('options'))} -c ${setting}`);
  return url.toString();
}

describe('a statement that PostgreSQL cancels', () => {
  let auth: TestApp;
  let holder: pg.Client;
  beforeEach(async () => {
    auth = await createTestApp({ DATABASE_URL: urlWith('statement_timeout=100') });
    holder = new pg.Client({ connectionString: SERVER });
    await holder.connect();
  });
  afterEach(async () => {
    await holder.end();
    await auth.close();
  });

  it('is answered 503 unavailable with Retry-After', async () => {
    const user = await auth.createUser();
    const { username, password } = user;
    const { accessToken } = await auth.session(user);
    const requests = {
      'POST /token': () => auth.http().post('/token').send({ username, password }),
      'GET /users/me': () => auth.http().get('/users/me').set('Authorization', `Bearer ${accessToken}`),
      'POST /register': () => auth.http().post('/register').send({ username: 'ada', password }),
      'POST /password/forgot': () => auth.http().post('/password/forgot').send({ identifier: username }),
    };
    await holder.query(`SET search_path = ${String(/search_path=(\w+)/.exec(decodeURIComponent(schema.url))?.[1])}`);
    await holder.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
    for (const [route, request] of Object.entries(requests)) {
      expectProblem(await request(), 503, 'unavailable', route === 'POST /token' ? { oauth: 'temporarily_unavailable' } : {});
    }
    await holder.query('ROLLBACK');
    expect((await requests['POST /token']()).status).toBe(200);
  });
});

it('a transaction that PostgreSQL ends for its idleness is unavailable', async () => {
  const database = createDatabase(targetOf(urlWith('idle_in_transaction_session_timeout=50')));
  try {
    const idle = database.transaction(async (transaction) => {
      await database.sequelize.query('SELECT 1', { transaction });
      // Blocks the process, as a halt does: PostgreSQL's message is then read as the answer to the next statement.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      await database.sequelize.query('SELECT 1', { transaction });
    });
    expect(databaseFault(await idle.catch((error: unknown) => error))).toMatchObject({ code: 'unavailable' });
  } finally {
    await database.close();
  }
});
