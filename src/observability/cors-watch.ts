import type { Logger } from './logger.js';

/** Origins that are named: enough for any developer, and a bound on what a stranger can make this process keep. */
const MOST_ORIGINS = 100;
/** Longer ones are no origin of a browser's. */
const MOST_CHARACTERS = 300;

/** Logs each origin once that CORS refuses, with the setting to change: a browser tells its user no more than "CORS error". */
export function createOriginWatch(logger: Pick<Logger, 'warn'>): (origin: string) => void {
  const told = new Set<string>();
  return (origin) => {
    if (told.has(origin) || told.size >= MOST_ORIGINS || origin.length > MOST_CHARACTERS) return;
    told.add(origin);
    const advice =
      origin === 'null'
        ? 'Serve the page over http: one that is opened from a file, or in a sandbox, has no origin'
        : `If the page is yours, add ${origin} to CORS_ORIGINS`;
    logger.warn({ origin }, `CORS refuses the pages of ${origin}, which CORS_ORIGINS does not list. ${advice}`);
  };
}
