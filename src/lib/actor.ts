import type { Acr } from './acr.js';

/** Where a request comes from, as far as the connection tells. */
export interface Client {
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

/** A signed-in user's request: whose it is, and by which session. */
export interface Actor extends Client {
  readonly userId: number;
  readonly sessionId: string;
  /** The refresh-token generation that the access token was issued with. */
  readonly generation: number;
  /** When the user last authenticated, in milliseconds since 1970. */
  readonly authenticatedAt: number;
  /** How strong that authentication was. */
  readonly acr: Acr;
}

/** Who calls, by the Bearer token that came: `unknown` where it is not valid, `nobody` where there is none. */
export type Caller =
  | { readonly kind: 'nobody' | 'unknown' }
  | { readonly kind: 'service'; readonly keyId: string; readonly scopes: readonly string[] }
  | {
      readonly kind: 'user';
      readonly actor: Actor;
      readonly scopes: readonly string[];
      /** Throws `invalid_token` for a token that this service did not issue: one that a holder of SECRET_KEY has forged. */
      readonly assertOwn: () => Promise<void>;
    };

/** Who did something, as the record of it keeps them: `nobody` is a caller who is not known (yet). */
export interface Doer extends Client {
  readonly kind: 'user' | 'service' | 'operator' | 'system' | 'nobody';
  /** A user's or a service key's id. */
  readonly id: string | null;
}

/** A client of which nothing is known. */
export const UNKNOWN_CLIENT: Client = { ip: null, userAgent: null, requestId: null };

/** Whoever has a shell on the machine. */
export const OPERATOR: Doer = { ...UNKNOWN_CLIENT, kind: 'operator', id: null };
/** The service itself, by the clock. */
export const SYSTEM: Doer = { ...UNKNOWN_CLIENT, kind: 'system', id: null };

export const byUser = ({ userId, ip, userAgent, requestId }: Actor): Doer => ({
  kind: 'user',
  id: String(userId),
  ip,
  userAgent,
  requestId,
});
/** A user whom no session stands for (yet): by what they have shown to be theirs. */
export const byOwner = (userId: number, client: Client): Doer => ({ ...byClient(client), kind: 'user', id: String(userId) });
export const byClient = ({ ip, userAgent, requestId }: Client): Doer => ({ kind: 'nobody', id: null, ip, userAgent, requestId });
export const byService = (keyId: string, { ip, userAgent, requestId }: Client): Doer => ({
  kind: 'service',
  id: keyId,
  ip,
  userAgent,
  requestId,
});
