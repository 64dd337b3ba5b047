import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { byUser, OPERATOR } from '../../src/lib/actor.js';
import type { TestUser } from '../../src/testing.js';
import { actorOf } from '../support/client.js';
import { expectProblem, member, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DAY_SECONDS = 24 * 60 * 60;

const dataOf = (body: unknown): unknown[] => {
  const data = member(body, 'data');
  return Array.isArray(data) ? data : [];
};
const typesOf = (body: unknown): string[] => dataOf(body).map((event) => text(event, 'type'));

describe('what has happened', () => {
  let auth: TestApp;
  let ada: TestUser;
  let admin: TestUser;
  let adaToken: string;
  let adminToken: string;
  let start: Date;
  beforeAll(async () => {
    auth = await createTestApp();
    start = new Date(auth.clock.now());
    ada = await auth.createUser({ username: 'ada' });
    admin = await auth.createUser({ username: 'admin', roles: ['user', 'admin'] });
    const logIn = (password: string) => auth.http().post('/token').set('User-Agent', 'Browser/1.0').send({ username: 'ada', password });
    auth.clock.advance(DAY_SECONDS);
    await logIn('not the password');
    auth.clock.advance(DAY_SECONDS);
    adaToken = text((await logIn(ada.password)).body, 'access_token');
    const session = await auth.session(admin);
    adminToken = session.accessToken;
    const actor = actorOf(admin.id, session.id, auth.clock.now());
    const by = byUser({ ...actor, ip: '203.0.113.99', userAgent: 'Admin/1.0', requestId: 'req-admin' });
    await auth.services.admin.change(ada.id, { display_name: 'Ada' }, by);
    await auth.services.admin.change(ada.id, { display_name: 'Ada L.' }, OPERATOR);
  });
  afterAll(() => auth.close());

  const get = (path: string, token: string) => auth.http().get(path).set('Authorization', `Bearer ${token}`);
  const events = (query: string) => get(`/admin/audit-events${query}`, adminToken);

  describe('to a user, as they see it', () => {
    test('is told with where it came from, newest first', async () => {
      const response = await get('/users/me/activity', adaToken);
      expect(response.status).toBe(200);
      expect(response.headers['cache-control']).toBe('no-store');
      const [byOperator, byAdmin, loggedIn, failed, registered, ...more] = dataOf(response.body);
      expect(more).toEqual([]);
      expect(byOperator).toMatchObject({ type: 'account.changed', by: 'administrator' });
      expect(byAdmin).toMatchObject({ type: 'account.changed', by: 'administrator', ip: null, user_agent: null });
      expect(loggedIn).toEqual({
        id: expect.stringMatching(ID),
        type: 'log_in.succeeded',
        created_at: new Date(start.getTime() + 2 * DAY_SECONDS * 1000).toISOString(),
        by: 'you',
        ip: '127.0.0.1',
        user_agent: 'Browser/1.0',
        session_id: expect.stringMatching(ID),
        details: { amr: ['pwd'] },
      });
      expect(failed).toMatchObject({ type: 'log_in.failed', by: 'nobody', ip: '127.0.0.1', user_agent: 'Browser/1.0', session_id: null });
      expect(failed).toMatchObject({ details: { reason: 'invalid_credentials' } });
      expect(registered).toMatchObject({ type: 'account.registered', created_at: start.toISOString() });
      expect(response.text).not.toContain('203.0.113.99');
      expect(response.text).not.toContain('"actor"');
    });

    test('comes in pieces, and is nobody else’s', async () => {
      const first = await get('/users/me/activity?limit=3', adaToken);
      const second = await get(`/users/me/activity?limit=3&cursor=${text(first.body, 'next_cursor')}`, adaToken);
      expect([...typesOf(first.body), ...typesOf(second.body)]).toEqual([
        'account.changed',
        'account.changed',
        'log_in.succeeded',
        'log_in.failed',
        'account.registered',
      ]);
      expect(member(second.body, 'next_cursor')).toBeNull();
      expectProblem(await get('/users/me/activity?cursor=x', adaToken), 422, 'validation_failed', { errors: [['cursor', 'format']] });
      expectProblem(await auth.http().get('/users/me/activity'), 401, 'authentication_required');
      expect(typesOf((await get('/users/me/activity', adminToken)).body)).not.toContain('log_in.failed');
    });
  });

  describe('to an administrator', () => {
    test('is told with who did it, whoever it is about', async () => {
      const response = await events(`?actor=${admin.id}&user=${ada.id}`);
      expect(response.status).toBe(200);
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.body).toEqual({
        data: [
          {
            seq: expect.any(Number),
            id: expect.stringMatching(ID),
            type: 'account.changed',
            created_at: new Date(auth.clock.now()).toISOString(),
            actor: { kind: 'user', id: String(admin.id) },
            user_id: ada.id,
            session_id: null,
            ip: '203.0.113.99',
            user_agent: 'Admin/1.0',
            request_id: 'req-admin',
            details: expect.any(Object),
          },
        ],
        next_cursor: null,
      });
    });

    test('is narrowed by kind, time and person, and comes in pieces', async () => {
      const day = (number: number): string => new Date(start.getTime() + number * DAY_SECONDS * 1000).toISOString();
      expect(typesOf((await events('?type=log_in.failed')).body)).toEqual(['log_in.failed']);
      expect(typesOf((await events(`?user=${ada.id}&since=${day(1)}&until=${day(2)}`)).body)).toEqual(['log_in.failed']);
      expect(typesOf((await events(`?user=${admin.id}&until=2001-01-01`)).body)).toEqual([]);
      const first = await events(`?user=${ada.id}&limit=4`);
      const second = await events(`?user=${ada.id}&limit=4&cursor=${text(first.body, 'next_cursor')}`);
      expect(typesOf(second.body)).toEqual(['account.registered']);
    });

    test.each([
      ['type=everything', 'type', 'not_allowed'],
      ['type=toString', 'type', 'not_allowed'],
      ['actor=ada', 'actor', 'format'],
      ['user=0', 'user', 'format'],
      ['user=1&user=2', 'user', 'type'],
      ['since=yesterday', 'since', 'format'],
      ['since=2026-11-25T10:00', 'since', 'format'],
      ['until=2026-13-01', 'until', 'format'],
      ['cursor=x', 'cursor', 'format'],
      ['limit=101', 'limit', 'format'],
    ])('is refused for %s', async (query, path, code) => {
      expectProblem(await events(`?${query}`), 422, 'validation_failed', { errors: [[path, code]] });
    });

    test('alone', async () => {
      expectProblem(await get('/admin/audit-events', adaToken), 403, 'insufficient_scope');
      expectProblem(await auth.http().get('/admin/audit-events'), 401, 'authentication_required');
    });
  });

  test('is one chain that is intact', async () => {
    expect(await auth.services.audit.verify()).toMatchObject({ intact: true, faults: [] });
  });
});
