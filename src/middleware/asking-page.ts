import type { IncomingMessage } from 'node:http';
import { parseCookie } from 'cookie';
import type { AskingPage } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import { DEVICE_COOKIE, REFRESH_COOKIE } from '../presenters/cookie.presenter.js';

const refuse = (detail: string): never => {
  throw new AppError('malformed_request', { details: { detail } });
};

/** What `Sec-Fetch-Site` says of a page of this origin, and of a request that no page makes (Fetch Metadata §2.4). */
const SAME_ORIGIN: ReadonlySet<unknown> = new Set(['same-origin', 'none']);

/** `origins` are those whose pages may use the cookie. */
export function askingPage(origins: ReadonlySet<string>, { headers }: Pick<IncomingMessage, 'headers'>): AskingPage {
  const { origin, cookie, 'sec-fetch-site': site } = headers;
  // Browsers send Origin with every POST; Sec-Fetch-Site stands in where something between has removed it. Other clients send neither.
  const isOwn = origin === undefined ? site === undefined || SAME_ORIGIN.has(site) : origins.has(origin);
  const read = (name: string): string | undefined => {
    const value = cookie === undefined ? '' : parseCookie(cookie)[name];
    // One that was taken away.
    return value === '' ? undefined : value;
  };
  return {
    get hasRefreshCookie() {
      return read(REFRESH_COOKIE) !== undefined;
    },
    get deviceCookie() {
      return read(DEVICE_COOKIE);
    },
    get replacedToken() {
      return read(REFRESH_COOKIE);
    },
    mayHaveCookie: isOwn,
    refreshToken: () => {
      const token = read(REFRESH_COOKIE);
      if (token === undefined) return undefined;
      if (origin === undefined || !origins.has(origin)) refuse('The refresh cookie needs the Origin of a page that may use it');
      return token;
    },
    assertMayHaveCookie: () => {
      if (!isOwn) refuse('The refresh cookie is not for pages of this Origin');
    },
  };
}
