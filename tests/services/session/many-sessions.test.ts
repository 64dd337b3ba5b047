import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createModels, type Models } from '../../../src/models/index.js';
import type { TestSession, TestUser } from '../../../src/testing.js';
import { expectInvalidToken } from '../../support/answers.js';
import { createStoredApp, type StoredApp } from '../../support/stored-app.js';
import { OPERATOR } from '../../../src/lib/actor.js';

/** More than one statement changes. */
const MANY = 2500;

let auth: StoredApp;
let models: Models;
let user: TestUser;
let own: TestSession;
beforeEach(async () => {
  auth = await createStoredApp({ SESSIONS_PER_USER: 0 });
  const { sequelize } = auth.users;
  if (sequelize === undefined) throw new TypeError('a model has its database');
  models = createModels(sequelize);
  user = await auth.createUser();
  own = await auth.session(user);
  const row = (await models.Session.findByPk(own.id, { rejectOnEmpty: true })).get({ plain: true });
  await models.Session.bulkCreate(Array.from({ length: MANY }, () => ({ ...row, id: randomUUID() })));
});
afterEach(() => auth.close());

const liveSessions = (): Promise<number> => models.Session.count({ where: { user_id: user.id, ended_at: null } });

test('a user with very many sessions can end them all at once, each with its revocation, and nobody else’s', async () => {
  const other = await auth.session(await auth.createUser());
  expect(await auth.services.sessions.endAllNow(user.id, { reason: 'operator', by: OPERATOR })).toBe(MANY + 1);
  expect(await liveSessions()).toBe(0);
  const revoked = await models.Revocation.findAll({ attributes: ['session_id'], raw: true });
  expect(new Set(revoked.map(({ session_id }) => session_id)).size).toBe(MANY + 1);
  expectInvalidToken(await auth.http().get(`/verify-token/${own.accessToken}`));
  expect((await auth.http().get(`/verify-token/${other.accessToken}`)).status).toBe(200);
});

test('an ending that was cut off keeps what it has done, and goes on from there', async () => {
  const live = await liveSessions();
  let left = 3;
  const record = jest.spyOn(auth.services.audit, 'record').mockImplementation(() => {
    left -= 1;
    if (left === 0) throw new Error('cut off');
  });
  const end = () => auth.services.sessions.endAllNow(user.id, { reason: 'operator', by: OPERATOR });
  await expect(end()).rejects.toThrow('cut off');
  record.mockRestore();
  const rest = await liveSessions();
  expect(rest).toBeLessThan(live);
  expect(rest).toBeGreaterThan(0);
  expect(await models.Revocation.count()).toBe(live - rest);
  expect(await end()).toBe(rest);
});

test('a change of their roles reaches every one of them, and ends none', async () => {
  await auth.services.admin.change(user.id, { roles: ['user', 'admin'] }, OPERATOR);
  expect(await liveSessions()).toBe(MANY + 1);
  expect(await models.Session.count({ where: { refused_through: 1, version: 2 } })).toBe(MANY + 1);
  expect(await models.Revocation.count({ where: { through: 1 } })).toBe(MANY + 1);
  expectInvalidToken(await auth.http().get(`/verify-token/${own.accessToken}`));
});
