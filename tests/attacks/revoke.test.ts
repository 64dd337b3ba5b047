import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import type { TestUser } from '../../src/testing.js';
import { expectProblem } from '../support/answers.js';
import { callsOf, EVERYWHERE, expectRefused, type SessionCalls, type Tokens } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

let auth: TestApp;
let calls: SessionCalls;
let user: TestUser;
let first: Tokens;
let newest: Tokens;
let other: Tokens;
beforeAll(async () => {
  auth = await createTestApp();
  calls = await callsOf(auth);
  user = await auth.createUser();
});
afterAll(() => auth.close());
beforeEach(async () => {
  [first, other] = [await auth.session(user), await auth.session(user)];
  newest = await calls.refreshed(first.refreshToken);
});

const send = (body: object) => auth.http().post('/revoke').send(body);
const sendForm = (body: Record<string, string>) => auth.http().post('/revoke').type('form').send(new URLSearchParams(body).toString());
/** The one answer of this address: nothing is said of the token. */
const expectDone = (response: Response): void => {
  expect([response.status, response.text]).toEqual([200, '']);
  expect(response.headers).toMatchObject({ 'cache-control': 'no-store' });
  expect(response.headers).not.toHaveProperty('set-cookie');
};

describe('whoever holds a token can end its session with', () => {
  const TOKENS: [string, () => string][] = [
    ['its refresh token', () => newest.refreshToken],
    ['its access token', () => newest.accessToken],
    ['an old refresh token', () => first.refreshToken],
    ['the access token of a log-in that was refreshed since', () => first.accessToken],
  ];
  const HINTS: [string, Record<string, string>][] = [
    ['no hint', {}],
    ['the hint access_token', { token_type_hint: 'access_token' }],
    ['the hint refresh_token', { token_type_hint: 'refresh_token' }],
    ['an unknown hint', { token_type_hint: 'saml2' }],
    ['an empty hint and a client', { token_type_hint: '', client_id: 'spa', client_secret: 'none' }],
  ];
  test.each(
    TOKENS.flatMap(([what, token]) =>
      HINTS.map(([hint, members]): [string, string, () => string, Record<string, string>] => [what, hint, token, members]),
    ),
  )('%s and %s', async (_what, _hint, token, members) => {
    expectDone(await (members['client_id'] === undefined ? send : sendForm)({ token: token(), ...members }));
    expect(await calls.isTaken('/verify-token', newest.accessToken)).toBe(false);
    expectRefused(await calls.refresh(newest.refreshToken), 'session_revoked');
    expect(await calls.isTaken('/verify-token', other.accessToken)).toBe(true);
  });

  test.each(TOKENS)('%s in a form, and once more, which is answered alike', async (_what, token) => {
    for (const _again of [1, 2, 3]) expectDone(await sendForm({ token: token() }));
    for (const tokens of [first, newest]) await calls.expectEnded(tokens);
    await calls.expectAlive(other);
  });

  const BEARERS: [string, () => Promise<string> | string][] = [
    ['the session’s own', () => newest.accessToken],
    ['one of another session of the same user', () => other.accessToken],
    ['one that is not valid', () => 'nonsense'],
    [
      'one of a session that has ended',
      async () => {
        const ended = await auth.session(user);
        await calls.revoke(ended.refreshToken);
        return ended.accessToken;
      },
    ],
    ['a refresh token for one', () => other.refreshToken],
  ];
  test.each(BEARERS)('it and a Bearer beside it: %s', async (_what, bearer) => {
    for (const token of [newest.refreshToken, newest.accessToken])
      expectDone(await send({ token }).set('Authorization', `Bearer ${await bearer()}`));
    await calls.expectEnded(newest);
    expect(await calls.whereTaken(other.accessToken)).toEqual(EVERYWHERE);
  });
});

describe('nothing ends, and 200 is the answer, for', () => {
  const STRANGERS: [string, () => Promise<string>][] = [
    ['another user’s Bearer', async () => auth.token(await auth.createUser())],
    ['a service key as Bearer', () => Promise.resolve(calls.serviceKey)],
  ];
  test.each(STRANGERS)('the victim’s tokens with %s', async (_what, bearer) => {
    const authorization = `Bearer ${await bearer()}`;
    for (const token of [newest.refreshToken, newest.accessToken, first.refreshToken, first.accessToken])
      for (const call of [send, sendForm]) expectDone(await call({ token }).set('Authorization', authorization));
    expect(await calls.whereTaken(first.accessToken)).toEqual(EVERYWHERE);
    await calls.expectAlive(newest);
  });

  const flipped = (token: string, at: number): string =>
    `${token.slice(0, at)}${token.charAt(at) === 'x' ? 'y' : 'x'}${token.slice(at + 1)}`;
  const GARBAGE: [string, () => string][] = [
    ['nothing', () => ''],
    ['a word', () => 'nonsense'],
    ['NUL', () => '\0'],
    ['90,000 characters', () => 'x'.repeat(90_000)],
    ['the id of a session', () => newest.refreshToken.split('.')[0] ?? ''],
    ['a refresh token without its HMAC', () => newest.refreshToken.split('.').slice(0, 2).join('.')],
    ['a refresh token with a space', () => `${newest.refreshToken} `],
    ['a refresh token of a forged HMAC', () => flipped(newest.refreshToken, newest.refreshToken.length - 5)],
    ['a refresh token of a forged counter', () => newest.refreshToken.replace(/\.\d+\./, '.3.')],
    ['an access token of a forged signature', () => flipped(newest.accessToken, newest.accessToken.length - 5)],
    ['an access token without its signature', () => newest.accessToken.split('.').slice(0, 2).join('.')],
    ['a service key', () => calls.serviceKey],
    ['the user’s name', () => user.username],
  ];
  test.each(GARBAGE)('%s for a token', async (_what, token) => {
    expectDone(await send({ token: token() }));
    expectDone(await sendForm({ token: token() }));
    await calls.expectAlive(newest);
  });

  test('an access token that has expired', async () => {
    auth.clock.advance(3600);
    expectDone(await send({ token: newest.accessToken }));
    await calls.expectAlive(await calls.refreshed(newest.refreshToken));
  });

  test('a service key that is revoked by its own token: only its operator can', async () => {
    expectDone(await send({ token: calls.serviceKey }).set('Authorization', `Bearer ${calls.serviceKey}`));
    expect(await calls.isTaken('/introspect', newest.accessToken)).toBe(true);
  });
});

describe('what can not be read ends nothing', () => {
  const invalid = { oauth: 'invalid_request' };

  test('a token in the header and an access_token in the body: 400', async () => {
    const body = { token: newest.refreshToken, access_token: newest.accessToken };
    for (const call of [send, sendForm]) {
      const response = await call(body).set('Authorization', `Bearer ${newest.accessToken}`);
      expectProblem(response, 400, 'malformed_request', invalid);
      expect(response.headers['www-authenticate']).toBe('Bearer error="invalid_request"');
    }
    await calls.expectAlive(newest);
  });

  test('no token, or one of another type: 422', async () => {
    for (const response of [await send({}), await sendForm({ tokens: newest.refreshToken })])
      expectProblem(response, 422, 'validation_failed', { ...invalid, errors: [['token', 'required']] });
    for (const token of [null, 5, true, [newest.refreshToken], { token: newest.refreshToken }])
      expectProblem(await send({ token }), 422, 'validation_failed', { ...invalid, errors: [['token', 'type']] });
    await calls.expectAlive(newest);
  });

  test('a token that is sent twice: 400', async () => {
    const twice = `token=${newest.refreshToken}&token=${newest.refreshToken}`;
    expectProblem(await auth.http().post('/revoke').type('form').send(twice), 400, 'malformed_request', invalid);
    await calls.expectAlive(newest);
  });

  test('a token in the query: 422', async () => {
    expectProblem(await auth.http().post(`/revoke?token=${newest.refreshToken}`).send({}), 422, 'validation_failed', {
      ...invalid,
      errors: [['token', 'required']],
    });
    await calls.expectAlive(newest);
  });
});
