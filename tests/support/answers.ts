import { expect } from '@jest/globals';
import { STATUS_CODES } from 'node:http';
import type { Response } from 'supertest';

/** A member of a JSON answer, whatever it is. */
export function member(body: unknown, ...path: string[]): unknown {
  return path.reduce(
    (inner: unknown, name) =>
      typeof inner === 'object' && inner !== null ? Object.getOwnPropertyDescriptor(inner, name)?.value : undefined,
    body,
  );
}

/** What an object of a JSON answer holds; nothing where it is none. */
export const entriesOf = (body: unknown): [name: string, value: unknown][] =>
  typeof body === 'object' && body !== null ? Object.entries(body) : [];

/** A member of a JSON answer that has to be a string. */
export function text(body: unknown, ...path: string[]): string {
  const value = member(body, ...path);
  if (typeof value !== 'string') throw new TypeError(`the answer has no string at ${path.join('.')}`);
  return value;
}

interface Further {
  readonly detail?: string;
  /** The validation faults: path and code of each, in any order. */
  readonly errors?: readonly (readonly [path: string, code: string])[];
  /** Where the app is mounted. */
  readonly base?: string;
  readonly oauth?: string;
  /** Further members of the problem document (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** What is true of every error answer, and that this one is of that status and code and says nothing else. */
export function expectProblem(response: Response, status: number, code: string, further: Further = {}): void {
  const { detail, errors, base = '', oauth, members = {} } = further;
  const body: unknown = response.body;
  expect(body).toEqual({
    type: `${base}/errors#${code}`,
    title: STATUS_CODES[status],
    status,
    detail: detail ?? expect.any(String),
    code,
    request_id: response.headers['x-request-id'],
    ...(errors ? { errors: expect.any(Array) } : {}),
    ...(oauth === undefined ? {} : { error: oauth, error_description: member(body, 'detail') }),
    ...members,
  });
  expect(response.status).toBe(status);
  expect(response.type).toBe(oauth === undefined ? 'application/problem+json' : 'application/json');
  expect(response.headers).toMatchObject({ 'cache-control': 'no-store', vary: expect.stringMatching(/\bOrigin\b/) });
  if (status === 401) expect(response.headers['www-authenticate']).toMatch(/^Bearer\b/);
  if (status === 405) expect(response.headers['allow']).toMatch(/\bOPTIONS\b/);
  if (status === 503) expect(response.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  if (errors) expect(faultsOf(response)).toEqual(errors.map(([path, fault]) => `${path}: ${fault}`).sort());
}

/** Path and code of each validation fault. */
export function faultsOf(response: Response): string[] {
  const faults = member(response.body, 'errors');
  if (!Array.isArray(faults)) return [];
  return faults
    .map((fault: unknown) => {
      expect(text(fault, 'message')).not.toBe('');
      return `${text(fault, 'path')}: ${text(fault, 'code')}`;
    })
    .sort();
}

/** The answer to every token that is not valid, whatever is wrong with it. */
export function expectInvalidToken(response: Response): void {
  expectProblem(response, 401, 'invalid_token', { detail: 'Token is invalid or expired' });
  expect(response.headers['www-authenticate']).toBe('Bearer error="invalid_token", error_description="Token is invalid or expired"');
}

/** The answer to a request that needs an authentication of the last `maxAge` seconds (RFC 9470 §3), and `acr` where it is named. */
export function expectReauthentication(response: Response, maxAge = 300, acr?: string): void {
  const members = { max_age: maxAge, ...(acr === undefined ? {} : { acr_values: acr }) };
  expectProblem(response, 401, 'reauthentication_required', { members });
  expect(response.headers['www-authenticate']).toBe(
    `Bearer error="insufficient_user_authentication", error_description="${text(response.body, 'detail')}", max_age="${maxAge}"` +
      (acr === undefined ? '' : `, acr_values="${acr}"`),
  );
}
