/** What a controller is told of a request that has passed its guard; `body` and `params` as their schemas have them. */
export interface Asked<Body = undefined, Params = undefined> {
  readonly body: Body;
  readonly params: Params;
  /** Where the app is mounted: '' at the root. */
  readonly base: string;
  /** Whether a person's browser asks. */
  readonly wantsHtml: boolean;
}

/** What a controller answers: JSON, unless it names another type. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly content?: { readonly type: string; readonly data: string | Buffer };
}

export const ok = (json: unknown): Reply => ({ status: 200, json });
