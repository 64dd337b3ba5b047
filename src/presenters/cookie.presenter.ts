import { stringifySetCookie } from 'cookie';

/** Bound by its prefix to this host, and to https (RFC 6265bis §4.1.3; ASVS 3.3.1–3.3.4). */
export const REFRESH_COOKIE = '__Host-refresh_token';

/** Of a device on which its user has logged in (OWASP's device cookies). */
export const DEVICE_COOKIE = '__Host-device';

/** A cookie that no script can read and no other site can have sent. */
const kept = (name: string, value: string, maxAgeSeconds: number): string =>
  stringifySetCookie({ name, value, path: '/', httpOnly: true, secure: true, sameSite: 'strict', maxAge: maxAgeSeconds });

/** `Set-Cookie` for a refresh token. */
export const refreshCookie = (token: string, maxAgeSeconds: number): string => kept(REFRESH_COOKIE, token, maxAgeSeconds);

/** `Set-Cookie` that takes it away. */
export const noRefreshCookie = (): string => refreshCookie('', 0);

/** `Set-Cookie` by which a device is known. */
export const deviceCookie = ({ cookie, seconds }: { cookie: string; seconds: number }): string => kept(DEVICE_COOKIE, cookie, seconds);
