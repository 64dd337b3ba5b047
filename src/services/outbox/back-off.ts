const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** How long a mail is tried after it was posted. */
export const TRIED_MS = 3 * 24 * HOUR;
/**
 * Five attempts within the first ten minutes: a user waits for the mail, and greylisting servers accept it after about five
 * (RFC 6647 §5). A server that is unavailable for longer is asked less and less often.
 */
const WAITS_MS = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE];
/** What is refused may be our own settings, and whoever runs the service needs a while to see and mend that. */
const WAITS_REFUSED_MS = [10 * MINUTE];
/** Mails that failed together are not all tried together. */
const JITTER = 0.2;

const jittered = (milliseconds: number): number => Math.round(milliseconds * (1 + JITTER * Math.random()));

/** How long a mail waits after so many tries: five seconds to an hour, and up to a fifth more by chance. */
export const waitAfter = (attempts: number): number => jittered(WAITS_MS[attempts - 1] ?? HOUR);

/** The same after it was refused so many times: ten minutes, then an hour. */
export const waitAfterRefusal = (refusals: number): number => jittered(WAITS_REFUSED_MS[refusals - 1] ?? HOUR);
