import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, member } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const MINUTE = 60;
const NEW = 'another passphrase altogether';

let auth: TestApp;
let count = 0;
beforeAll(async () => {
  auth = await createTestApp();
});
afterAll(() => auth.close());

const call = (method: 'get' | 'post' | 'delete', token: string, body?: object) =>
  auth.http()[method]('/users/me/recovery-codes').set('Authorization', `Bearer ${token}`).send(body);
const codesIn = (body: unknown): string[] => {
  const codes = member(body, 'codes');
  return Array.isArray(codes) ? codes.map(String) : [];
};
const verified = async () => {
  const email = `codes-${(count += 1)}@example.com`;
  return { ...(await auth.createUser({ email, emailVerified: true })), email };
};
const eventsOf = async (id: number, type: string) => (await auth.services.audit.list({ user: id, type }, { limit: 100 })).items;
const reset = (body: object) => auth.http().post('/password/reset').send(body);

describe('GET /users/me/recovery-codes', () => {
  it('returns how many codes remain and when they were made', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    const none = await call('get', token);
    expect([none.status, none.body]).toEqual([200, { remaining: 0, created_at: null }]);
    await call('post', token).expect(201);
    const made = await call('get', token);
    expect([made.status, made.body]).toEqual([200, { remaining: 10, created_at: new Date(auth.clock.now()).toISOString() }]);
  });
});

describe('POST /users/me/recovery-codes', () => {
  it('needs the current password once the log-in is five minutes old', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    expect(codesIn((await call('post', token).expect(201)).body)).toHaveLength(10);
    auth.clock.advance(5 * MINUTE);
    expect(member((await call('post', token)).body, 'code')).toBe('reauthentication_required');
    expectProblem(await call('post', token, { current_password: 'wrong' }), 403, 'current_password_invalid');
    expect(codesIn((await call('post', token, { current_password: user.password }).expect(201)).body)).toHaveLength(10);
  });
});

describe('DELETE /users/me/recovery-codes', () => {
  it('deletes them, notifies the user and records it; without any it is 204 and nothing more', async () => {
    const user = await verified();
    const token = await auth.token(user);
    const [code] = codesIn((await call('post', token)).body);
    await call('delete', token).expect(204);
    expect(member((await call('get', token)).body, 'remaining')).toBe(0);
    expectProblem(await reset({ username: user.username, recovery_code: code, new_password: NEW }), 400, 'token_invalid_or_expired');
    await call('delete', token).expect(204);
    expect((await purposesTo(auth, user.email)).filter((purpose) => purpose === 'recovery_codes_deleted')).toHaveLength(1);
    expect(await eventsOf(user.id, 'recovery_codes.deleted')).toMatchObject([{ details: { codes: 10 } }]);
  });

  it('needs the current password once the log-in is five minutes old', async () => {
    const user = await auth.createUser();
    const token = await auth.token(user);
    await call('post', token).expect(201);
    auth.clock.advance(5 * MINUTE);
    expect(member((await call('delete', token)).body, 'code')).toBe('reauthentication_required');
    expectProblem(await call('delete', token, { current_password: 'wrong' }), 403, 'current_password_invalid');
    await call('delete', token, { current_password: user.password }).expect(204);
  });
});

describe('recovery codes of an account without a factor', () => {
  const WAYS = ['a password change', 'a reset by mail', 'a reset by a recovery code', 'a reset that an administrator handed over'] as const;

  it.each(WAYS)('are revoked by %s, which is recorded and in the notice', async (way) => {
    const user = way === WAYS[3] ? { ...(await auth.createUser()), email: '' } : await verified();
    const token = await auth.token(user);
    const [used, kept] = codesIn((await call('post', token)).body);
    if (way === 'a password change') {
      const body = { current_password: user.password, new_password: NEW };
      await auth.http().put('/users/me/password').set('Authorization', `Bearer ${token}`).send(body).expect(204);
    } else if (way === 'a reset by mail') {
      await auth.http().post('/password/forgot').send({ identifier: user.email }).expect(202);
      await reset({ token: await mailedToken(auth, user.email, 'password_reset'), new_password: NEW }).expect(204);
    } else if (way === 'a reset by a recovery code') {
      await reset({ username: user.username, recovery_code: used, new_password: NEW }).expect(204);
    } else {
      const handed = await auth.services.admin.startReset(user.id, {
        kind: 'operator',
        id: null,
        ip: null,
        userAgent: null,
        requestId: null,
      });
      await reset({ token: handed?.token, new_password: NEW }).expect(204);
    }
    expectProblem(await reset({ username: user.username, recovery_code: kept, new_password: NEW }), 400, 'token_invalid_or_expired');
    const revoked = way === 'a reset by a recovery code' ? 9 : 10;
    expect(await eventsOf(user.id, 'recovery_codes.revoked')).toMatchObject([{ details: { codes: revoked } }]);
    const notice = (await auth.mails(user.email)).find(({ purpose }) => purpose === 'password_changed');
    if (user.email !== '') expect(notice?.text).toContain(`no longer work: ${revoked}`);
    if (way === 'a reset by a recovery code') {
      expect(await eventsOf(user.id, 'recovery_codes.used')).toMatchObject([{ details: { remaining: 9 } }]);
    }
  });
});
