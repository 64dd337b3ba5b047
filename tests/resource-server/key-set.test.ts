import { createServer, type RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Overrides } from '../../src/container.js';
import { movableClock } from '../../src/lib/clock.js';
import { createLiveAuth, type LiveAuth } from '../support/live-auth.js';
import { listen, stop } from '../support/raw-http.js';
import { createResourceServer, expectRefusal, UNAVAILABLE } from '../support/resource-server.js';
import { encode } from '../support/tokens.js';

/** More than a second, which is how long an unknown `kid` has to wait. */
const COOLED_MS = 1100;

const closers: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

async function openAuth(overrides: Partial<Overrides> = {}): Promise<LiveAuth> {
  const auth = await createLiveAuth({ ALGORITHM: 'ES256' }, overrides);
  closers.push(() => auth.close());
  return auth;
}

describe('a key set', () => {
  test('that can’t be fetched is no fault of the token, and heals by itself', async () => {
    const auth = await openAuth();
    const token = await auth.newToken();
    await auth.goAway();
    const server = createResourceServer({ issuer: auth.issuer });
    expectRefusal(await server.get(token), auth.issuer, UNAVAILABLE);
    await auth.comeBack();
    expect(await server.status(token)).toBe(200);
    await auth.goAway();
    expect(await server.status(token)).toBe(200);
    await auth.comeBack();
  });

  test('follows a rotation: tokens of the key before and of the new one are taken', async () => {
    // A minute behind, so that what it signs a minute later is of now.
    const clock = movableClock(Date.now() - 61_000);
    const auth = await openAuth({ clock });
    const server = createResourceServer({ issuer: auth.issuer });
    const old = await auth.newToken();
    expect(await server.status(old)).toBe(200);
    await auth.services.keys.rotate({ atOnce: false });
    expect(await server.status(await auth.newToken())).toBe(200);
    clock.advance(61);
    await sleep(COOLED_MS);
    const fresh = await auth.newToken();
    expect(headerOf(fresh)).not.toBe(headerOf(old));
    for (const token of [fresh, old]) expect(await server.status(token)).toBe(200);
  });

  const answers = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): RequestListener => {
    return (_req, res) => res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(body);
  };
  test.each<[string, RequestListener]>([
    ['an error', answers(500, '{}')],
    ['a redirect', answers(302, '', { Location: 'http://127.0.0.1:1/' })],
    ['no JSON', answers(200, '<html>')],
    ['no key set', answers(200, '{"data": []}')],
    ['a broken connection', (req) => req.socket.destroy()],
    ['nothing', () => undefined],
  ])('of %s is answered with 503', async (_what, listener) => {
    const stub = createServer(listener);
    closers.push(() => stop(stub));
    const issuer = `http://127.0.0.1:${await listen(stub)}`;
    const causes: unknown[] = [];
    const server = createResourceServer({ issuer, onUnavailable: (cause) => causes.push(cause) });
    expectRefusal(await server.get(UNSIGNED), issuer, UNAVAILABLE);
    expect(causes).toEqual([expect.anything()]);
  });
});

/** What it is worth is known only with the key. */
const UNSIGNED = [{ alg: 'ES256', typ: 'at+jwt', kid: 'a' }, {}, ''].map(encode).join('.');
const headerOf = (token: string): string => token.slice(0, token.indexOf('.'));
