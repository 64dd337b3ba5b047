import { AppError } from './app-error.js';

/** The fault of a `cursor`, or of what else names a place in a list, that was not given out here. */
export const badCursor = (path = 'cursor'): AppError =>
  new AppError('validation_failed', { details: { fields: [{ path, code: 'format', message: 'is no cursor of ours' }] } });
