import { stringifySetCookie } from 'cookie';

/** Bound by its prefix to this host, and to https (RFC 6265bis §4.1.3; ASVS 3.3.1–3.3.4). */
const USUAL_NAME = '__Host-refresh_token';

/** The names of the cookies. */
export interface CookieNames {
  readonly refresh: string;
  /** Of a device on which its user has logged in (OWASP's device cookies). */
  readonly device: string;
}

/** Returns the names of the cookies where that of the refresh cookie is `refresh`. */
export const cookieNames = (refresh: string): CookieNames => ({
  refresh,
  device: refresh === USUAL_NAME ? '__Host-device' : `${refresh}-device`,
});

/** Writes `Set-Cookie` headers. */
export interface Cookies {
  refresh(token: string, maxAgeSeconds: number): string;
  /** Clears the refresh cookie. */
  noRefresh(): string;
  device(device: { readonly cookie: string; readonly seconds: number }): string;
}

/** A cookie that no script can read and that no page of another site makes a browser send. */
const kept = (name: string, value: string, maxAgeSeconds: number): string =>
  stringifySetCookie({ name, value, path: '/', httpOnly: true, secure: true, sameSite: 'strict', maxAge: maxAgeSeconds });

export const createCookies = (names: CookieNames): Cookies => ({
  refresh: (token, maxAgeSeconds) => kept(names.refresh, token, maxAgeSeconds),
  noRefresh: () => kept(names.refresh, '', 0),
  device: ({ cookie, seconds }) => kept(names.device, cookie, seconds),
});
