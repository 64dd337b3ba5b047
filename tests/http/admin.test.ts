import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TestUser } from '../../src/testing.js';
import { entriesOf, expectProblem, member, text } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { callsOf, NOWHERE, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const HASH = '$2b$04$abcdefghijklmnopqrstuuAyCyaQdu7eT1zAZBOyDXMg/nOnC7Xdu';
const HOURS = 3600;

let auth: TestApp;
let calls: SessionCalls;
let admin: TestUser;
let adminToken: string;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
  admin = await auth.createUser({ username: 'admin-1', roles: ['user', 'admin'] });
  adminToken = await auth.token(admin);
});
afterAll(() => auth.close());

type Method = 'get' | 'post' | 'patch' | 'delete';
const call = (method: Method, path: string, body?: object, token = adminToken) =>
  auth.http()[method](`/admin/users${path}`).set('Authorization', `Bearer ${token}`).send(body);
const logIn = (username: string, password: string) => auth.http().post('/token').send({ username, password });
const namesIn = (body: unknown): string[] => {
  const data = member(body, 'data');
  return Array.isArray(data) ? data.map((user: unknown) => text(user, 'username')) : [];
};
/** What the newest events are, by type, and who caused them. */
const events = async (count: number): Promise<string[]> => {
  const answer = await auth.http().get(`/admin/audit-events?limit=${count}`).set('Authorization', `Bearer ${adminToken}`);
  const data = member(answer.body, 'data');
  return Array.isArray(data) ? data.map((event: unknown) => `${text(event, 'type')} by ${text(event, 'actor', 'kind')}`) : [];
};

describe('the list of users', () => {
  test('is paged through, and everybody comes once', async () => {
    const made = await auth.createUsers(7);
    const seen: string[] = [];
    for (let path = '?limit=3'; path !== '';) {
      const answer = await call('get', path);
      const body: unknown = answer.body;
      expect(answer.status).toBe(200);
      seen.push(...namesIn(body));
      const next = member(body, 'next_cursor');
      path = typeof next === 'string' ? `?limit=3&cursor=${next}` : '';
    }
    expect(new Set(seen).size).toBe(seen.length);
    for (const { username } of made) expect(seen).toContain(username);
    expectProblem(await call('get', '?cursor=nonsense'), 422, 'validation_failed', { errors: [['cursor', 'format']] });
  });

  test('is searched by what a name, address or shown name begins with, and %, _ and NUL are just letters', async () => {
    const { id } = await auth.createUser({ username: 'Zoë_Zebra', email: 'stripes@example.com' });
    await call('patch', `/${id}`, { display_name: 'Queen of Grass' }).expect(200);
    for (const q of ['zoë', 'ZOË_', 'stripes@', 'queen of'])
      expect(namesIn((await call('get', `?q=${encodeURIComponent(q)}`)).body)).toEqual(['Zoë_Zebra']);
    for (const q of ['%', '_', 'zo%', 'zoe', '\0', "' OR 1=1 --", '\ud800']) {
      const answer = await call('get', `?q=${encodeURIComponent(q.toWellFormed())}`);
      expect([answer.status, namesIn(answer.body)]).toEqual([200, []]);
    }
  });

  test('is narrowed by role and status', async () => {
    const [editor, disabled] = [await auth.createUser({ roles: ['user', 'editor'] }), await auth.createUser()];
    await call('patch', `/${disabled.id}`, { disabled: true }).expect(200);
    expect(namesIn((await call('get', '?role=editor')).body)).toEqual([editor.username]);
    expect(namesIn((await call('get', '?role=admin')).body)).toEqual(['admin-1']);
    expect(namesIn((await call('get', '?status=disabled')).body)).toEqual([disabled.username]);
    expect(namesIn((await call('get', '?status=active&limit=100')).body)).not.toContain(disabled.username);
    expectProblem(await call('get', '?status=odd'), 422, 'validation_failed', { errors: [['status', 'not_allowed']] });
  });
});

describe('a new account', () => {
  test('with a hash logs in at once', async () => {
    const made = await call('post', '', { username: 'hashed', password_hash: HASH, roles: ['user', 'editor'] });
    expect(made.status).toBe(201);
    expect(made.headers['location']).toBe(`/admin/users/${String(member(made.body, 'id'))}`);
    expect(made.body).toMatchObject({ username: 'hashed', roles: ['user', 'editor'], has_password: true, disabled: false });
    expect(made.body).not.toHaveProperty('invitation');
    expect(JSON.stringify(made.body)).not.toContain('$2b$');
    expect(await events(1)).toEqual(['account.created by user']);
  });

  test('without one is invited by mail, for three days, and the invitation shows that the address is its owner’s', async () => {
    const invited = { username: 'invited', email: 'invited@example.com' };
    const made = await call('post', '', invited);
    expect(made.body).toMatchObject({ ...invited, has_password: false, email_verified: false });
    expect(made.body).not.toHaveProperty('invitation');
    const token = await mailedToken(auth, invited.email, 'invitation');
    expect((await logIn(invited.username, '')).status).toBe(401);
    auth.clock.advance(71 * HOURS);
    const accepted = await auth.http().post('/password/reset').send({ token, new_password: 'my own passphrase' });
    expect(accepted.status).toBe(204);
    const grant = await logIn(invited.email, 'my own passphrase');
    expect(grant.status).toBe(200);
    expect((await call('get', `/${String(member(made.body, 'id'))}`, undefined, await auth.token(admin))).body).toMatchObject({
      email_verified: true,
      has_password: true,
    });
    expectProblem(
      await auth.http().post('/password/reset').send({ token, new_password: 'once more, please' }),
      400,
      'token_invalid_or_expired',
    );
    adminToken = await auth.token(admin);
  });

  test('without an address is invited by a token that the administrator hands over', async () => {
    const made = await call('post', '', { username: 'offline' });
    expect(made.status).toBe(201);
    const token = text(made.body, 'invitation', 'token');
    expect(text(made.body, 'invitation', 'link')).toMatch(new RegExp(`/accept-invitation#token=${token}$`));
    await auth.http().post('/password/reset').send({ token, new_password: 'my own passphrase' }).expect(204);
    expect((await logIn('offline', 'my own passphrase')).status).toBe(200);
  });

  test('an invitation that has run out, or went to another address, is worth nothing; it is sent once more', async () => {
    const body: unknown = (await call('post', '', { username: 'slow', email: 'slow@example.com' })).body;
    const id = String(member(body, 'id'));
    const late = await mailedToken(auth, 'slow@example.com', 'invitation');
    auth.clock.advance(72 * HOURS);
    adminToken = await auth.token(admin);
    const take = (token: string) => auth.http().post('/password/reset').send({ token, new_password: 'my own passphrase' });
    expectProblem(await take(late), 400, 'token_invalid_or_expired');
    await call('post', `/${id}/password-reset`).expect(202);
    const second = await mailedToken(auth, 'slow@example.com', 'invitation');
    await call('patch', `/${id}`, { email: 'other@example.com' }).expect(200);
    expectProblem(await take(second), 400, 'token_invalid_or_expired');
    await call('post', `/${id}/password-reset`).expect(202);
    expect((await take(await mailedToken(auth, 'other@example.com', 'invitation'))).status).toBe(204);
  });

  test.each([
    [{ username: 'ADMIN-1' }, 409, 'username_taken', undefined],
    [{ username: 'x' }, 422, 'validation_failed', ['username', 'too_short']],
    [{ username: 'with-password', password: 'a good passphrase' }, 422, 'validation_failed', ['password', 'unknown']],
    [{ username: 'odd-role', roles: ['owner'] }, 422, 'validation_failed', ['roles', 'not_allowed']],
    [{ username: 'odd-hash', password_hash: 'plaintext' }, 422, 'validation_failed', ['password_hash', 'format']],
    [{ username: 'dear-hash', password_hash: HASH.replace('$04$', '$31$') }, 422, 'validation_failed', ['password_hash', 'format']],
  ] as const)('%j is refused', async (body, status, code, fault) => {
    const before: unknown = (await call('get', '?limit=100')).body;
    expectProblem(await call('post', '', body), status, code, fault === undefined ? {} : { errors: [fault] });
    expect((await call('get', '?limit=100')).body).toEqual(before);
  });
});

describe('an account', () => {
  test('is shown to administrators without its secrets, and is not found where there is none', async () => {
    const user = await auth.createUser();
    const shown = entriesOf((await call('get', `/${user.id}`)).body).map(([name]) => name);
    expect(shown.sort()).toEqual(
      [
        'created_at',
        'disabled',
        'display_name',
        'email',
        'email_verified',
        'has_password',
        'id',
        'pending_email',
        'roles',
        'updated_at',
        'username',
      ].sort(),
    );
    for (const id of ['0', '-1', '1e0', '999999', '99999999999999999999', 'ada', '%00', '1%20']) {
      for (const method of ['get', 'delete'] as const)
        expectProblem(await call(method, `/${id}`), 404, 'not_found', { detail: 'There is no such user' });
      expectProblem(await call('patch', `/${id}`, { disabled: true }), 404, 'not_found', { detail: 'There is no such user' });
    }
  });

  test('is disabled from its next request on, and enabled again', async () => {
    const user = await auth.createUser();
    const session = await auth.session(user);
    expect((await call('patch', `/${user.id}`, { disabled: true })).body).toMatchObject({ disabled: true });
    await calls.expectEnded(session);
    expectProblem(await logIn(user.username, user.password), 403, 'account_disabled', { oauth: 'invalid_grant' });
    await call('patch', `/${user.id}`, { disabled: false }).expect(200);
    expect((await logIn(user.username, user.password)).status).toBe(200);
    expect(await events(7)).toEqual([
      'log_in.succeeded by user',
      'account.enabled by user',
      'log_in.failed by nobody',
      'token.rejected by nobody',
      'token.rejected by nobody',
      'account.disabled by user',
      'session.ended by user',
    ]);
  });

  test('is given other roles, whose scopes its next token has; the one of before is refused', async () => {
    const user = await auth.createUser();
    const session = await auth.session(user);
    expect((await call('patch', `/${user.id}`, { roles: ['editor', 'user'] })).body).toMatchObject({ roles: ['user', 'editor'] });
    expect(await calls.whereTaken(session.accessToken)).toEqual(NOWHERE);
    expect((await calls.refresh(session.refreshToken)).body).toMatchObject({ scope: 'user editor' });
    expectProblem(await call('patch', `/${user.id}`, { roles: ['owner'] }), 422, 'validation_failed', {
      errors: [['roles', 'not_allowed']],
    });
  });

  test('is given another name and address, and its owner is told without where the administrator sits', async () => {
    const user = await auth.createUser({ email: 'first@example.com', emailVerified: true });
    const session = await auth.session(user);
    const changed = await call('patch', `/${user.id}`, { username: `moved-${user.id}`, email: 'second@example.com' });
    const expected = {
      username: `moved-${user.id}`,
      email: 'first@example.com',
      email_verified: true,
      pending_email: 'second@example.com',
    };
    expect(changed.body).toMatchObject(expected);
    await calls.expectAlive(session);
    expect((await purposesTo(auth, 'first@example.com')).slice(0, 2).sort()).toEqual(['email_pending', 'username_changed']);
    for (const { text: written } of (await auth.mails('first@example.com')).slice(0, 2)) expect(written).not.toContain('127.0.0.1');
    expect(await purposesTo(auth, 'second@example.com')).toEqual(['email_verification']);
  });

  test('its sessions are listed and ended', async () => {
    const user = await auth.createUser();
    const session = await auth.session(user);
    expect((await call('get', `/${user.id}/sessions`)).body).toMatchObject({
      data: [{ id: session.id, current: false }],
      next_cursor: null,
    });
    await call('delete', `/${user.id}/sessions`).expect(204);
    await calls.expectEnded(session);
    expect((await events(5)).find((event) => event !== 'token.rejected by nobody')).toBe('session.ended by user');
    for (const path of ['/999999/sessions', '/ada/sessions'])
      expectProblem(await call('get', path), 404, 'not_found', { detail: 'There is no such user' });
  });

  test('is mailed a reset, which only its owner can use; without a verified address the link is handed over', async () => {
    const user = await auth.createUser({ email: 'reset@example.com', emailVerified: true });
    const started = await call('post', `/${user.id}/password-reset`);
    expect([started.status, started.text]).toEqual([202, '']);
    const token = await mailedToken(auth, 'reset@example.com', 'password_reset');
    expect((await auth.http().post('/password/reset').send({ token, new_password: 'my own passphrase' })).status).toBe(204);
    const plain = await auth.createUser({ email: 'unverified@example.com' });
    const handed = await call('post', `/${plain.id}/password-reset`);
    expect([handed.status, handed.body]).toEqual([200, { link: expect.any(String), expires_at: expect.any(String) }]);
    const link = new URL(text(handed.body, 'link'));
    expect(link.pathname).toBe('/reset-password');
    expect(await purposesTo(auth, 'unverified@example.com')).toEqual(['email_verification']);
    const body = { token: link.hash.replace('#token=', ''), new_password: 'my own passphrase' };
    await auth.http().post('/password/reset').send(body).expect(204);
    expectProblem(await auth.http().post('/password/reset').send(body), 400, 'token_invalid_or_expired');
    // The record names the administrator, and the user sees it.
    const recorded = (await auth.services.audit.list({ user: plain.id, type: 'password.reset' }, { limit: 10 })).items;
    expect(recorded.map(({ actor }) => actor)).toEqual([{ kind: 'user', id: String(admin.id) }]);
    const token2 = text((await logIn(plain.username, 'my own passphrase')).body, 'access_token');
    const activity = await auth.http().get('/users/me/activity').set('Authorization', `Bearer ${token2}`);
    const data = member(activity.body, 'data');
    expect(data).toEqual(expect.arrayContaining([expect.objectContaining({ type: 'password.reset', by: 'administrator', ip: null })]));
    await call('patch', `/${plain.id}`, { disabled: true }).expect(200);
    expectProblem(await call('post', `/${plain.id}/password-reset`), 409, 'conflict', { detail: 'The account is disabled' });
  });

  test('is deleted, with its sessions, and its name is free', async () => {
    const user = await auth.createUser({ email: 'gone@example.com', emailVerified: true });
    const session = await auth.session(user);
    await call('delete', `/${user.id}`).expect(204);
    await calls.expectEnded(session, 'invalid_grant');
    expectProblem(await call('get', `/${user.id}`), 404, 'not_found', { detail: 'There is no such user' });
    expect((await purposesTo(auth, 'gone@example.com'))[0]).toBe('account_deleted');
    expect((await auth.createUser({ username: user.username })).id).toBeGreaterThan(user.id);
  });
});

describe('the last administrator', () => {
  test('can’t be demoted, disabled or deleted, by anybody; one who has not taken their invitation is none yet', async () => {
    const own = await createTestApp();
    const only = await own.createUser({ roles: ['user', 'admin'] });
    const bearer = { Authorization: `Bearer ${await own.token(only)}` };
    const path = `/admin/users/${only.id}`;
    await own
      .http()
      .post('/admin/users')
      .set(bearer)
      .send({ username: 'second', roles: ['admin'] })
      .expect(201);
    const detail = 'The last administrator cannot be demoted, disabled or deleted';
    expectProblem(
      await own
        .http()
        .patch(path)
        .set(bearer)
        .send({ roles: ['user'] }),
      409,
      'last_administrator',
      { detail },
    );
    expectProblem(await own.http().patch(path).set(bearer).send({ disabled: true }), 409, 'last_administrator', { detail });
    expectProblem(await own.http().delete(path).set(bearer), 409, 'last_administrator', { detail });
    const own_password = { current_password: only.password };
    expectProblem(await own.http().delete('/users/me').set(bearer).send(own_password), 409, 'last_administrator', { detail });
    await own.createUser({ roles: ['user', 'admin'] });
    expect((await own.http().delete('/users/me').set(bearer).send(own_password)).status).toBe(204);
    await own.close();
  });

  test.each([1, 2, 3])('of two who demote each other at once one stays (%i)', async () => {
    const own = await createTestApp();
    const pair = [await own.createUser({ roles: ['admin'] }), await own.createUser({ roles: ['admin'] })];
    const tokens = await Promise.all(pair.map((one) => own.token(one)));
    const demotions = pair.map(({ id }, index) =>
      own
        .http()
        .patch(`/admin/users/${id}`)
        .set('Authorization', `Bearer ${tokens[1 - index] ?? ''}`)
        .send({ roles: ['user'] }),
    );
    const statuses = (await Promise.all(demotions)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect((await own.services.admin.list({ role: 'admin' }, { limit: 10 })).items).toHaveLength(1);
    await own.close();
  });
});
