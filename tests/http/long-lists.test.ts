import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createTestApp, type TestApp } from '../support/test-app.js';

describe('PATCH /admin/users/{id}', () => {
  let auth: TestApp;
  let admin: string;
  let id: number;
  beforeAll(async () => {
    auth = await createTestApp();
    ({ id } = await auth.createUser());
    admin = await auth.token(await auth.createUser({ roles: ['user', 'admin'] }));
  });
  afterAll(() => auth.close());

  /** How often an object was looked into for a list of so many roles that are objects. */
  const looksAt = async (count: number): Promise<number> => {
    const roles = Array.from({ length: count }, (_, number) => ({ a: number }));
    const looks = jest.spyOn(Object, 'getPrototypeOf');
    const response = await auth.http().patch(`/admin/users/${id}`).set('Authorization', `Bearer ${admin}`).send({ roles });
    const { length } = looks.mock.calls;
    looks.mockRestore();
    expect(response.status).toBe(422);
    return length;
  };

  it('does not look into the members of a list of roles to find one that is there twice', async () => {
    const once = await looksAt(1000);
    expect(await looksAt(2000)).toBe(once);
  });

  it.each([[['user', 'user']], [Array.from({ length: 101 }, (_, number) => String(number))], [[1]]])(
    'returns 422 for a list with a role twice, too many roles, or none that is text',
    async (roles) => {
      const response = await auth.http().patch(`/admin/users/${id}`).set('Authorization', `Bearer ${admin}`).send({ roles });
      expect(response).toMatchObject({ status: 422, body: { code: 'validation_failed' } });
    },
  );
});
