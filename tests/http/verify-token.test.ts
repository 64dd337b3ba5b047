import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { expectInvalidToken, expectProblem, text } from '../support/answers.js';
import { createTestApp, type TestApp } from '../support/test-app.js';
import { membersOf } from '../support/tokens.js';

const VALID = { message: 'Token is valid' };
const LIFE_SECONDS = 1800;

describe('GET /verify-token', () => {
  let auth: TestApp;
  let token: string;
  beforeAll(async () => {
    auth = await createTestApp();
    token = await auth.token(await auth.createUser());
  });
  afterAll(() => auth.close());

  const FORMS: [string, (token: string) => ReturnType<ReturnType<TestApp['http']>['get']>][] = [
    ['in the path', (one) => auth.http().get(`/verify-token/${one}`)],
    ['in the header', (one) => auth.http().get('/verify-token').set('Authorization', `Bearer ${one}`)],
  ];

  describe.each(FORMS)('with the token %s', (_where, verify) => {
    test('a good token is answered with exactly that', async () => {
      const response = await verify(token);
      expect(response.status).toBe(200);
      expect(response.body).toEqual(VALID);
      expect(response.type).toBe('application/json');
      expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      expect(response.headers).not.toHaveProperty('www-authenticate');
    });

    test('anything else is refused with the one answer', async () => {
      expectInvalidToken(await verify('nonsense'));
    });

    test('a token is good until the second before it expires, and not from then on', async () => {
      const fresh = await auth.token(await auth.createUser());
      auth.clock.advance(LIFE_SECONDS - 1);
      expect((await verify(fresh)).status).toBe(200);
      auth.clock.advance(1);
      expectInvalidToken(await verify(fresh));
      auth.clock.advance(-LIFE_SECONDS);
    });
  });

  test('without credentials the challenge names no error', async () => {
    const response = await auth.http().get('/verify-token');
    expectProblem(response, 401, 'authentication_required');
    expect(response.headers['www-authenticate']).toBe('Bearer');
  });

  test('the empty path below it is nothing', async () => {
    expectProblem(await auth.http().get('/verify-token/'), 404, 'not_found');
  });
});

describe('how access tokens are signed is a setting', () => {
  const algorithms: ['HS256' | 'HS384' | 'HS512'][] = [['HS256'], ['HS384'], ['HS512']];
  test.each(algorithms)('%s', async (ALGORITHM) => {
    const auth = await createTestApp({ ALGORITHM });
    const token = await auth.token(await auth.createUser());
    expect(membersOf(token.split('.')[0] ?? '')).toMatchObject({ alg: ALGORITHM });
    expect((await auth.http().get(`/verify-token/${token}`)).body).toEqual(VALID);
    await auth.close();
  });

  test('life, issuer and audience', async () => {
    const auth = await createTestApp({ ACCESS_TOKEN_EXPIRE_MINUTES: 2, ISSUER: 'https://auth.example.com', AUDIENCE: 'api' });
    const { username, password } = await auth.createUser();
    const body: unknown = (await auth.http().post('/token').send({ username, password })).body;
    expect(body).toMatchObject({ expires_in: 120 });
    const claims = membersOf(text(body, 'access_token').split('.')[1] ?? '');
    expect(claims).toMatchObject({ iss: 'https://auth.example.com', aud: 'api' });
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(120);
    await auth.close();
  });

  test('a token of the key before still verifies, and new ones are of the new key', async () => {
    const [old, current] = [randomBytes(48).toString('base64url'), randomBytes(48).toString('base64url')];
    const before = await createTestApp({ SECRET_KEY: old });
    const after = await createTestApp({ SECRET_KEY: current, SECRET_KEY_PREVIOUS: old });
    const fromBefore = await before.token(await before.createUser());
    const fromAfter = await after.token(await after.createUser());
    expect((await after.http().get(`/verify-token/${fromBefore}`)).status).toBe(200);
    expect((await after.http().get(`/verify-token/${fromAfter}`)).status).toBe(200);
    expectInvalidToken(await before.http().get(`/verify-token/${fromAfter}`));
    await Promise.all([before.close(), after.close()]);
  });
});
