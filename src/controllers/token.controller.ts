import { AppError } from '../errors/app-error.js';
import type { Actor } from '../lib/actor.js';
import type { Cookies } from '../presenters/cookie.presenter.js';
import { presentGrant, presentIntrospection, presentRevocation } from '../presenters/token.presenter.js';
import type { AuthService } from '../services/auth.service.js';
import type { ReauthenticationService } from '../services/reauthentication.service.js';
import type { Grant, SessionService } from '../services/session/session.service.js';
import type {
  IntrospectBody,
  LogOutBody,
  LogOutQuery,
  RefreshBody,
  RevocationsQuery,
  RevokeBody,
  StepUpBody,
  TokenBody,
} from '../validators/token.validator.js';
import { type Asked, type AskingPage, noContent, ok, type Reply } from './reply.js';

const NO_REFRESH_TOKEN = 'A refresh token is required; log in to get one';
const VALID = ok({ message: 'Token is valid' });

interface Parts {
  readonly auth: AuthService;
  readonly sessions: SessionService;
  readonly reauthentication: ReauthenticationService;
  readonly settings: {
    readonly issuer: string;
    readonly audience: string;
    readonly clientId: string;
    readonly lifetimeSeconds: number;
    readonly cookies: Cookies;
    /** Whether a log-out clears what pages of this origin have stored. */
    readonly clearsStorage: boolean;
  };
}

export function createTokenController({ auth, sessions, reauthentication, settings }: Parts) {
  const { cookies, clearsStorage } = settings;
  const granted = grantedWith(cookies);
  const clearDeadCookie = clearingDead(cookies);
  return {
    logIn: async ({ body, client, page }: Asked<TokenBody>): Promise<Reply> => {
      const byCookie = body.refresh_transport === 'cookie';
      if (byCookie) page().assertMayHaveCookie();
      const shown = { device: page().deviceCookie, replaced: byCookie ? page().replacedToken : undefined };
      const { device, ...grant } = await auth.logIn(body, client, shown);
      return granted(grant, byCookie, page().mayHaveCookie ? [cookies.device(device)] : []);
    },
    /** The session of the refresh token that came, undefined where this service did not issue it; undefined where none came. */
    presentedToken: ({ body, page }: Asked<RefreshBody>): { sessionId: string | undefined } | undefined => {
      const { token } = presented(body, page());
      return token === undefined ? undefined : { sessionId: sessions.sessionOf(token) };
    },
    refresh: async ({ body, client, page }: Asked<RefreshBody>): Promise<Reply> => {
      const { token, byCookie } = presented(body, page());
      if (token === undefined) throw new AppError('authentication_required', { details: { detail: NO_REFRESH_TOKEN } });
      const grant = sessions.refresh(token, client);
      return granted(await (byCookie ? grant.catch(clearDeadCookie) : grant), byCookie);
    },
    stepUp: async ({ body }: Asked<StepUpBody>, actor: Actor): Promise<Reply> =>
      ok(presentGrant(await reauthentication.stepUp(actor, body.password), { withRefreshToken: false })),
    verifyPath: async ({ params, client }: Asked<undefined, { token: string }>): Promise<Reply> => {
      await sessions.authenticate(params.token, client);
      return VALID;
    },
    /** Its guard has verified the token. */
    verifyHeader: (): Reply => VALID,
    introspect: async ({ body, caller, client }: Asked<IntrospectBody>): Promise<Reply> =>
      ok(presentIntrospection(await sessions.inspect(body.token, caller, client), settings)),
    revoke: async ({ body, caller, client }: Asked<RevokeBody>): Promise<Reply> => {
      await sessions.revoke(body.token, caller, client);
      return { status: 200 };
    },
    revocations: async ({ query }: Asked<undefined, undefined, RevocationsQuery>): Promise<Reply> => {
      const { revoked, nextCursor } = await sessions.revocations(query.since, query.limit);
      return ok({ data: revoked.map((one) => presentRevocation(one, settings.lifetimeSeconds)), next_cursor: nextCursor });
    },
    logOut: async ({ body, query, caller, client, page }: Asked<LogOutBody, undefined, LogOutQuery>): Promise<Reply> => {
      // Who is known by a Bearer token can't have been made to ask by another site's page.
      const refreshToken = caller.kind === 'user' ? undefined : presented(body, page()).token;
      const { hasRefreshCookie, mayUseCookie, mayHaveCookie } = page();
      const dropsCookie = hasRefreshCookie && query.scope !== 'others';
      await sessions.logOut({ caller, refreshToken, client, dropsCookie: dropsCookie && mayUseCookie }, query.scope);
      return dropsCookie && mayHaveCookie ? withoutCookie(cookies, clearsStorage) : noContent;
    },
  };
}
export type TokenController = ReturnType<typeof createTokenController>;

/**
 * Clears the cookie by its name and, where the setting asks for it, what pages of this origin have stored (ASVS 14.3.1). Never
 * `"cookies"`: that would reach those of every other host of the domain.
 */
const withoutCookie = (cookies: Cookies, clearsStorage: boolean): Reply => ({
  status: 204,
  headers: { 'Set-Cookie': cookies.noRefresh(), ...(clearsStorage ? { 'Clear-Site-Data': '"storage"' } : {}) },
});

const grantedWith =
  (cookies: Cookies) =>
  (grant: Grant, byCookie: boolean, more: readonly string[] = []): Reply => {
    const set = byCookie ? [cookies.refresh(grant.refreshToken, grant.refreshExpiresInSeconds), ...more] : more;
    return {
      ...ok(presentGrant(grant, { withRefreshToken: !byCookie })),
      ...(set.length > 0 ? { headers: { 'Set-Cookie': set } } : {}),
    };
  };

/**
 * The refresh token that came in the body or in the cookie; an empty one is none (RFC 6749 §3.2). Throws `malformed_request`
 * where one came in each.
 */
function presented(body: { readonly refresh_token?: string }, page: AskingPage): { token: string | undefined; byCookie: boolean } {
  const inBody = body.refresh_token === '' ? undefined : body.refresh_token;
  const inCookie = page.refreshToken();
  if (inCookie === undefined) return { token: inBody, byCookie: false };
  if (inBody === undefined) return { token: inCookie, byCookie: true };
  throw new AppError('malformed_request', { details: { detail: 'A refresh token came in the body and in the cookie' } });
}

/** Clears the cookie with the refusal where its session has ended: no refresh by it would succeed any more. */
const clearingDead =
  (cookies: Cookies) =>
  (error: unknown): never => {
    if (!(error instanceof AppError && error.details.sessionEnded === true)) throw error;
    throw new AppError(error.code, { cause: error, details: { ...error.details, setCookie: cookies.noRefresh() } });
  };
