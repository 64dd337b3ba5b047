import type { IncomingMessage } from 'node:http';
import { parseCookie } from 'cookie';
import type { AskingPage } from '../controllers/reply.js';
import { AppError } from '../errors/app-error.js';
import { isLoopbackName, isLoopbackOrigin } from '../lib/loopback.js';
import type { CookieNames } from '../presenters/cookie.presenter.js';

const refuse = (detail: string): never => {
  throw new AppError('malformed_request', { details: { detail } });
};

/** What `Sec-Fetch-Site` says of a page of this origin, and of a request that no page makes (Fetch Metadata §2.4). */
const SAME_ORIGIN: ReadonlySet<unknown> = new Set(['same-origin', 'none']);

/** How this instance of the service uses cookies. */
export interface CookieUse {
  readonly names: CookieNames;
  /** The origins whose pages may use the refresh cookie. */
  readonly origins: ReadonlySet<string>;
  /** Whether this service issued a refresh token; another service on this host may use the cookie's name too. */
  readonly isOwnToken: (refreshToken: string) => boolean;
}

/** The parts of a request that say which page made it, and over what connection. */
interface PageRequest extends Pick<IncomingMessage, 'headers'> {
  /** Whether the client's connection uses TLS, by the `X-Forwarded-Proto` of a trusted proxy. */
  readonly secure: boolean;
}

const OTHER_SITE =
  'The page and this server belong to different sites, so the browser would discard the refresh cookie. Use one host name for both (127.0.0.1 is another site than localhost), or leave out refresh_transport';
const NOT_SECURE =
  'Browsers discard the refresh cookie over http unless the host is localhost. Serve the page and this server over https, or leave out refresh_transport';

/**
 * Returns why the browser would discard a `Secure; SameSite=Strict` cookie of the response, undefined where it would not or where
 * the request does not show it (RFC 6265bis §5.7). Browsers leave out `Sec-Fetch-Site` where the server's URL is http and its host is not loopback.
 */
function discardReason({ headers, secure }: PageRequest): string | undefined {
  const { origin, host = '', 'sec-fetch-site': site } = headers;
  if (site === 'cross-site') return OTHER_SITE;
  if (site !== undefined || secure || origin?.startsWith('http:') !== true) return undefined;
  const isLoopback = isLoopbackOrigin(origin) && isLoopbackName(host.replace(/:\d*$/, ''));
  return isLoopback ? undefined : NOT_SECURE;
}

/** Reads what a browser adds to a request by itself. */
export function askingPage({ names, origins, isOwnToken }: CookieUse, request: PageRequest): AskingPage {
  const { origin, cookie, 'sec-fetch-site': site } = request.headers;
  const mayUseCookie = origin !== undefined && origins.has(origin);
  // Browsers send Origin with every POST; Sec-Fetch-Site stands in where something between has removed it. Other clients send neither.
  const mayHaveCookie = origin === undefined ? site === undefined || SAME_ORIGIN.has(site) : mayUseCookie;
  const read = (name: string): string | undefined => {
    const value = cookie === undefined ? '' : parseCookie(cookie)[name];
    // One that was taken away.
    return value === '' ? undefined : value;
  };
  const ownToken = (): string | undefined => {
    const value = read(names.refresh);
    return value !== undefined && isOwnToken(value) ? value : undefined;
  };
  return {
    get hasRefreshCookie() {
      return read(names.refresh) !== undefined;
    },
    get deviceCookie() {
      return read(names.device);
    },
    get replacedToken() {
      return ownToken();
    },
    mayUseCookie,
    mayHaveCookie,
    refreshToken: () => {
      const token = ownToken();
      if (token !== undefined && !mayUseCookie) refuse('The refresh cookie needs the Origin of a page that may use it');
      return token;
    },
    assertMayHaveCookie: () => {
      if (!mayHaveCookie) refuse('The refresh cookie is not for pages of this Origin');
      const reason = discardReason(request);
      if (reason !== undefined) refuse(reason);
    },
  };
}
