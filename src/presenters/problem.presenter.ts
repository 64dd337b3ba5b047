import { STATUS_CODES } from 'node:http';
import type { AppError, FaultDetails, FieldFault } from '../errors/app-error.js';
import { CODES } from '../errors/codes.js';

/** An error as every client sees it (RFC 9457), and as an OAuth client sees it (RFC 6749 §5.2). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly request_id: string;
  readonly errors?: readonly FieldFault[];
  /** Seconds: how old the authentication may be (RFC 9470). */
  readonly max_age?: number;
  /** Every accepted acr, separated by spaces, where a stronger one is required. */
  readonly acr_values?: string;
  readonly error?: string;
  readonly error_description?: string;
}

/** `base` is where the app is mounted; `status` is the error handler's. */
export function presentProblem(
  { code, details }: AppError,
  context: { status: number; requestId: string; base: string; oauth: boolean },
): Problem {
  const entry = CODES[code];
  const detail = details.detail ?? entry.detail;
  return {
    type: `${context.base}/errors#${code}`,
    title: STATUS_CODES[context.status] ?? 'Error',
    status: context.status,
    detail,
    code,
    request_id: context.requestId,
    ...(details.fields ? { errors: details.fields } : {}),
    ...(details.reauthentication ? stepUpMembers(details.reauthentication) : {}),
    ...(context.oauth ? { error: entry.oauth ?? code, error_description: detail } : {}),
    ...details.members,
  };
}

const stepUpMembers = ({
  maxAgeSeconds,
  acrValues,
}: NonNullable<FaultDetails['reauthentication']>): Pick<Problem, 'max_age' | 'acr_values'> => ({
  max_age: maxAgeSeconds,
  ...(acrValues.length === 0 ? {} : { acr_values: acrValues.join(' ') }),
});
