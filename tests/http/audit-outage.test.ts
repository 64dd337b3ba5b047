import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase, type Database } from '../../src/adapters/database.js';
import type { TestUser } from '../../src/testing.js';
import { expectProblem } from '../support/answers.js';
import { eventually } from '../support/service-process.js';
import { freshPlace } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const FAILURES = 3;

let auth: TestApp;
let database: Database;
let ada: TestUser;
let drop: () => Promise<void>;
beforeEach(async () => {
  const place = await freshPlace();
  drop = () => place.drop();
  const target = parseDatabaseUrl(place.url);
  if (target === undefined) throw new TypeError('not a database');
  database = createDatabase(target, { queueLimit: 1 });
  auth = await createTestApp({ DATABASE_URL: place.url, RATE_LIMIT: 'on', LIMIT_FAILURES_PER_ACCOUNT: FAILURES }, { database });
  ada = await auth.createUser({ username: 'ada' });
});
afterEach(async () => {
  await auth.close();
  await drop();
});

const logIn = (password: string) => auth.http().post('/token').send({ username: 'ada', password });
const failures = async () => (await auth.services.audit.list({ type: 'log_in.failed' }, { limit: 10 })).items;

/** Takes every place of the writers until the returned function is called. */
function holdWriters(): () => Promise<void> {
  let release: () => void = () => undefined;
  const released = new Promise<void>((done) => (release = done));
  // A transaction that has waited too long is refused, and waits anew, after a pause in which others run.
  const hold = (): Promise<void> => database.transaction(() => released).catch(() => sleep(10).then(hold));
  const held: Promise<void>[] = [];
  while (!database.isFull()) held.push(hold());
  return async () => {
    release();
    await Promise.all(held);
  };
}

describe('POST /token while the database takes no writes', () => {
  it('returns 503 for the right password and records that the log-in could not be completed', async () => {
    const release = holdWriters();
    expectProblem(await logIn(ada.password), 503, 'overloaded', { oauth: 'temporarily_unavailable' });
    await release();
    await eventually(async () => (await failures()).length > 0);
    expect(await failures()).toMatchObject([{ userId: ada.id, details: { reason: 'not_completed', cause: 'overloaded' } }]);
    expect((await logIn(ada.password)).status).toBe(200);
  });

  it('returns 401 for a wrong password, counts it, and records it later', async () => {
    const release = holdWriters();
    for (let time = 0; time < FAILURES; time += 1)
      expectProblem(await logIn('wrong'), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    expectProblem(await logIn(ada.password), 429, 'rate_limited', { oauth: 'invalid_request' });
    await release();
    await eventually(async () => (await failures()).length === FAILURES);
    expect(await auth.services.audit.verify()).toMatchObject({ intact: true });
  });
});
