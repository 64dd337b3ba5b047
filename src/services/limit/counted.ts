import { createHmac } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Client } from '../../lib/actor.js';
import { networkOf } from '../../lib/client-network.js';
import { deriveKey } from '../../lib/derived-key.js';
import { foldName } from '../../lib/names.js';
import type { Identity, UserModel } from '../../models/user.model.js';
import type { Devices, Owner } from './devices.js';
import type { By, LimitName, Policies } from './policies.js';
import type { Tally } from './tally.js';

/** A limit that an attempt falls under, and whom it is counted against beside the client's address. */
export interface LimitUse {
  readonly limit: LimitName;
  /** A user, by id or by what somebody typed: a name or an e-mail address, which share one count. */
  readonly account?: number | string;
  /** What else the limit goes by: a session, a caller. */
  readonly key?: string;
  /** Where a mail goes to: the address, or the user whose own it is. */
  readonly mailbox?: string | number;
  /** The cookie of a device that may be known (a log-in). */
  readonly device?: string | undefined;
  /** Whether what is shown is good, where nobody can guess it: whoever has it does not wait for those who guess. */
  readonly isGood?: () => Promise<boolean>;
}

/** One tally that an attempt is counted on, and under which key. */
export interface Counted {
  readonly limit: LimitName;
  readonly by: By | 'device';
  readonly tally: Tally;
  readonly key: string;
  /** The user whom it is about; null where it is about nobody who exists. */
  readonly userId: number | null;
  /** Whether it is told how it stands before it has to wait. Of what somebody typed it is not: two that share a count are one user's. */
  readonly isTold: boolean;
  readonly afterSuccess?: () => Promise<void>;
}

interface Account {
  readonly userId: number | null;
  readonly key: string;
  readonly owner: Owner;
}

/** Failures of these are forgiven by a reset and by an administrator: their keys change with the user's `limits_epoch`. */
const FORGIVEN: ReadonlySet<LimitName> = new Set<LimitName>(['log_in', 'recovery_code', 'current_password']);

const keyOfUser = ({ id, limits_epoch }: Pick<Identity, 'id' | 'limits_epoch'>, limit: LimitName): string =>
  FORGIVEN.has(limit) ? `user ${id} ${limits_epoch}` : `user ${id}`;

const NOBODY: Owner = { id: 0, hashed_password: null };

interface Parts {
  readonly policies: Policies;
  readonly devices: Devices;
  readonly rootKey: string;
  readonly User: UserModel;
}

/** Where attempts are counted. */
export interface Counting {
  /** All that an attempt under these limits is counted on; `onDevice` instead where it comes from a known device. */
  of(uses: readonly LimitUse[], client: Client): Promise<{ readonly all: readonly Counted[]; readonly onDevice?: readonly Counted[] }>;
  /** Forgets the wrong passwords and recovery codes of a user, in every process, once the transaction is committed. */
  forgive(userId: number, transaction: Transaction): Promise<void>;
}

export function createCounting({ policies, devices, rootKey, User }: Parts): Counting {
  const hashingKey = deriveKey(rootKey, 'limits');
  // Names and addresses are nobody's business where the counts are kept, and may be long.
  const keyOf = (limit: LimitName, by: Counted['by'], whom: string): string =>
    createHmac('sha256', hashingKey).update(`${limit} ${by} ${whom}`).digest('base64url');

  const accountOf = async (account: number | string, limit: LimitName): Promise<Account> => {
    if (typeof account === 'number') {
      const found = FORGIVEN.has(limit) ? await User.findByPk(account, { attributes: ['limits_epoch'] }) : null;
      return { userId: account, key: keyOfUser({ id: account, limits_epoch: found?.limits_epoch ?? 0 }, limit), owner: NOBODY };
    }
    const fold = foldName(account);
    const user = await User.identify(account, fold);
    return user === undefined
      ? { userId: null, key: `name ${fold}`, owner: NOBODY }
      : { userId: user.id, key: keyOfUser(user, limit), owner: user };
  };

  const mailboxOf = async (mailbox: string | number): Promise<string | undefined> =>
    typeof mailbox === 'string' ? foldName(mailbox) : ((await User.findByPk(mailbox))?.email_fold ?? undefined);

  const countedOf = async (use: LimitUse, account: Account | undefined, client: Client): Promise<Counted[]> => {
    const { limit, key } = use;
    const mailbox = use.mailbox === undefined ? undefined : await mailboxOf(use.mailbox);
    const whom: Readonly<Record<By, string | undefined>> = { address: networkOf(client.ip), account: account?.key, key, mailbox };
    const isTyped = (by: By): boolean => (by === 'account' && typeof use.account === 'string') || by === 'mailbox';
    return policies.of[limit].flatMap(([by, tally]) => {
      const one = whom[by];
      if (one === undefined) return [];
      return [{ limit, by, tally, key: keyOf(limit, by, one), userId: account?.userId ?? null, isTold: !isTyped(by) }];
    });
  };

  /** A device on which its user has logged in has a count of its own, so that no stranger can keep the owner out. */
  const deviceOf = ({ limit, device }: LimitUse, account: Account | undefined): readonly Counted[] | undefined => {
    const name = limit === 'log_in' ? devices.recognise(account?.owner ?? NOBODY, device) : undefined;
    if (name === undefined || account === undefined || account.userId === null) return undefined;
    const { userId } = account;
    const failures: Counted = {
      limit,
      by: 'device',
      tally: policies.device,
      key: keyOf(limit, 'device', name),
      userId,
      isTold: true,
      // The owner is there: what strangers have tried is no longer in a row.
      afterSuccess: () => policies.account.endRow(keyOf(limit, 'account', account.key)),
    };
    const atOnce = keyOf(limit, 'device', `all of ${account.key}`);
    return [failures, { limit, by: 'device', tally: policies.devicesAtOnce, key: atOnce, userId, isTold: false }];
  };

  return {
    of: async (uses, client) => {
      const all: Counted[] = [];
      let device: readonly Counted[] | undefined;
      for (const use of uses) {
        const account = use.account === undefined ? undefined : await accountOf(use.account, use.limit);
        all.push(...(await countedOf(use, account, client)));
        device ??= deviceOf(use, account);
      }
      if (device === undefined) return { all };
      // Failures count for the device instead of the account and the client; log-ins as such count for those too.
      return { all, onDevice: [...device, ...all.filter(({ limit }) => limit !== 'log_in')] };
    },
    forgive: (userId, transaction) => User.forgiveFailures(userId, transaction),
  };
}
