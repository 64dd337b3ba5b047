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
}

/** Who calls, by the Bearer token that came: `unknown` where it is not valid, `nobody` where there is none. */
export type Caller =
  | { readonly kind: 'nobody' | 'unknown' }
  | { readonly kind: 'service'; readonly keyId: string; readonly scopes: readonly string[] }
  | { readonly kind: 'user'; readonly actor: Actor; readonly scopes: readonly string[] };
