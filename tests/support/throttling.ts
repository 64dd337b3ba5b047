import type { Response, Test } from 'supertest';
import type { TestApp } from './test-app.js';

export const WRONG = 'a wrong password';

export interface LogInTry {
  readonly username: string;
  readonly password?: string;
  /** The client's address, where the app trusts one proxy. */
  readonly from?: string;
  readonly cookie?: string;
}

/** Log-ins with all that a limit looks at. */
export function logInsAt(auth: TestApp) {
  const logIn = ({ username, password = WRONG, from, cookie }: LogInTry): Test =>
    auth
      .http()
      .post('/token')
      .set({ ...(from === undefined ? {} : { 'X-Forwarded-For': from }), ...(cookie === undefined ? {} : { Cookie: cookie }) })
      .send({ username, password });
  return {
    logIn,
    /** The statuses of so many in a row. */
    inARow: async (count: number, one: LogInTry): Promise<number[]> => {
      const statuses: number[] = [];
      for (let made = 0; made < count; made += 1) statuses.push((await logIn(one)).status);
      return statuses;
    },
  };
}

/** So many of one status. */
export const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status);

export const retryAfter = (response: Response): number => Number(response.headers['retry-after']);

/** The device cookie that an answer sets, as a browser would send it back. */
export function deviceCookieOf(response: Response): string {
  const cookies: unknown = response.headers['set-cookie'];
  const all = Array.isArray(cookies) ? cookies.map(String) : [];
  const [value = ''] = (all.find((cookie) => cookie.startsWith('__Host-device=')) ?? '').split(';');
  if (value === '') throw new TypeError('the answer sets no device cookie');
  return value;
}
