import type { Limits } from '../../../config/index.js';
import type { Counters } from '../../adapters/counters.js';
import { createAtOnce, createGuesses, createQuota, type GuessTally, type Tally } from './tally.js';

/** By what an attempt is counted: the client's address, the account it is made at, where its mail goes to, or another key of the limit's own. */
export type By = 'address' | 'account' | 'mailbox' | 'key';

/** What there is a limit on. */
export const LIMIT_NAMES = [
  'log_in',
  'log_ins',
  'refresh',
  'forged_refresh',
  'registration',
  'write',
  'security_change',
  'administration',
  'name_change',
  'mailbox',
  'reset_request',
  'recovery_code',
  'one_time_token',
  'current_password',
  'verification_mail',
  'address_change',
  'introspection',
  'service_key',
] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

export interface Policies {
  /** Each limit's tallies, in the order in which they are asked. */
  readonly of: Readonly<Record<LimitName, readonly (readonly [By, Tally])[]>>;
  /** Wrong passwords for an account from devices that are not known, and from each that is. */
  readonly account: GuessTally;
  readonly device: GuessTally;
  /** Log-ins of an account at the same time, from all devices that are known. */
  readonly devicesAtOnce: Tally;
}

const HOUR_SECONDS = 60 * 60;
const MINUTE_SECONDS = 60;
/** Failures at an account must not use up its log-ins, or strangers could keep its owner out. */
const NOT_FAILED = ['succeeded', 'refused'] as const;

/** Every limit once, with its numbers from the settings. */
export function createPolicies(counters: Counters, settings: Limits): Policies {
  const { failures, windowSeconds, longestWaitSeconds, hourly, logIns, writes } = settings;
  const times = { windowSeconds, longestWaitSeconds };
  const guesses = (policy: string, most: number): GuessTally =>
    createGuesses(counters, { ...times, policy, most, consecutive: failures.consecutive, clearedBySuccess: true });
  const fromAddress = (limit: LimitName): readonly ['address', Tally] => {
    const most = failures.perAddress;
    return ['address', createGuesses(counters, { ...times, policy: `${limit}.address`, most, clearedBySuccess: false })];
  };
  const quota = (policy: string, most: number, seconds = HOUR_SECONDS): Tally => createQuota(counters, { policy, most, seconds });
  // What sends no mail fills no mailbox, and must not keep its owner from theirs.
  const toMailbox = (policy: string): readonly ['mailbox', Tally] => [
    'mailbox',
    createQuota(counters, { policy, most: hourly.mails, seconds: HOUR_SECONDS, counts: ['succeeded'] }),
  ];

  const account = guesses('log_in.account', failures.perAccount);
  const recoveryCodes = guesses('recovery_code.account', failures.codeTries);
  const currentPassword = guesses('current_password.account', failures.perAccount);
  return {
    account,
    device: guesses('log_in.device', failures.perAccount),
    devicesAtOnce: createAtOnce(counters, { policy: 'log_in.devices', most: failures.perAccount }),
    of: {
      log_in: [fromAddress('log_in'), ['account', account]],
      log_ins: [
        ['address', quota('log_ins.address', logIns.perClient, windowSeconds)],
        [
          'account',
          createQuota(counters, { policy: 'log_ins.account', most: logIns.perAccount, seconds: windowSeconds, counts: NOT_FAILED }),
        ],
      ],
      refresh: [['key', quota('refresh.session', settings.refreshes, windowSeconds)]],
      forged_refresh: [fromAddress('forged_refresh')],
      registration: [['address', quota('registration.address', hourly.registrations)]],
      write: [
        ['key', quota('write.session', Math.ceil(writes.perAccount / 2), MINUTE_SECONDS)],
        ['account', quota('write.account', writes.perAccount, MINUTE_SECONDS)],
        ['address', quota('write.address', writes.perClient, MINUTE_SECONDS)],
      ],
      // By session alone: a thief's session, or a client IP that the owner shares, must not keep the owner from ending it.
      security_change: [['key', quota('security_change.session', writes.perAccount, MINUTE_SECONDS)]],
      administration: [['account', quota('administration.account', writes.perAdministrator, MINUTE_SECONDS)]],
      name_change: [
        ['address', quota('name_change.address', hourly.registrations)],
        ['account', quota('name_change.account', hourly.registrations)],
      ],
      mailbox: [toMailbox('mailbox')],
      reset_request: [
        ['address', quota('reset_request.address', hourly.resets)],
        ['account', quota('reset_request.account', hourly.mails)],
      ],
      recovery_code: [fromAddress('recovery_code'), ['account', recoveryCodes]],
      one_time_token: [fromAddress('one_time_token')],
      current_password: [['account', currentPassword]],
      verification_mail: [['account', quota('verification_mail.account', hourly.mails)], toMailbox('verification_mail.mailbox')],
      address_change: [['account', quota('address_change.account', hourly.mails)]],
      introspection: [['key', quota('introspection.caller', settings.introspections, MINUTE_SECONDS)]],
      service_key: [fromAddress('service_key')],
    },
  };
}
