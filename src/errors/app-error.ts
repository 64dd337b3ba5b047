import type { Acr } from '../lib/acr.js';
import { CODES, type Code } from './codes.js';

/** What is wrong with one member of a request; never with its value. */
export interface FieldFault {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** Facts that go with a fault into the answer. */
export interface FaultDetails {
  readonly fields?: readonly FieldFault[];
  /** Methods the address takes (405). */
  readonly allow?: string;
  /** The fault is in the Bearer credentials, so the answer says so in a challenge (RFC 6750 §3). */
  readonly challenge?: boolean;
  /** The scope that would have sufficed (RFC 6750 §3). */
  readonly scope?: string;
  /** What the authentication must be (RFC 9470 §3); `acrValues` is empty where any strength is accepted. */
  readonly reauthentication?: { readonly maxAgeSeconds: number; readonly acrValues: readonly Acr[] };
  /** How long to wait before the next try (429, 503). */
  readonly retryAfterSeconds?: number;
  /** The session of the refresh token has ended: no refresh by that token succeeds any more. */
  readonly sessionEnded?: true;
  /** A `Set-Cookie` that goes with the response. */
  readonly setCookie?: string;
  /** Said in place of the code's own text. Public: never a value from the request. */
  readonly detail?: string;
  /** Further members of the problem document (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** A fault of the domain with a stable code. Our own bugs are TypeErrors instead. */
export class AppError extends Error {
  readonly details: FaultDetails;

  constructor(
    readonly code: Code,
    { cause, details = {} }: { cause?: unknown; details?: FaultDetails } = {},
  ) {
    super(details.detail ?? CODES[code].detail, { cause });
    this.name = 'AppError';
    this.details = details;
  }
}
