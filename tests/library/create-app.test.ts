import { mkdirSync, rmdirSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { type AuthApp, createApp } from '../../src/index.js';
import { createLogger } from '../../src/observability/logger.js';
import { expectProblem } from '../support/answers.js';
import { placeFastApiDatabase } from '../support/fastapi.js';
import { useTempFolder } from '../support/temp-folder.js';

const folder = useTempFolder();
const open: AuthApp[] = [];
afterEach(() => Promise.all(open.splice(0).map((app) => app.close())));

/** An app as a program makes it, with what it logs. */
function makeApp(database: string): { app: AuthApp; log: string[] } {
  const log: string[] = [];
  const logger = createLogger({ level: 'info', readable: false, destination: { write: (line) => log.push(line) } });
  const app = createApp({ DATABASE_URL: `sqlite:${folder.file(database)}`, BCRYPT_ROUNDS: 4 }, { logger });
  open.push(app);
  return { app, log };
}

describe('an app whose database is away', () => {
  const missing = (): AuthApp => {
    // The keys are kept beside the file, so the folder is there when the app is made, and a folder is in the file's place.
    mkdirSync(folder.file('auth.db'));
    return makeApp('auth.db').app;
  };

  test('lives, and answers what needs no database', async () => {
    const http = supertest(missing());
    expect((await http.get('/health/live')).status).toBe(200);
    for (const path of ['/', '/errors', '/docs', '/openapi.json', '/postman.json']) expect((await http.get(path)).status).toBe(200);
    expect((await http.options('/token')).status).toBe(204);
  });

  test('is not ready, and says which part is down', async () => {
    const response = await supertest(missing()).get('/health/ready');
    expect(response).toMatchObject({ status: 503, body: { code: 'unavailable', parts: { database: { status: 'down' } } } });
  });

  test('refuses the rest for now, in the shape that each path has', async () => {
    const http = supertest(missing());
    const credentials = { username: 'ada', password: 'a password of my own' };
    expectProblem(await http.post('/token').send(credentials), 503, 'unavailable', { oauth: 'temporarily_unavailable' });
    expectProblem(await http.post('/register').send(credentials), 503, 'unavailable');
  });

  test('serves as soon as the database is there', async () => {
    mkdirSync(folder.file('later'));
    const { app } = makeApp('later/auth.db');
    expect((await supertest(app).get('/health/ready')).status).toBe(200);
  });
});

test('an app whose database comes back starts then, with nobody’s help', async () => {
  mkdirSync(folder.file('auth.db'));
  const http = supertest(makeApp('auth.db').app);
  const credentials = { username: 'ada', password: 'a password of my own' };
  for (let times = 0; times < 2; times += 1) expectProblem(await http.post('/register').send(credentials), 503, 'unavailable');
  rmdirSync(folder.file('auth.db'));
  expect((await http.post('/register').send(credentials)).status).toBe(201);
  expect((await http.post('/token').send(credentials)).status).toBe(200);
  expect((await http.get('/health/ready')).status).toBe(200);
});

describe('an app tells in its log', () => {
  test('where it keeps the keys that it made, and what an adoption did', async () => {
    await placeFastApiDatabase(folder.file('auth.db'));
    const { app, log } = makeApp('auth.db');
    await app.start();
    await app.start();
    const told = (text: string): number => log.filter((line) => line.includes(text)).length;
    expect([told('were made and are kept in'), told('Adopted 10 users'), told('Migrated')]).toEqual([1, 1, 1]);
  });
});

test('an app may be closed more than once', async () => {
  const { app } = makeApp('auth.db');
  await app.start();
  await Promise.all([app.close(), app.close()]);
  await expect(app.close()).resolves.toBeUndefined();
});
