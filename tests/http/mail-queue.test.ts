import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

/** Mails that may wait in these tests; security notices up to twice as many. */
const LIMIT = 4;
const NEW_PASSWORD = 'another password of mine';

let auth: TestApp;
let ada: TestUser;
let token: string;
let recoveryCode: string;

/** Logs ada in from a device that she has not used before. */
const logIn = (device: number, password: string) =>
  auth
    .http()
    .post('/token')
    .set({ 'User-Agent': `device ${device}`, 'X-Forwarded-For': `192.0.2.${device}` })
    .send({ username: 'ada', password });
const events = async (type: string) => (await auth.services.audit.list({ type }, { limit: 10 })).items;
const waiting = async (purpose: string) => (await auth.mails()).filter((mail) => mail.purpose === purpose).length;
const asAda = (method: 'put' | 'patch' | 'post' | 'delete', path: string, body: object) =>
  auth.http()[method](path).set('Authorization', `Bearer ${token}`).send(body);

/** Starts a service with ada, who has a verified address, and with as many requested mails waiting as may. */
beforeEach(async () => {
  auth = await createTestApp({ MAIL_QUEUE_LIMIT: LIMIT, TRUST_PROXY: '1' });
  ada = await auth.createUser({ username: 'ada', email: 'ada@example.com', emailVerified: true });
  token = await auth.token(ada);
  recoveryCode = text((await asAda('post', '/users/me/recovery-codes', { current_password: ada.password })).body, 'codes', '0');
  while ((await auth.mails()).length < LIMIT) await auth.createUser({ email: `full-${(await auth.mails()).length}@example.com` });
  expectProblem(await auth.http().post('/password/forgot').send({ identifier: 'ada' }), 503, 'overloaded');
});
afterEach(() => auth.close());

const fillReserve = async (): Promise<void> => {
  for (let device = 1; device <= LIMIT; device += 1) await logIn(device, ada.password);
  expect(await waiting('new_device')).toBe(LIMIT);
};

describe('POST /token with a full mail queue', () => {
  it('returns 200 for the right password from a new device, 401 for a wrong one, and records each', async () => {
    expect((await logIn(1, ada.password)).status).toBe(200);
    expectProblem(await logIn(2, 'wrong'), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    expect(await events('log_in.succeeded')).toMatchObject([{ details: { amr: ['pwd'] } }, {}]);
    expect(await events('log_in.failed')).toMatchObject([{ userId: ada.id, details: { reason: 'invalid_credentials' } }]);
    expect(await waiting('new_device')).toBe(1);
  });

  it('does the same where there is no room for security notices either, and records that the notice is missing', async () => {
    await fillReserve();
    expect((await logIn(9, ada.password)).status).toBe(200);
    expectProblem(await logIn(10, 'wrong'), 401, 'invalid_credentials', { oauth: 'invalid_grant' });
    const [last] = await events('log_in.succeeded');
    expect(last).toMatchObject({ userId: ada.id, details: { amr: ['pwd'], notice: 'not_queued' } });
    expect(await events('log_in.failed')).toHaveLength(1);
    expect(await waiting('new_device')).toBe(LIMIT);
    expect(auth.log.some((line) => line.includes('a security notice was not queued'))).toBe(true);
  });
});

describe('a security action with a full mail queue', () => {
  const actions: [string, string, () => Promise<{ status: number }>, number][] = [
    [
      'PUT /users/me/password',
      'password_changed',
      async () => asAda('put', '/users/me/password', { current_password: ada.password, new_password: NEW_PASSWORD }),
      204,
    ],
    [
      'POST /password/reset',
      'password_changed',
      async () => auth.http().post('/password/reset').send({ username: 'ada', recovery_code: recoveryCode, new_password: NEW_PASSWORD }),
      204,
    ],
    [
      'POST /users/me/recovery-codes',
      'recovery_codes_created',
      async () => asAda('post', '/users/me/recovery-codes', { current_password: ada.password }),
      201,
    ],
    [
      'PATCH /users/me with another username',
      'username_changed',
      async () => asAda('patch', '/users/me', { username: 'lovelace', current_password: ada.password }),
      200,
    ],
    [
      'PATCH /users/me without an e-mail address',
      'email_changed',
      async () => asAda('patch', '/users/me', { email: null, current_password: ada.password }),
      200,
    ],
    ['DELETE /users/me', 'account_deleted', async () => asAda('delete', '/users/me', { current_password: ada.password }), 204],
  ];

  it.each(actions)('is done and notified by %s', async (_action, purpose, act, status) => {
    const before = await waiting(purpose);
    expect((await act()).status).toBe(status);
    expect(await waiting(purpose)).toBe(before + 1);
  });

  it.each(actions)('is done by %s without a notice where there is no room for that', async (_action, purpose, act, status) => {
    await fillReserve();
    const before = await waiting(purpose);
    expect((await act()).status).toBe(status);
    expect(await waiting(purpose)).toBe(before);
  });
});

describe('a request for a mail with a full mail queue', () => {
  it.each(['full-1@example.com', 'ada@example.com', 'free@example.com'])('is 503 for POST /register with %s', async (email) => {
    expectProblem(await auth.http().post('/register').send({ username: 'late', password: NEW_PASSWORD, email }), 503, 'overloaded');
  });

  it.each(['ada', 'ada@example.com', 'nobody'])('is 503 for POST /password/forgot with %s', async (identifier) => {
    expectProblem(await auth.http().post('/password/forgot').send({ identifier }), 503, 'overloaded');
  });
});
