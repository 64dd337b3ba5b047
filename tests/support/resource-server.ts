import { STATUS_CODES } from 'node:http';
import { expect } from '@jest/globals';
import express from 'express';
import supertest, { type Response } from 'supertest';
import { requireAuth, type RequireAuthOptions } from '../../src/index.js';

/** Another team's app, with one route that asks for a token. */
export interface ResourceServer {
  readonly app: ReturnType<typeof express>;
  /** A request to its route; without a token it bears none. */
  get(token?: string): Promise<Response>;
  status(token?: string): Promise<number>;
}

export function createResourceServer(options: RequireAuthOptions): ResourceServer {
  const app = express();
  app.get('/orders', requireAuth(options), (_req, res) => {
    const { sub, username, scope } = res.locals.auth;
    res.json({ sub, username, scope });
  });
  const get: ResourceServer['get'] = async (token) => {
    const request = supertest(app).get('/orders');
    return token === undefined ? request : request.set('Authorization', `Bearer ${token}`);
  };
  return { app, get, status: async (token) => (await get(token)).status };
}

/** That an answer of `requireAuth` is that fault, with that challenge, in the contract's shape. */
export function expectRefusal(response: Response, issuer: string, [status, code]: readonly [number, string], challenge?: string): void {
  expect(response.body).toEqual({
    type: `${issuer}/errors#${code}`,
    title: STATUS_CODES[status],
    status,
    detail: expect.any(String),
    code,
    request_id: response.headers['x-request-id'],
  });
  expect(response.status).toBe(status);
  expect(response.type).toBe('application/problem+json');
  expect(response.headers['cache-control']).toBe('no-store');
  expect(response.headers['www-authenticate']).toBe(challenge);
  expect(response.headers['retry-after']).toEqual(status === 503 ? expect.stringMatching(/^[1-9]\d*$/) : undefined);
}

export const UNAVAILABLE = [503, 'unavailable'] as const;
export const INVALID = [401, 'invalid_token'] as const;
export const INVALID_CHALLENGE = 'Bearer error="invalid_token", error_description="Token is invalid or expired"';
