import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { createHttpServer } from '../../src/http-server.js';
import type { TestUser } from '../../src/testing.js';
import { expectProblem, member, text } from '../support/answers.js';
import { exchange, listen, postJson, type RawAnswer, stop } from '../support/raw-http.js';
import { callsOf, EVERYWHERE, expectRefused, type SessionCalls } from '../support/session-calls.js';
import { createTestApp, type TestApp } from '../support/test-app.js';

const APP = 'https://app.example.com';
const OWN = 'https://auth.example.com';
const NAME = '__Host-refresh_token';
const DAY = 24 * 3600;
const REFRESH = { grant_type: 'refresh_token' };

let auth: TestApp;
let calls: SessionCalls;
let user: TestUser;
let server: Server;
let port: number;
/** The refresh token of a session that travels in a cookie. */
let token: string;
beforeAll(async () => {
  auth = await createTestApp({ CORS_ORIGINS: `${APP},http://localhost:3000`, ISSUER: OWN });
  calls = await callsOf(auth);
  user = await auth.createUser();
  server = createHttpServer(auth.app);
  port = await listen(server);
});
afterAll(async () => {
  await stop(server);
  await auth.close();
});
beforeEach(async () => {
  token = (await auth.session(user)).refreshToken;
});

const credentials = (): object => ({ username: user.username, password: user.password, refresh_transport: 'cookie' });
const cookieOf = (value: string): { Cookie: string } => ({ Cookie: `${NAME}=${value}` });
const post = (path: string, body: object, headers: Record<string, string>) => auth.http().post(path).set(headers).send(body);
const refresh = (headers: Record<string, string>, body: object = REFRESH) => post('/token', body, headers);
const cookiesIn = (response: Response): string[] => {
  const cookies: unknown = response.headers['set-cookie'];
  return Array.isArray(cookies) ? cookies.map(String) : [];
};
/** Those that bear a refresh token: a log-in also sets one by which the device is known. */
const refreshCookiesIn = (response: Response): string[] => cookiesIn(response).filter((cookie) => !cookie.startsWith('__Host-device='));
/** The refresh token in the one cookie for it that was set. */
const tokenIn = (response: Response): string => {
  const [cookie = '', ...more] = refreshCookiesIn(response);
  expect(more).toEqual([]);
  const [, value] = /^__Host-refresh_token=([^;]*);/.exec(cookie) ?? [];
  if (value === undefined) throw new TypeError('the answer sets no refresh cookie');
  return value;
};
/** That the token is the newest of its session still: had it been rotated, its successor would be another. */
const expectNotRotated = async (): Promise<void> => {
  expect(token).toMatch(/\.1\./);
  expect((await calls.refreshed(token)).refreshToken).toMatch(/\.2\./);
};
const expectUnreadable = (response: Response): void => {
  expectProblem(response, 400, 'malformed_request', response.type === 'application/json' ? { oauth: 'invalid_request' } : {});
  expect(cookiesIn(response)).toEqual([]);
};

/** That the request counts as one without a refresh token, and that the response sets and clears no cookie. */
const expectNone = (response: Response): void => {
  expectProblem(response, 401, 'authentication_required', { oauth: 'authentication_required' });
  expect(cookiesIn(response)).toEqual([]);
};
/** That a refresh was refused with that code, and took the cookie away. */
const expectCleared = (response: Response, code: string): void => {
  expectProblem(response, 400, code, { oauth: 'invalid_grant' });
  expect(cookiesIn(response)).toEqual([`${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`]);
};

/** Pages that are none of ours, though they look it. */
const FOREIGN: [string, string][] = [
  ['null', 'null'],
  ['another site', 'https://evil.example'],
  ['a suffix', `${APP}.evil.example`],
  ['a prefix', 'https://evilapp.example.com'],
  ['a subdomain', 'https://sub.app.example.com'],
  ['the domain above', 'https://example.com'],
  ['another port', `${APP}:8443`],
  ['the usual port, spelled out', `${APP}:443`],
  ['another scheme', APP.replace('https', 'http')],
  ['capitals', APP.toUpperCase()],
  ['a slash behind', `${APP}/`],
  ['a path', `${APP}/page`],
  ['a dot behind', `${APP}.`],
  ['a user', APP.replace('//', '//user@')],
  ['our own address and its path', `${OWN}/base`],
  ['our own address with another scheme', OWN.replace('https', 'http')],
  ['two of ours', `${APP} ${OWN}`],
  ['both by a comma', `${APP}, ${OWN}`],
  ['nothing', ''],
  ['a star', '*'],
];
const OURS: [string, string][] = [
  ['a page of the CORS list', APP],
  ['another of the list', 'http://localhost:3000'],
  ['our own page', OWN],
];

describe('a log-in by cookie', () => {
  test('sets one cookie for it that no script, no other site and no other host can read, and has no refresh token in its body', async () => {
    const response = await post('/token', credentials(), { Origin: APP });
    expect(response.status).toBe(200);
    const value = tokenIn(response);
    expect(refreshCookiesIn(response)).toEqual([`${NAME}=${value}; Max-Age=${30 * DAY}; Path=/; HttpOnly; Secure; SameSite=Strict`]);
    expect(member(response.body, 'refresh_expires_in')).toBe(30 * DAY);
    expect(response.body).not.toHaveProperty('refresh_token');
    expect(response.text).not.toContain(value.split('.')[2]);
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'access-control-allow-credentials': 'true' });
    expect(await calls.whereTaken(text(response.body, 'access_token'))).toEqual(EVERYWHERE);
    await calls.refreshed(value);
  });

  test('sets a cookie that every browser keeps: name and value have not a tenth of the 4,096 bytes that one may', async () => {
    const [cookie = ''] = cookiesIn(await post('/token', credentials(), { Origin: APP }));
    expect(Buffer.byteLength(cookie.split(';')[0] ?? '')).toBeLessThan(410);
  });

  test.each([
    ['without an Origin, where no browser asks', {}],
    ...OURS.map(([what, origin]): [string, Record<string, string>] => [what, { Origin: origin }]),
  ])('works %s', async (_what, headers) => {
    expect((await calls.refreshed(tokenIn(await post('/token', credentials(), headers)))).refreshToken).toMatch(/\.2\./);
  });

  test.each(FOREIGN)('is refused a page that is %s (%s), in JSON and in a form, and opens no session', async (_what, Origin) => {
    const form = new URLSearchParams(Object.entries(credentials()).map(([name, value]): [string, string] => [name, String(value)]));
    const before = await auth.services.sessions.list(user.id, { limit: 100 });
    expectUnreadable(await post('/token', credentials(), { Origin }));
    expectUnreadable(await auth.http().post('/token').set({ Origin }).type('form').send(form.toString()));
    expect(await auth.services.sessions.list(user.id, { limit: 100 })).toEqual(before);
  });

  test.each(['COOKIE', 'cookies', 'header', ' cookie', 'cookie,body'])(
    'a refresh_transport of "%s" breaks a rule',
    async (refresh_transport) => {
      const response = await post('/token', { ...credentials(), refresh_transport }, { Origin: APP });
      expectProblem(response, 422, 'validation_failed', { oauth: 'invalid_request', errors: [['refresh_transport', 'not_allowed']] });
      expect(cookiesIn(response)).toEqual([]);
    },
  );

  test.each([{}, { refresh_transport: 'body' }, { refresh_transport: '' }])('without being asked for sets none: %j', async (transport) => {
    const { username, password } = user;
    const response = await post('/token', { username, password, ...transport }, { Origin: APP });
    expect(refreshCookiesIn(response)).toEqual([]);
    expect(text(response.body, 'refresh_token')).toMatch(/\.1\./);
  });

  test('ends the session whose cookie it takes the place of, and no other', async () => {
    const before = await post('/token', credentials(), { Origin: APP });
    const replaced = { accessToken: text(before.body, 'access_token'), refreshToken: tokenIn(before) };
    const after = await post('/token', credentials(), { Origin: APP, ...cookieOf(replaced.refreshToken) });
    expect(after.status).toBe(200);
    await calls.expectEnded(replaced);
    await calls.expectAlive({ accessToken: text(after.body, 'access_token'), refreshToken: tokenIn(after) });
    await calls.refreshed(token);
  });

  test('that fails, or gives its token in the body, ends nothing, whatever cookie is there', async () => {
    expect((await post('/token', { ...credentials(), password: 'wrong' }, { Origin: APP, ...cookieOf(token) })).status).toBe(401);
    expect((await post('/token', { ...credentials(), refresh_transport: 'body' }, { Origin: APP, ...cookieOf(token) })).status).toBe(200);
    expect((await post('/token', credentials(), { Origin: APP, ...cookieOf(`${token}x`) })).status).toBe(200);
    await expectNotRotated();
  });

  test('that fails sets none', async () => {
    const response = await post('/token', { ...credentials(), password: 'a wrong password' }, { Origin: APP });
    expect([response.status, cookiesIn(response)]).toEqual([401, []]);
  });
});

describe('a refresh by cookie', () => {
  test.each(OURS)('from %s gives a new cookie, and no refresh token in its body', async (_what, Origin) => {
    const response = await refresh({ Origin, ...cookieOf(token) });
    const next = tokenIn(response);
    expect(response.status).toBe(200);
    expect(response.body).not.toHaveProperty('refresh_token');
    expect(cookiesIn(response)[0]).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    expect(await calls.whereTaken(text(response.body, 'access_token'))).toEqual(EVERYWHERE);
    const again = await refresh({ Origin, ...cookieOf(token) });
    expect(tokenIn(again)).toBe(next);
  });

  test.each(FOREIGN)('from a page that is %s (%s) is refused, and nothing is rotated', async (_what, Origin) => {
    expectUnreadable(await refresh({ Origin, ...cookieOf(token) }));
    expectUnreadable(
      await auth
        .http()
        .post('/token')
        .set({ Origin, ...cookieOf(token) })
        .type('form')
        .send('grant_type=refresh_token'),
    );
    await expectNotRotated();
  });

  test('without an Origin is refused, whatever else names a page of ours', async () => {
    for (const headers of [
      {},
      { Referer: `${APP}/page` },
      { 'X-Forwarded-Host': 'app.example.com' },
      { 'Sec-Fetch-Site': 'same-origin' },
      { Host: 'auth.example.com' },
    ])
      expectUnreadable(await refresh({ ...headers, ...cookieOf(token) }));
    await expectNotRotated();
  });

  test('and a refresh token in the body is refused, and nothing is rotated', async () => {
    for (const refresh_token of [token, (await auth.session(user)).refreshToken, 'x'])
      expectUnreadable(await refresh({ Origin: APP, ...cookieOf(token) }, { ...REFRESH, refresh_token }));
    await expectNotRotated();
  });

  test('and an empty refresh token in the body is a refresh by cookie', async () => {
    expect(tokenIn(await refresh({ Origin: APP, ...cookieOf(token) }, { ...REFRESH, refresh_token: '' }))).toMatch(/\.2\./);
  });

  test('with a cookie that this service did not issue is 401, as without any, and leaves that cookie alone', async () => {
    const access = await auth.token(user);
    for (const value of ['x', `${token}x`, token.toUpperCase(), access, calls.serviceKey])
      for (const headers of [{ Origin: APP }, {}]) expectNone(await refresh({ ...headers, ...cookieOf(value) }));
    await expectNotRotated();
  });

  test('of a session that was revoked clears the cookie', async () => {
    await calls.revoke(token);
    expectCleared(await refresh({ Origin: APP, ...cookieOf(token) }), 'session_revoked');
  });

  const expectClearedAt = async (service: TestApp, refreshToken: string): Promise<void> => {
    const headers = { Origin: APP, ...cookieOf(refreshToken) };
    expectCleared(await service.http().post('/token').set(headers).send(REFRESH), 'invalid_grant');
  };

  test('of a session that has expired, or is unknown since the database was replaced, clears the cookie', async () => {
    const aged = await createTestApp({ CORS_ORIGINS: APP });
    try {
      const { refreshToken } = await aged.session(await aged.createUser());
      aged.clock.advance(31 * DAY);
      await expectClearedAt(aged, refreshToken);
    } finally {
      await aged.close();
    }
    const ROOT_KEY = randomBytes(48).toString('base64url');
    const [before, after] = await Promise.all([1, 2].map(() => createTestApp({ CORS_ORIGINS: APP, ROOT_KEY })));
    if (before === undefined || after === undefined) throw new TypeError('there are two');
    try {
      const { refreshToken } = await before.session(await before.createUser());
      await expectClearedAt(after, refreshToken);
    } finally {
      await Promise.all([before.close(), after.close()]);
    }
  });

  test('whose token was used before ends the session and clears the cookie', async () => {
    const next = tokenIn(await refresh({ Origin: APP, ...cookieOf(token) }));
    await refresh({ Origin: APP, ...cookieOf(next) });
    auth.clock.advance(31);
    expectCleared(await refresh({ Origin: APP, ...cookieOf(token) }), 'refresh_token_reused');
  });

  test('that has ended leaves the cookie where the dead token came in the body', async () => {
    await calls.revoke(token);
    expectRefused(await refresh({ Origin: APP }, { ...REFRESH, refresh_token: token }), 'session_revoked');
  });

  test('beside a refresh token in the body is none where this service did not issue the cookie', async () => {
    const response = await refresh({ Origin: APP, ...cookieOf('of-another-service') }, { ...REFRESH, refresh_token: token });
    expect([response.status, text(response.body, 'refresh_token')]).toEqual([200, expect.stringMatching(/\.2\./)]);
    expect(cookiesIn(response)).toEqual([]);
  });

  test('of another name, or without the prefix, is none', async () => {
    for (const name of [
      'refresh_token',
      '__host-refresh_token',
      '__Secure-refresh_token',
      '__Host-refresh-token',
      '__Host-refresh_token2',
      ' x__Host-refresh_token',
      '__Host-',
    ]) {
      const response = await refresh({ Origin: APP, Cookie: `${name}=${token}` });
      expectNone(response);
    }
    for (const value of ['', ' ', '\t']) expectNone(await refresh({ Origin: APP, ...cookieOf(value) }));
    await expectNotRotated();
  });

  test('beside others is found, with spaces and without', async () => {
    for (const Cookie of [`a=b; ${NAME}=${token}; c=d`, `a=b;${NAME}=${token};c`, `x; =; ${NAME} = ${token} ;`])
      expect(tokenIn(await refresh({ Origin: APP, Cookie }))).toMatch(/\.2\./);
  });

  test('in quotes, or with more than the token in it, is none', async () => {
    for (const value of [`"${token}"`, `${token}%00`, `${token}%20`, `%22${token}%22`, `${token},${token}`, `j:"${token}"`, `${token}%`])
      expectNone(await refresh({ Origin: APP, ...cookieOf(value) }));
    await expectNotRotated();
  });

  test('in percent-escapes is the same cookie, and needs its Origin as much', async () => {
    const escaped = token.replaceAll('.', '%2E').replaceAll('-', '%2d');
    expectUnreadable(await refresh(cookieOf(escaped)));
    expectUnreadable(await refresh({ Origin: 'https://evil.example', ...cookieOf(escaped) }));
    expect(tokenIn(await refresh({ Origin: APP, ...cookieOf(escaped) }))).toMatch(/\.2\./);
  });
});

describe('headers that no library would send', () => {
  const send = (...lines: string[]): Promise<RawAnswer> => exchange(port, postJson('/token', JSON.stringify(REFRESH), ...lines));

  test('of two cookies of the name the first counts, in one header or in two, and never both', async () => {
    const second = (await auth.session(user)).refreshToken;
    for (const lines of [[`Cookie: ${NAME}=${token}; ${NAME}=${second}`], [`Cookie: ${NAME}=${token}`, `Cookie: ${NAME}=${second}`]]) {
      const answer = await send(`Origin: ${APP}`, ...lines);
      expect(answer.status).toBe(200);
      expect(answer.headers['set-cookie']).toContain(`${NAME}=${token.split('.')[0] ?? ''}.2.`);
    }
    expect((await calls.refreshed(second)).refreshToken).toMatch(/\.2\./);
    const bad = await send(`Origin: ${APP}`, `Cookie: ${NAME}=x; ${NAME}=${token}`);
    expect([bad.status, bad.headers['set-cookie']]).toEqual([401, undefined]);
  });

  test('two Origins are none of ours', async () => {
    for (const lines of [
      [`Origin: ${APP}`, `Origin: ${APP}`],
      [`Origin: ${APP}`, 'Origin: https://evil.example'],
      ['Origin: https://evil.example', `Origin: ${APP}`],
    ]) {
      const answer = await send(...lines, `Cookie: ${NAME}=${token}`);
      expect([answer.status, answer.headers['set-cookie']]).toEqual([400, undefined]);
    }
    await expectNotRotated();
  });

  test('a cookie of a control character is no HTTP, and one outside ASCII is none', async () => {
    expect((await send(`Origin: ${APP}`, `Cookie: ${NAME}=${token}\0`)).status).toBe(400);
    expect((await send(`Origin: ${APP}`, `Cookie: ${NAME}=${token}\u00e9`)).status).toBe(401);
    await expectNotRotated();
  });
});
