import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { movableClock } from '../../src/lib/clock.js';
import { createRevocationFeed } from '../../src/resource-server/revocation-feed.js';
import type { TestUser } from '../../src/testing.js';
import { text } from '../support/answers.js';
import { createLiveAuth, type LiveAuth } from '../support/live-auth.js';
import { listen, stop } from '../support/raw-http.js';
import {
  createResourceServer,
  expectRefusal,
  INVALID,
  INVALID_CHALLENGE,
  type ResourceServer,
  UNAVAILABLE,
} from '../support/resource-server.js';
import { OPERATOR } from '../../src/lib/actor.js';
import { CLIENT } from '../support/client.js';

/** More than a second: what was read before is too old then. */
const OVER_A_SECOND_MS = 1100;
const HOUR_MS = 60 * 60 * 1000;
/** NumericDate of a token. */
const ISSUED = Math.floor(Date.now() / 1000);

const closers: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

interface Place {
  readonly auth: LiveAuth;
  readonly server: ResourceServer;
  readonly user: TestUser;
}

/** A service, and a resource server that follows what it revokes. */
async function openPlace(settings: Readonly<Record<string, string>> = {}): Promise<Place> {
  const auth = await createLiveAuth(settings);
  closers.push(() => auth.close());
  const keys = settings['ALGORITHM'] === 'ES256' ? {} : { secretKey: auth.secretKey };
  const server = createResourceServer({ issuer: auth.issuer, serviceKey: await auth.serviceKey(), ...keys });
  return { auth, server, user: await auth.createUser() };
}

test('within a second a log-out, a revocation and a change of roles reach a resource server, and no other session', async () => {
  const { auth, server, user } = await openPlace({ ALGORITHM: 'ES256' });
  const other = await auth.newToken();
  const [ended, revoked, changed] = [await auth.session(user), await auth.session(user), await auth.session(user)];
  const tokens = [ended, revoked, changed].map(({ accessToken }) => accessToken);
  for (const token of [...tokens, other]) expect(await server.status(token)).toBe(200);
  await supertest(auth.issuer).post('/logout').set('Authorization', `Bearer ${ended.accessToken}`).expect(204);
  await supertest(auth.issuer).post('/revoke').send({ token: revoked.refreshToken }).expect(200);
  await auth.services.admin.change(user.id, { roles: ['user', 'admin'] }, OPERATOR);
  await sleep(OVER_A_SECOND_MS);
  for (const token of tokens) expectRefusal(await server.get(token), auth.issuer, INVALID, INVALID_CHALLENGE);
  expect(await server.status(other)).toBe(200);
  const refresh = { grant_type: 'refresh_token', refresh_token: changed.refreshToken };
  const renewed = text((await supertest(auth.issuer).post('/token').send(refresh).expect(200)).body, 'access_token');
  expect(await server.get(renewed)).toMatchObject({ status: 200, body: { scope: 'user admin' } });
});

test('what was revoked before the resource server started is refused from its first request on', async () => {
  const { auth, server, user } = await openPlace();
  const token = await auth.token(user);
  await auth.services.sessions.revoke(token, { kind: 'nobody' }, CLIENT);
  expect(await server.status(token)).toBe(401);
  expect(await server.status(await auth.token(user))).toBe(200);
});

test('while the service is away nobody is let through, and that heals by itself', async () => {
  const { auth, server, user } = await openPlace();
  const token = await auth.token(user);
  expect(await server.status(token)).toBe(200);
  await auth.goAway();
  await sleep(OVER_A_SECOND_MS);
  expectRefusal(await server.get(token), auth.issuer, UNAVAILABLE);
  expectRefusal(await server.get('nonsense'), auth.issuer, INVALID, INVALID_CHALLENGE);
  await auth.services.sessions.revoke(token, { kind: 'nobody' }, CLIENT);
  await auth.comeBack();
  expect(await server.status(token)).toBe(401);
  expect(await server.status(await auth.token(user))).toBe(200);
});

test('a key that may not read is told to the operator, and lets nobody through', async () => {
  const { auth, user } = await openPlace();
  const causes: unknown[] = [];
  const onUnavailable = (cause: unknown): unknown => causes.push(cause);
  const settings = { issuer: auth.issuer, secretKey: auth.secretKey, serviceKey: 'lingomate_sk_wrong', onUnavailable };
  expectRefusal(await createResourceServer(settings).get(await auth.token(user)), auth.issuer, UNAVAILABLE);
  expect(causes).toMatchObject([{ message: 'the feed of revocations answers 401' }]);
});

/** A feed that answers as told, and what it was asked. */
async function stubFeed(listener: RequestListener): Promise<{ uri: URL; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const stub = createServer((req, res) => {
    asked.push(req);
    listener(req, res);
  });
  closers.push(() => stop(stub));
  return { uri: new URL(`http://127.0.0.1:${await listen(stub)}/revocations`), asked };
}

const entry = (more: Readonly<Record<string, unknown>> = {}): object => {
  return { sid: randomUUID(), revoked_at: '2026-01-01T00:00:00.000Z', expires_at: '2026-01-01T00:30:00.000Z', ...more };
};
const page = (data: unknown, next_cursor: unknown = '1'): string => JSON.stringify({ data, next_cursor });

describe('a feed', () => {
  test.each<[string, RequestListener]>([
    ['an error', (_req, res) => res.writeHead(500).end(page([]))],
    ['a redirect', (_req, res) => res.writeHead(307, { Location: '/elsewhere' }).end()],
    ['no JSON', (_req, res) => res.end('<html>')],
    ['a list', (_req, res) => res.end('[]')],
    ['no data', (_req, res) => res.end(page(undefined))],
    ['no cursor', (_req, res) => res.end(page([], null))],
    ['an entry that is none', (_req, res) => res.end(page([null]))],
    ['an entry without sid', (_req, res) => res.end(page([entry({ sid: 1 })]))],
    ['an entry without its time', (_req, res) => res.end(page([entry({ revoked_at: 'yesterday' })]))],
    ['an entry that expired before', (_req, res) => res.end(page([entry({ expires_at: '2025-01-01T00:00:00Z' })]))],
    ['an entry through text', (_req, res) => res.end(page([entry({ through: '1' })]))],
    ['one full page for ever', (_req, res) => res.end(page(Array.from({ length: 100 }, () => entry())))],
    ['a broken connection', (req) => req.socket.destroy()],
    ['half an answer', (_req, res) => res.write('{"data": [')],
  ])('that answers %s can’t be read, however often', async (_what, listener) => {
    const { uri } = await stubFeed(listener);
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock: movableClock(Date.now()) });
    const ask = () => feed.refuses(randomUUID(), 1, ISSUED);
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('is read page after page, and then from where it ended, with the key', async () => {
    const sessions = Array.from({ length: 250 }, () => randomUUID());
    const { uri, asked } = await stubFeed((req, res) => {
      const since = Number(new URL(`http://feed${req.url ?? ''}`).searchParams.get('since'));
      const data = sessions.slice(since, since + 100).map((sid) => entry({ sid }));
      res.end(page(data, String(since + data.length)));
    });
    const clock = movableClock(Date.now());
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock });
    const all = await Promise.all(sessions.map((sid) => feed.refuses(sid, 1, ISSUED)));
    expect(all).toEqual(sessions.map(() => true));
    expect(asked.map(({ url }) => url?.replace('/revocations?limit=100', ''))).toEqual(['', '&since=100', '&since=200']);
    const late = randomUUID();
    sessions.push(late);
    clock.advance(1);
    expect(await feed.refuses(late, 1, ISSUED)).toBe(false);
    clock.advance(0.001);
    expect(await feed.refuses(late, 1, ISSUED)).toBe(true);
    expect(asked.slice(3).map(({ url }) => url)).toEqual(['/revocations?limit=100&since=250']);
    expect(new Set(asked.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer key']));
  });

  test('that takes more than a second came too late', async () => {
    const clock = movableClock(Date.now());
    const { uri } = await stubFeed((_req, res) => {
      clock.advance(1.001);
      res.end(page([]));
    });
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock });
    await expect(feed.refuses(randomUUID(), 1, ISSUED)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('is read again by who meets a reading that began too long ago', async () => {
    const clock = movableClock(Date.now());
    const sid = randomUUID();
    let answered = 0;
    const { uri } = await stubFeed((_req, res) => {
      if (answered === 0) clock.advance(1.001);
      answered += 1;
      res.end(page(answered === 1 ? [] : [entry({ sid })]));
    });
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock });
    const [first, second] = await Promise.allSettled([feed.refuses(sid, 1, ISSUED), feed.refuses(sid, 1, ISSUED)]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
    expect(second).toEqual({ status: 'fulfilled', value: true });
  });

  test('refuses up to a counter where the session goes on, and all where it has ended since', async () => {
    const sid = randomUUID();
    const told = [entry({ sid, through: 2 })];
    const { uri } = await stubFeed((_req, res) => res.end(page(told)));
    const clock = movableClock(Date.now());
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock });
    const refused = (): Promise<boolean[]> => Promise.all([1, 2, 3].map((counter) => feed.refuses(sid, counter, ISSUED)));
    expect(await refused()).toEqual([true, true, false]);
    told.push(entry({ sid }), entry({ sid, through: 1 }));
    clock.advance(2);
    expect(await refused()).toEqual([true, true, true]);
  });

  test('refuses every token issued up to the second in which a backup was put back', async () => {
    const { uri } = await stubFeed((_req, res) =>
      res.end(
        page([
          entry({
            sid: '*',
            revoked_at: new Date(ISSUED * 1000 + 500).toISOString(),
            expires_at: new Date(ISSUED * 1000 + HOUR_MS).toISOString(),
          }),
        ]),
      ),
    );
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock: movableClock(Date.now()) });
    expect([await feed.refuses(randomUUID(), 1, ISSUED), await feed.refuses(randomUUID(), 1, ISSUED + 1)]).toEqual([true, false]);
  });

  test('is remembered until both clocks say that its tokens have expired', async () => {
    const start = Date.now();
    const clock = movableClock(start);
    const sid = randomUUID();
    const told = [entry({ sid, revoked_at: new Date(start).toISOString(), expires_at: new Date(start + 60_000).toISOString() })];
    const { uri } = await stubFeed((_req, res) => res.end(page(told)));
    const feed = createRevocationFeed({ uri, serviceKey: 'key', clock });
    const ask = async (): Promise<boolean> => {
      clock.advance(2);
      return feed.refuses(sid, 1, ISSUED);
    };
    expect(await ask()).toBe(true);
    // Only an entry that comes in makes old ones go.
    told.splice(0, 1, entry());
    clock.set(new Date(start + 24 * HOUR_MS));
    expect(await ask()).toBe(true);
    clock.set(new Date(start - 24 * HOUR_MS));
    clock.advance((3 * HOUR_MS) / 1000);
    expect(await ask()).toBe(true);
    clock.set(new Date(start + 3 * HOUR_MS));
    expect(await ask()).toBe(false);
  });
});

test('a service whose database was replaced by an older one is read from the start', async () => {
  const { auth, user } = await openPlace();
  const bearer = { Authorization: `Bearer ${await auth.serviceKey()}` };
  const { id, accessToken } = await auth.session(user);
  await auth.services.sessions.revoke(accessToken, { kind: 'nobody' }, CLIENT);
  const anew = await supertest(auth.issuer).get('/revocations?since=500').set(bearer);
  expect(anew).toMatchObject({ status: 200, body: { data: [{ sid: id }], next_cursor: '1' } });
  const after = await supertest(auth.issuer).get('/revocations?since=1').set(bearer);
  expect(after.body).toEqual({ data: [], next_cursor: '1' });
});
