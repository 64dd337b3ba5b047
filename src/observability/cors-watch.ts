import type { Logger } from './logger.js';

/** Origins that are named: enough for any developer, and a bound on what a stranger can make this process keep. */
const MOST_ORIGINS = 100;
/** An origin as browsers serialise it (RFC 6454 §6.2). Any other text comes from no browser, and is not repeated in the log. */
const ORIGIN = /^(?:null|[a-z][a-z0-9+.-]*:\/\/[\w.[\]:-]{1,255})$/;

/** Logs each origin once that CORS refuses, with the setting to change: a browser tells its user no more than "CORS error". */
export function createOriginWatch(logger: Pick<Logger, 'warn'>): (origin: string) => void {
  const told = new Set<string>();
  return (origin) => {
    if (told.has(origin) || told.size >= MOST_ORIGINS || !ORIGIN.test(origin)) return;
    told.add(origin);
    const advice =
      origin === 'null'
        ? 'Serve the page over http: one that is opened from a file, or in a sandbox, has no origin'
        : `If the page is yours, add ${origin} to CORS_ORIGINS`;
    logger.warn({ origin }, `CORS refuses the pages of ${origin}, which CORS_ORIGINS does not list. ${advice}`);
  };
}
