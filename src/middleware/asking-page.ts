import type { IncomingMessage } from 'node:http';
import { parseCookie } from 'cookie';
import type { AskingPage } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import { DEVICE_COOKIE, REFRESH_COOKIE } from '../presenters/cookie.presenter.js';

const refuse = (detail: string): never => {
  throw new AppError('malformed_request', { details: { detail } });
};

/** `origins` are those whose pages may use the cookie. */
export function askingPage(origins: ReadonlySet<string>, { headers: { origin, cookie } }: Pick<IncomingMessage, 'headers'>): AskingPage {
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
    refreshToken: () => {
      const token = read(REFRESH_COOKIE);
      if (token === undefined) return undefined;
      if (origin === undefined || !origins.has(origin)) refuse('The refresh cookie needs the Origin of a page that may use it');
      return token;
    },
    assertMayHaveCookie: () => {
      if (origin !== undefined && !origins.has(origin)) refuse('The refresh cookie is not for pages of this Origin');
    },
  };
}
