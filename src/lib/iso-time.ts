/** A day, or a time with its zone: a time without one would be told by where the service runs. */
const FORM = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** Reads a time of ISO 8601: a day, which begins in UTC, or a time with its zone. Undefined for anything else. */
export function readTime(text: string): Date | undefined {
  const time = new Date(FORM.test(text) ? text : Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
