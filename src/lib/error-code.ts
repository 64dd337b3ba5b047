/**
 * The code of a system's error (`SQLITE_BUSY`, `ECONNREFUSED`, `08006`); '' for what has none. Read off the value, as an
 * addon's errors need not be of this realm's Error.
 */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
