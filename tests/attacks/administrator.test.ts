import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Test } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, member, text } from '../support/answers.js';
import { mailedToken, purposesTo } from '../support/mailed.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// An administrator tries to act as a user, so that the record names the user: by an address of the administrator's own, which
// is verified, receives a reset and is put back. No path may lead from an administrator's rights to a session, a password or a
// verified address that the record attributes to the user.

const OWN = 'administrator@example.com';
const NEW = 'a password of the administrator';

let auth: TestApp;
let admin: TestUser;
let adminToken: string;
let count = 0;
beforeAll(async () => {
  auth = await createTestApp();
  admin = await auth.createUser({ username: 'mallory', roles: ['user', 'admin'] });
  adminToken = await auth.token(admin);
});
afterAll(() => auth.close());

const call = (method: 'patch' | 'post', path: string, body: object = {}): Test =>
  auth.http()[method](`/admin/users${path}`).set('Authorization', `Bearer ${adminToken}`).send(body);
const post = (path: string, body: object, token?: string): Test => {
  const request = auth.http().post(path).send(body);
  return token === undefined ? request : request.set('Authorization', `Bearer ${token}`);
};
const importRecord = (record: object): Test =>
  auth
    .http()
    .post('/admin/users/import')
    .set('Authorization', `Bearer ${adminToken}`)
    .set('Content-Type', 'application/x-ndjson')
    .send(`${JSON.stringify(record)}\n`)
    .expect(200);
const newAddress = (): string => `administrator-${(count += 1)}@example.com`;
const tokenIn = (link: string): string => new URL(link).hash.replace('#token=', '');
/** Who did what to a user's credentials, as the record has it. */
const actors = async (user: TestUser, type: string): Promise<unknown[]> =>
  (await auth.services.audit.list({ user: user.id, type }, { limit: 100 })).items.map(({ actor }) => actor);
const byAdmin = () => ({ kind: 'user', id: String(admin.id) });

describe('an address that an administrator sets', () => {
  it.each(['a verified address', 'an unverified address', 'no address'])(
    'is verified by nobody but the signed-in user, where the account had %s',
    async (had) => {
      const before = newAddress();
      const user = await auth.createUser(had === 'no address' ? {} : { email: before, emailVerified: had === 'a verified address' });
      const session = await auth.session(user);
      const own = newAddress();
      await call('patch', `/${user.id}`, { email: own }).expect(200);
      const token = await mailedToken(auth, own, 'email_verification');
      for (const bearer of [undefined, adminToken]) {
        const refused = await post('/email/verify', { token }, bearer);
        expectProblem(refused, 401, 'authentication_required');
      }
      // Nothing goes there, and nobody logs in by it.
      for (const identifier of [own, user.username]) await post('/password/forgot', { identifier }).expect(202);
      expect(await purposesTo(auth, own)).toEqual(['email_verification']);
      expect((await post('/token', { username: own, password: user.password })).status).toBe(401);
      expect(await actors(user, 'account.email_changed')).toContainEqual(byAdmin());
      expect(await actors(user, 'password.reset')).toEqual([]);
      // The verified address stays in force and was notified.
      if (had === 'a verified address') expect((await purposesTo(auth, before)).slice(0, 2)).toEqual(['password_reset', 'email_pending']);

      await post('/email/verify', { token }, session.accessToken).expect(204);
      await post('/password/forgot', { identifier: own }).expect(202);
      expect((await purposesTo(auth, own))[0]).toBe('password_reset');
    },
  );

  it('is verified by the refresh cookie of the user, from an allowed Origin', async () => {
    const user = await auth.createUser();
    const agent = await auth.agent();
    await agent.post('/token').send({ username: user.username, password: user.password, refresh_transport: 'cookie' }).expect(200);
    const own = newAddress();
    await call('patch', `/${user.id}`, { email: own }).expect(200);
    const token = await mailedToken(auth, own, 'email_verification');
    const foreign = await agent.post('/email/verify').set('Origin', 'https://evil.example').send({ token });
    expectProblem(foreign, 400, 'malformed_request');
    expect((await agent.post('/email/verify').send({ token })).status).toBe(204);
  });

  it('stays so when it is given in a new account with a password hash', async () => {
    const own = newAddress();
    const hash = '$2b$04$abcdefghijklmnopqrstuuAyCyaQdu7eT1zAZBOyDXMg/nOnC7Xdu';
    const made = await call('post', '', { username: `hashed-${count}`, email: own, password_hash: hash }).expect(201);
    const refused = await post('/email/verify', { token: await mailedToken(auth, own, 'email_verification') });
    expectProblem(refused, 401, 'authentication_required');
    const { items } = await auth.services.audit.list({ user: Number(member(made.body, 'id')), type: 'account.created' }, { limit: 1 });
    expect(items).toMatchObject([{ actor: byAdmin(), details: { password_hash: true } }]);
  });

  it('stays so when it is imported as unverified, also over HTTP', async () => {
    const own = newAddress();
    await importRecord({ username: `imported-${count}`, email: own });
    await post('/password/forgot', { identifier: own }).expect(202);
    expect(await purposesTo(auth, own)).toEqual([]);
  });

  it('is not put in the place of one of a user by an import', async () => {
    const email = newAddress();
    const user = await auth.createUser({ email, emailVerified: true });
    await importRecord({ username: user.username, email: OWN, email_verified: true });
    expect(await auth.services.users.get(user.id)).toMatchObject({ email, verified_email_fold: email });
    expect(await purposesTo(auth, OWN)).toEqual([]);
  });

  it('receives no invitation of an account that has a password', async () => {
    const user = await auth.createUser();
    const own = newAddress();
    await call('patch', `/${user.id}`, { email: own }).expect(200);
    await call('post', `/${user.id}/password-reset`).expect(200);
    expect(await purposesTo(auth, own)).toEqual(['email_verification']);
  });
});

describe('a link that an administrator hands over', () => {
  it('sets a password in the name of the administrator, who is in the record of the user', async () => {
    const user = await auth.createUser({ email: newAddress() });
    const started = await call('post', `/${user.id}/password-reset`).expect(200);
    const body = { token: tokenIn(text(started.body, 'link')), new_password: NEW };
    await post('/password/reset', body).expect(204);
    expect(await actors(user, 'password.reset')).toEqual([byAdmin()]);
    expect(await actors(user, 'password.reset_requested')).toEqual([byAdmin()]);
    expectProblem(await post('/password/reset', body), 400, 'token_invalid_or_expired');
  });

  it('is worthless once the user has a verified address', async () => {
    const email = newAddress();
    const user = await auth.createUser({ email });
    const started = await call('post', `/${user.id}/password-reset`).expect(200);
    await post('/email/verify', { token: await mailedToken(auth, email, 'email_verification') }).expect(204);
    const body = { token: tokenIn(text(started.body, 'link')), new_password: NEW };
    expectProblem(await post('/password/reset', body), 400, 'token_invalid_or_expired');
    await call('post', `/${user.id}/password-reset`).expect(202);
  });

  it('is recorded as the administrator’s where it is an invitation', async () => {
    const made = await call('post', '', { username: `offline-${(count += 1)}` }).expect(201);
    const id = Number(member(made.body, 'id'));
    const body = { token: tokenIn(text(made.body, 'invitation', 'link')), new_password: NEW };
    await post('/password/reset', body).expect(204);
    const { items } = await auth.services.audit.list({ user: id, type: 'password.reset' }, { limit: 10 });
    expect(items.map(({ actor }) => actor)).toEqual([byAdmin()]);
  });

  it('leaves nothing that opens after the verified address was removed, but what the record attributes to the administrator', async () => {
    const user = await auth.createUser({ email: newAddress(), emailVerified: true });
    await call('patch', `/${user.id}`, { email: null }).expect(200);
    const started = await call('post', `/${user.id}/password-reset`).expect(200);
    await post('/password/reset', { token: tokenIn(text(started.body, 'link')), new_password: NEW }).expect(204);
    expect((await actors(user, 'password.reset')).concat(await actors(user, 'account.email_changed'))).toEqual([byAdmin(), byAdmin()]);
  });
});
