import { expect } from '@jest/globals';
import type { Response } from 'supertest';
import { expectInvalidToken, expectProblem, text } from './answers.js';
import type { TestApp } from './test-app.js';

/** What a log-in or a refresh gave. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Each place that takes an access token. */
export const PLACES = ['/users/me', '/verify-token', '/verify-token/{token}', '/introspect'] as const;
export type Place = (typeof PLACES)[number];

const everyPlace = (taken: boolean): Record<Place, boolean> => ({
  '/users/me': taken,
  '/verify-token': taken,
  '/verify-token/{token}': taken,
  '/introspect': taken,
});
export const EVERYWHERE = everyPlace(true);
export const NOWHERE = everyPlace(false);

type Http = ReturnType<TestApp['http']>;
type Call = ReturnType<Http['get']>;

/** What holders of tokens do with them, over HTTP. */
export interface SessionCalls {
  /** The key of a resource server that may introspect. */
  readonly serviceKey: string;
  refresh(refreshToken: string): Call;
  /** A refresh that has to succeed. */
  refreshed(refreshToken: string): Promise<Tokens>;
  introspect(token: string): Call;
  revoke(token: string): Call;
  /** Presents an access token there; whether it was taken. A refusal has to be the one of the contract. */
  isTaken(place: Place, accessToken: string): Promise<boolean>;
  /** The same everywhere. */
  whereTaken(accessToken: string): Promise<Record<Place, boolean>>;
  /** That the session lives: its access token is taken, and its refresh token gives another. */
  expectAlive(tokens: Tokens): Promise<Tokens>;
  /** That nothing of it is taken any more, by access token or by refresh token, and with which code. */
  expectEnded(tokens: Tokens, code?: string): Promise<void>;
}

export async function callsOf(auth: Pick<TestApp, 'http' | 'services'>): Promise<SessionCalls> {
  const { key: serviceKey } = await auth.services.serviceKeys.create({ name: 'a resource server', scopes: ['introspect'] });
  const post = (path: string, body: object): Call => auth.http().post(path).send(body);
  const bearing = (path: string, token: string): Call => auth.http().get(path).set('Authorization', `Bearer ${token}`);
  const refresh = (refresh_token: string): Call => post('/token', { grant_type: 'refresh_token', refresh_token });
  const introspect = (token: string): Call => post('/introspect', { token }).set('Authorization', `Bearer ${serviceKey}`);
  const isTaken: SessionCalls['isTaken'] = async (place, token) => {
    if (place === '/introspect') return isActive(await introspect(token));
    const response = await (place === '/verify-token/{token}'
      ? auth.http().get(`/verify-token/${encodeURIComponent(token)}`)
      : bearing(place, token));
    if (response.status === 200) return true;
    expectInvalidToken(response);
    return false;
  };
  const whereTaken: SessionCalls['whereTaken'] = async (token) => {
    const answers: Record<Place, boolean> = { ...NOWHERE };
    for (const place of PLACES) answers[place] = await isTaken(place, token);
    return answers;
  };
  return {
    serviceKey,
    refresh,
    introspect,
    isTaken,
    whereTaken,
    refreshed: async (token) => tokensOf(await refresh(token)),
    revoke: (token) => post('/revoke', { token }),
    expectAlive: async ({ accessToken, refreshToken }) => {
      expect(await isTaken('/users/me', accessToken)).toBe(true);
      return tokensOf(await refresh(refreshToken));
    },
    expectEnded: async ({ accessToken, refreshToken }, code = 'session_revoked') => {
      expect(await whereTaken(accessToken)).toEqual(NOWHERE);
      expect(isActive(await introspect(refreshToken))).toBe(false);
      expectRefused(await refresh(refreshToken), code);
    },
  };
}

/** Whether introspection calls a token good; it has to say nothing else of one that is not. */
function isActive(response: Response): boolean {
  const body: unknown = response.body;
  expect(response.status).toBe(200);
  if (typeof body === 'object' && body !== null && 'active' in body && body.active === true) return true;
  expect(body).toEqual({ active: false });
  return false;
}

/** The tokens of a good answer. */
export function tokensOf(response: Response): Tokens {
  const body: unknown = response.body;
  expect(body).toMatchObject({ token_type: 'bearer' });
  expect(response.status).toBe(200);
  return { accessToken: text(body, 'access_token'), refreshToken: text(body, 'refresh_token') };
}

/** That a refresh was refused: with that code, as RFC 6749 has it, and without a cookie. */
export function expectRefused(response: Response, code: string): void {
  expectProblem(response, 400, code, { oauth: 'invalid_grant' });
  expect(response.headers).not.toHaveProperty('set-cookie');
}
