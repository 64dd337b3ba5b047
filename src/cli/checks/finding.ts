/** What a check found, and in the same breath what to do about it. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
}

export const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
export const warn = (check: string, detail: string): Finding => ({ check, status: 'warn', detail });
export const fail = (check: string, detail: string): Finding => ({ check, status: 'fail', detail });
