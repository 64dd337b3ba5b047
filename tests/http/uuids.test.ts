import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestSession, TestUser } from '../../src/testing.js';
import { OPERATOR } from '../../src/lib/actor.js';
import { readUuid } from '../../src/lib/uuid.js';
import { expectInvalidToken, expectProblem } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

// UUIDs are compared without case (RFC 9562 §4).
describe('An id in capitals', () => {
  let auth: TestApp;
  let user: TestUser;
  let own: TestSession;
  let admin: string;
  beforeAll(async () => {
    auth = await createTestApp();
    user = await auth.createUser();
    own = await auth.session(user);
    admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
  });
  afterAll(() => auth.close());

  it('ends a session by DELETE /users/me/sessions/{id}', async () => {
    const other = await auth.session(user);
    const path = `/users/me/sessions/${other.id.toUpperCase()}`;
    const response = await auth.http().delete(path).set('Authorization', `Bearer ${own.accessToken}`);
    expect(response.status).toBe(204);
    expectInvalidToken(await auth.http().get('/users/me').set('Authorization', `Bearer ${other.accessToken}`));
  });

  it('revokes a service key by DELETE /admin/service-keys/{id}', async () => {
    const { id } = await auth.services.serviceKeys.create({ name: 'shop', scopes: ['introspect'] });
    const response = await auth.http().delete(`/admin/service-keys/${id.toUpperCase()}`).set('Authorization', `Bearer ${admin}`);
    expect(response.status).toBe(204);
  });

  it('ends a session and revokes a service key for an operator', async () => {
    const [session, key] = [await auth.session(user), await auth.services.serviceKeys.create({ name: 'blog', scopes: ['introspect'] })];
    await auth.services.sessions.endById(session.id.toUpperCase(), { reason: 'operator', by: OPERATOR });
    await auth.services.serviceKeys.revoke(key.id.toUpperCase());
    expectInvalidToken(await auth.http().get('/users/me').set('Authorization', `Bearer ${session.accessToken}`));
    await expect(auth.services.serviceKeys.authenticate(key.key)).rejects.toMatchObject({ code: 'invalid_token' });
  });

  it('is not accepted inside a token, which is exact', async () => {
    const refresh_token = own.refreshToken.replace(own.id, own.id.toUpperCase());
    expectProblem(await auth.http().post('/token').send({ grant_type: 'refresh_token', refresh_token }), 400, 'invalid_grant', {
      oauth: 'invalid_grant',
    });
  });
});

describe('readUuid', () => {
  const uuid = '0d9f5c0e-6d0f-4d0e-9b0a-2f6f4f1c7a11';
  it('returns a UUID in lower case, whichever case it has', () => {
    expect([readUuid(uuid), readUuid(uuid.toUpperCase())]).toEqual([uuid, uuid]);
  });
  it.each([
    '',
    'x',
    uuid.slice(1),
    `${uuid}0`,
    ` ${uuid}`,
    `${uuid}\n`,
    uuid.replaceAll('-', ''),
    `{${uuid}}`,
    uuid.replace('0', 'g'),
    uuid.replace('c', 'ſ'),
  ])('returns undefined for %j', (text) => {
    expect(readUuid(text)).toBeUndefined();
  });
});
