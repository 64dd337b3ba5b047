import type { Caller, Client } from '../lib/actor.js';

/** What a controller is told of a request that has passed its guard; `body`, `params` and `query` as their schemas have them. */
export interface Asked<Body = undefined, Params = undefined, Query = undefined> {
  readonly body: Body;
  readonly params: Params;
  readonly query: Query;
  readonly client: Client;
  /** Who calls, where the guard lets anybody pass and a Bearer token may tell. */
  readonly caller: Caller;
  /** What the page behind the request brings with it. */
  readonly page: () => AskingPage;
  /** What clients put before every path of this service: '' at the root of its host. */
  readonly base: string;
  /** Whether a person's browser asks. */
  readonly wantsHtml: boolean;
}

/** A body that is not JSON, as it was sent, with its media type. */
export interface SentText {
  readonly type: string;
  readonly data: Buffer;
}

/** What a browser adds to a request by itself. */
export interface AskingPage {
  /** Whether a cookie of the refresh cookie's name came, whatever it holds: another service on this host may have set it. */
  readonly hasRefreshCookie: boolean;
  /** The cookie of a device that has logged in before, as it came; undefined where there is none. */
  readonly deviceCookie: string | undefined;
  /** Whether the request names the Origin of a page that may use the refresh cookie. */
  readonly mayUseCookie: boolean;
  /**
   * Returns the refresh token in the cookie; undefined where this service did not issue what the cookie holds. Throws
   * `malformed_request` unless `mayUseCookie`, as another site's page could have sent it (CSRF; ASVS 3.5.1).
   */
  refreshToken(): string | undefined;
  /** The refresh token whose place a new cookie takes, once `assertMayHaveCookie` has let the page have one. */
  readonly replacedToken: string | undefined;
  /**
   * Whether the response may set, renew or clear a cookie: false for a page of a foreign Origin, which could otherwise
   * replace its visitor's cookies by a form that it submits (RFC 6454 §7; Fetch Metadata).
   */
  readonly mayHaveCookie: boolean;
  /** Throws `malformed_request` where `mayHaveCookie` is false or the browser would discard the cookie, which a log-in must not hide. */
  assertMayHaveCookie(): void;
}

/** What a controller answers: JSON, unless it names another type. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly json?: unknown;
  /** Pieces of text are sent as they come. */
  readonly content?: { readonly type: string; readonly data: string | Buffer | AsyncIterable<string> };
}

export const ok = (json: unknown): Reply => ({ status: 200, json });
export const noContent: Reply = { status: 204 };
/** Something will be done, or not, and this tells neither. */
export const accepted: Reply = { status: 202 };
