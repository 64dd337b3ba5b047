import { AppError, type FaultDetails } from '../errors/app-error.js';
import { CODES, type Code } from '../errors/codes.js';
import { presentProblem, type Problem } from '../presenters/problem.presenter.js';

const REQUEST_ID = '7f1c1a52-5f0e-4d52-8a6e-0f6f5b7f7b11';

/** Facts that a response with this code has beside its text. */
function detailsOf(code: Code): FaultDetails {
  if (code === 'validation_failed') return { fields: [{ path: 'username', code: 'required', message: 'is required' }] };
  if (code.startsWith('password_')) return { fields: [{ path: 'password', code, message: CODES[code].detail }] };
  if (code === 'reauthentication_required') return { reauthentication: { maxAgeSeconds: 300, acrValues: [] } };
  return {};
}

interface Shown {
  readonly status: number;
  readonly oauth: boolean;
  /** The text, where it is not the code's own. */
  readonly detail?: string;
}

/** Returns the body of a response with this code, as the error handler writes it. */
export const problemExample = (code: Code, { status, oauth, detail }: Shown): Problem =>
  presentProblem(new AppError(code, { details: { ...detailsOf(code), ...(detail === undefined ? {} : { detail }) } }), {
    status,
    requestId: REQUEST_ID,
    base: '',
    oauth,
  });
