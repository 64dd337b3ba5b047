import Joi from 'joi';
import type { LimitSettings } from './settings.js';

/** NIST SP 800-63B-4 §3.2.2: no account takes more wrong guesses than this in a row. */
const MOST_CONSECUTIVE = 100;
const MOST = 1_000_000;

const count = (most: number, usual: number, unit: string): Joi.NumberSchema =>
  Joi.number().integer().min(1).max(most).default(usual).unit(unit);

/** How often what may be tried, and how long who tried too often has to wait. */
export const limitSettings = {
  RATE_LIMIT: Joi.string()
    .when('NODE_ENV', {
      is: 'production',
      then: Joi.valid('on').messages({
        'any.only': '{#label} must be on in production, or passwords could be tried without a limit. Leave it out',
      }),
      otherwise: Joi.valid('on', 'off'),
    })
    .default('on')
    .description('`off` lifts every limit below; production refuses that.'),
  LIMIT_FAILURES_PER_ACCOUNT: count(MOST_CONSECUTIVE, 10, 'failures').description(
    'Failed log-ins of one account within the window, from any client; each further attempt waits twice as long as the one before.',
  ),
  LIMIT_FAILURES_PER_ADDRESS: count(MOST, 100, 'failures').description(
    'The same from one client address, for any account; also wrong one-time tokens, refresh tokens and service keys, each counted by itself.',
  ),
  LIMIT_CODE_TRIES: count(MOST_CONSECUTIVE, 5, 'tries').description('Wrong recovery codes for one account, likewise.'),
  LIMIT_CONSECUTIVE_FAILURES: count(MOST_CONSECUTIVE, MOST_CONSECUTIVE, 'failures').description(
    'Consecutive failures for one account from unknown devices; then only a known device, a reset or an administrator admits the owner.',
  ),
  LIMIT_WINDOW_MINUTES: count(24 * 60, 15, 'minutes').description('For how long a failure counts.'),
  LIMIT_LONGEST_WAIT_MINUTES: count(24 * 60, 60, 'minutes').description('The waits double from one minute up to this.'),
  LIMIT_REGISTRATIONS_PER_ADDRESS: count(MOST, 100, 'an hour').description(
    'Registrations from one client address; also changes of usernames from one address and by one account, counted by themselves.',
  ),
  LIMIT_RESETS_PER_ADDRESS: count(MOST, 100, 'an hour').description('Password resets asked for from one client address.'),
  LIMIT_MAILS_PER_ACCOUNT: count(MOST, 5, 'an hour').description(
    'Password resets for one account; also verifications and changes of its address, and verification mails to one address, each counted by itself.',
  ),
  LIMIT_REFRESHES_PER_SESSION: count(MOST, 600, 'a window').description('Refreshes of one session.'),
  LIMIT_LOG_INS_PER_ACCOUNT: count(MOST, 1000, 'a window').description(
    'Successful log-ins of one account, from known devices too; failures have limits of their own.',
  ),
  LIMIT_LOG_INS_PER_CLIENT: count(MOST, 10_000, 'a window').description(
    'Log-ins from one client IP, whatever their outcome, from known devices too.',
  ),
  LIMIT_WRITES_PER_ACCOUNT: count(MOST, 300, 'a minute').description(
    'Changes by one signed-in user, refused ones too; one session gets half of them. As many changes that shut others out (a new password, ending sessions, deletion) for each session.',
  ),
  LIMIT_WRITES_PER_CLIENT: count(MOST, 3000, 'a minute').description('Changes by signed-in users from one client IP.'),
  LIMIT_WRITES_PER_ADMINISTRATOR: count(MOST, 1200, 'a minute').description('Changes by one administrator under `/admin`.'),
  LIMIT_INTROSPECTIONS_PER_CALLER: count(MOST, 6000, 'a minute').description('Calls of `/introspect` by one service key or user.'),
} as const satisfies Record<keyof LimitSettings, Joi.Schema>;

/** The limits as the house reads them. */
export interface Limits {
  readonly on: boolean;
  readonly failures: { readonly perAccount: number; readonly perAddress: number; readonly codeTries: number; readonly consecutive: number };
  readonly windowSeconds: number;
  readonly longestWaitSeconds: number;
  /** Each an hour. */
  readonly hourly: { readonly registrations: number; readonly resets: number; readonly mails: number };
  /** A window. */
  readonly refreshes: number;
  /** A window. */
  readonly logIns: { readonly perAccount: number; readonly perClient: number };
  /** A minute. */
  readonly writes: { readonly perAccount: number; readonly perClient: number; readonly perAdministrator: number };
  /** A minute. */
  readonly introspections: number;
}

export const limitsOf = (settings: LimitSettings): Limits => ({
  on: settings.RATE_LIMIT === 'on',
  failures: {
    perAccount: settings.LIMIT_FAILURES_PER_ACCOUNT,
    perAddress: settings.LIMIT_FAILURES_PER_ADDRESS,
    codeTries: settings.LIMIT_CODE_TRIES,
    consecutive: settings.LIMIT_CONSECUTIVE_FAILURES,
  },
  windowSeconds: settings.LIMIT_WINDOW_MINUTES * 60,
  longestWaitSeconds: settings.LIMIT_LONGEST_WAIT_MINUTES * 60,
  hourly: {
    registrations: settings.LIMIT_REGISTRATIONS_PER_ADDRESS,
    resets: settings.LIMIT_RESETS_PER_ADDRESS,
    mails: settings.LIMIT_MAILS_PER_ACCOUNT,
  },
  refreshes: settings.LIMIT_REFRESHES_PER_SESSION,
  logIns: { perAccount: settings.LIMIT_LOG_INS_PER_ACCOUNT, perClient: settings.LIMIT_LOG_INS_PER_CLIENT },
  writes: {
    perAccount: settings.LIMIT_WRITES_PER_ACCOUNT,
    perClient: settings.LIMIT_WRITES_PER_CLIENT,
    perAdministrator: settings.LIMIT_WRITES_PER_ADMINISTRATOR,
  },
  introspections: settings.LIMIT_INTROSPECTIONS_PER_CALLER,
});
