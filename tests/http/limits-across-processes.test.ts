import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Response } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { actorOf } from '../support/client.js';
import { freshPlace } from '../support/stored-app.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { WRONG } from '../support/throttling.js';

const NEW = 'another good password';

/** Two processes in front of one database, each with counters of its own. */
let here: TestApp;
let there: TestApp;
let place: { url: string; drop(): Promise<void> };
let user: TestUser;
let recoveryCodes: string[];

beforeEach(async () => {
  place = await freshPlace();
  const key = (): string => randomBytes(64).toString('base64url');
  const settings = { RATE_LIMIT: 'on', DATABASE_URL: place.url, SECRET_KEY: key(), ROOT_KEY: key() };
  here = await createTestApp(settings);
  there = await createTestApp(settings);
  user = await here.createUser({ email: 'owner@example.com', emailVerified: true });
  const { id: sessionId } = await here.session(user);
  recoveryCodes = await here.services.users.makeRecoveryCodes(actorOf(user.id, sessionId), user.password);
});
afterEach(async () => {
  await here.close();
  await there.close();
  await place.drop();
});

const logIn = (app: TestApp, password = user.password): Promise<Response> =>
  app.http().post('/token').send({ username: user.username, password });
const changePassword = (app: TestApp, token: string, current_password: string): Promise<Response> =>
  app.http().put('/users/me/password').auth(token, { type: 'bearer' }).send({ current_password, new_password: NEW });
const resetByCode = (app: TestApp, recovery_code: string | undefined): Promise<Response> =>
  app.http().post('/password/reset').send({ username: user.username, recovery_code, new_password: NEW });

/** Repeats a failing call until it has to wait, in both processes. */
async function lockOut(fail: (app: TestApp) => Promise<Response>): Promise<void> {
  for (const app of [here, there]) {
    let response = await fail(app);
    for (let tries = 0; tries < 20 && response.status !== 429; tries += 1) response = await fail(app);
    expect(response.status).toBe(429);
  }
}
async function resetByMail(app: TestApp): Promise<void> {
  await app.http().post('/password/forgot').send({ identifier: user.username });
  const token = (await app.mails('owner@example.com')).find(({ purpose }) => purpose === 'password_reset')?.token;
  expect((await app.http().post('/password/reset').send({ token, new_password: NEW })).status).toBe(204);
}
async function unlock(app: TestApp): Promise<void> {
  const agent = await app.agent(await app.createUser({ roles: ['user', 'admin'] }));
  expect((await agent.patch(`/admin/users/${user.id}`).send({ disabled: false })).status).toBe(200);
}

describe('an account that is locked out in two processes', () => {
  it('logs in at the second process at once after a reset at the first', async () => {
    await lockOut((app) => logIn(app, WRONG));
    expect((await logIn(there)).status).toBe(429);
    await resetByMail(here);
    expect((await logIn(there, NEW)).status).toBe(200);
  });

  it('logs in at the second process at once after an administrator’s unlock at the first', async () => {
    await lockOut((app) => logIn(app, WRONG));
    await unlock(here);
    expect((await logIn(there)).status).toBe(200);
  });

  it('proves its current password at the second process at once after an administrator’s unlock at the first', async () => {
    const token = await here.token(user);
    await lockOut((app) => changePassword(app, token, WRONG));
    expect((await changePassword(there, token, user.password)).status).toBe(429);
    await unlock(here);
    expect((await changePassword(there, token, user.password)).status).toBe(204);
  });

  it('has its failed recovery codes forgotten at the second process after a reset at the first', async () => {
    await lockOut((app) => resetByCode(app, 'guess'));
    expect((await resetByCode(here, recoveryCodes[0])).status).toBe(204);
    expect((await resetByCode(there, 'guess')).status).toBe(400);
  });

  it('stays locked out where another account is unlocked', async () => {
    await lockOut((app) => logIn(app, WRONG));
    const other = await here.createUser();
    const agent = await here.agent(await here.createUser({ roles: ['user', 'admin'] }));
    expect((await agent.patch(`/admin/users/${other.id}`).send({ disabled: false })).status).toBe(200);
    for (const app of [here, there]) expect((await logIn(app)).status).toBe(429);
  });
});
