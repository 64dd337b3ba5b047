import { stringifySetCookie } from 'cookie';

/** Bound by its prefix to this host, and to https (RFC 6265bis §4.1.3; ASVS 3.3.1–3.3.4). */
export const REFRESH_COOKIE = '__Host-refresh_token';

/** `Set-Cookie` for a refresh token that no script can read and no other site can have sent. */
export const refreshCookie = (token: string, maxAgeSeconds: number): string =>
  stringifySetCookie({
    name: REFRESH_COOKIE,
    value: token,
    path: '/',
    httpOnly: true,
    secure: true,
    sameSite: 'strict',
    maxAge: maxAgeSeconds,
  });

/** `Set-Cookie` that takes it away. */
export const noRefreshCookie = (): string => refreshCookie('', 0);
