import { afterEach, describe, expect, test } from '@jest/globals';
import { parseDatabaseUrl } from '../../config/database.js';
import { createDatabase } from '../../src/adapters/database.js';
import { createHasher } from '../../src/adapters/hasher.js';
import { expectProblem } from '../support/answers.js';
import { serve } from '../support/live-server.js';
import { keepConnection, postJson } from '../support/raw-http.js';
import { freshPlace } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const DOWN = { status: 'down' };
const forget = (auth: TestApp, identifier = 'nobody') => auth.http().post('/password/forgot').send({ identifier });
const readMe = (auth: TestApp, token: string) => auth.http().get('/users/me').auth(token, { type: 'bearer' });
const recorded = async ({ services }: TestApp, type: 'password.reset_requested'): Promise<number> =>
  (await services.audit.list({ type }, { limit: 100 })).items.length;

describe('where as many transactions wait as may', () => {
  /** A service whose writers a test holds up, and whose queue it fills. */
  async function createHeldApp(queueLimit: number): Promise<TestApp & { fill(): () => Promise<void> }> {
    const place = await freshPlace();
    ends.push(() => place.drop());
    const target = parseDatabaseUrl(place.url);
    if (target === undefined) throw new TypeError('not a database');
    const database = createDatabase(target, { queueLimit });
    const auth = await createTestApp({ DATABASE_URL: place.url }, { database });
    ends.push(() => auth.close());
    const fill = (): (() => Promise<void>) => {
      let release: () => void = () => undefined;
      const released = new Promise<void>((done) => (release = done));
      // By the client of the requests: work of another client would be refused in their place.
      const { transaction } = database.forClient({ ip: '127.0.0.1', userAgent: null, requestId: null });
      // One that has waited too long is refused, and waits anew.
      const hold = (): Promise<void> => transaction(() => released).catch(hold);
      const held: Promise<void>[] = [];
      while (!database.isFull()) held.push(hold());
      return async () => {
        release();
        await Promise.all(held);
      };
    };
    return { ...auth, fill };
  }

  test('a change is refused at once and leaves nothing behind, while reads and health go on', async () => {
    const auth = await createHeldApp(2);
    const user = await auth.createUser();
    const token = await auth.token(user);
    const release = auth.fill();
    for (const answer of await Promise.all(Array.from({ length: 5 }, () => forget(auth)))) expectProblem(answer, 503, 'overloaded');
    const { username, password } = user;
    expectProblem(await auth.http().post('/token').send({ username, password }), 503, 'overloaded', { oauth: 'temporarily_unavailable' });
    expectProblem(await auth.http().post('/register').send({ username: 'late', password }), 503, 'overloaded');
    expect((await readMe(auth, token)).status).toBe(200);
    expect((await auth.http().get('/health/live')).status).toBe(200);
    expect(await auth.http().get('/health/ready')).toMatchObject({ status: 503, body: { parts: { database: DOWN } } });
    await release();
    expect((await auth.http().get('/health/ready')).status).toBe(200);
    expect((await auth.http().post('/register').send({ username: 'late', password })).status).toBe(201);
    expect((await forget(auth)).status).toBe(202);
    expect(await recorded(auth, 'password.reset_requested')).toBe(1);
  });

  test('what the service does by itself is not refused', async () => {
    const auth = await createHeldApp(1);
    await forget(auth);
    const release = auth.fill();
    const { outbox, sessions, oneTimeTokens, audit } = auth.services;
    const jobs = Promise.all([outbox.deliver(), sessions.prune(), oneTimeTokens.prune(), audit.prune(), outbox.prune()]);
    // Begun, and waiting for their turn.
    await new Promise(setImmediate);
    expectProblem(await forget(auth), 503, 'overloaded');
    await release();
    await jobs;
  });
});

describe('where as many requests are worked on as may be', () => {
  test('others are refused at once, health and what needs no database are not, and then all goes on', async () => {
    const hasher = createHasher({ threads: 1, queueLimit: 9 });
    const auth = await createTestApp({ REQUEST_LIMIT: 2 }, { hasher });
    ends.push(() => auth.close());
    const token = await auth.token(await auth.createUser());
    let release: (valid: boolean) => void = () => undefined;
    const released = new Promise<boolean>((done) => (release = done));
    let begun = 0;
    const bothBegun = new Promise<void>((done) => {
      const matches = (): Promise<boolean> => {
        begun += 1;
        if (begun === 2) done();
        return released;
      };
      Object.assign(hasher, { matches });
    });
    const logIn = () => auth.http().post('/token').send({ username: 'nobody', password: 'a guess' });
    const held = Promise.all([logIn(), logIn()]);
    await bothBegun;
    expectProblem(await readMe(auth, token), 503, 'overloaded');
    expectProblem(await forget(auth), 503, 'overloaded');
    expect((await auth.http().get('/health/live')).status).toBe(200);
    expect((await auth.http().get('/errors')).status).toBe(200);
    expect(await auth.http().get('/health/ready')).toMatchObject({ status: 503, body: { parts: { process: DOWN } } });
    release(false);
    expect((await held).map(({ status }) => status)).toEqual([401, 401]);
    expect((await readMe(auth, token)).status).toBe(200);
    expect(await recorded(auth, 'password.reset_requested')).toBe(0);
  });

  test('who sends a body slowly takes nobody’s place', async () => {
    const auth = await createTestApp({ REQUEST_LIMIT: 1 });
    const server = await serve(auth.app);
    ends.push(
      () => auth.close(),
      () => server.close(),
    );
    const body = JSON.stringify({ identifier: 'nobody' });
    const slow = Array.from({ length: 3 }, () => keepConnection(Number(new URL(server.url).port)));
    for (const connection of slow) connection.send(postJson('/password/forgot', body, 'Expect: 100-continue').slice(0, -5));
    await Promise.all(slow.map((connection) => connection.received('100 Continue')));
    expect((await readMe(auth, await auth.token(await auth.createUser()))).status).toBe(200);
    for (const connection of slow) {
      connection.send(body.slice(-5));
      expect(await connection.closed).toContain(' 202 Accepted');
    }
  });
});

describe('where as many mails wait as may', () => {
  test('what would cause another is refused whoever it is about, and changes nothing; the rest goes on', async () => {
    const auth = await createTestApp({ MAIL_QUEUE_LIMIT: 5 });
    ends.push(() => auth.close());
    const owner = await auth.createUser({ username: 'owner', email: 'owner@example.com', emailVerified: true });
    for (const number of [1, 2, 3]) await auth.createUser({ username: `full-${number}`, email: `full-${number}@example.com` });
    const refused = await Promise.all(['owner', 'owner@example.com', 'nobody', 'full-1'].map((identifier) => forget(auth, identifier)));
    for (const answer of refused) expectProblem(answer, 503, 'overloaded');
    expect(new Set(refused.map(({ headers }) => headers['retry-after'])).size).toBe(1);
    const { username, password } = { username: 'late', password: owner.password };
    for (const email of ['late@example.com', 'owner@example.com']) {
      expectProblem(await auth.http().post('/register').send({ username, password, email }), 503, 'overloaded');
    }
    expect((await auth.http().post('/register').send({ username, password })).status).toBe(201);
    expect((await auth.http().post('/token').send({ username, password })).status).toBe(200);
    expect(await auth.mails()).toHaveLength(5);
    expect(await recorded(auth, 'password.reset_requested')).toBe(0);
    expect((await auth.http().get('/health/ready')).status).toBe(200);
  });
});
