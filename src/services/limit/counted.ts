import { createHmac } from 'node:crypto';
import type { Transaction } from 'sequelize';
import type { Client } from '../../lib/actor.js';
import { networkOf } from '../../lib/client-network.js';
import { deriveKeys, type RootKeys } from '../../lib/derived-key.js';
import { mailboxKey } from '../../lib/email-address.js';
import { type LoginIdentifier, loginIdentifier } from '../../lib/login-identifier.js';
import type { Identity, UserModel } from '../../models/user.model.js';
import type { Devices, Owner } from './devices.js';
import type { By, LimitName, Policies } from './policies.js';
import type { Tally } from './tally.js';

/** A limit that an attempt falls under, and whom it is counted against beside the client's address. */
export interface LimitUse {
  readonly limit: LimitName;
  /** A user by id, or a log-in identifier: a username and a verified e-mail address share the count of their account. */
  readonly account?: number | string | AccountCandidate;
  /** What else the limit goes by: a session, a caller. */
  readonly key?: string;
  /** Where a mail goes to: the address, or the user whose own it is. */
  readonly mailbox?: string | number;
  /** The cookie of a device that may be known (a log-in). */
  readonly device?: string | undefined;
  /** Whether what is shown is good, where nobody can guess it: whoever has it does not wait for those who guess. */
  readonly isGood?: () => Promise<boolean>;
}

/** One of the accounts that a log-in identifier may mean. An attempt at each is counted for itself, but for the client IP. */
export interface AccountCandidate {
  readonly user: Identity | undefined;
  readonly identifier: LoginIdentifier;
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

const NOBODY: Owner = { id: 0, hashed_password: null };

interface Parts {
  readonly policies: Policies;
  readonly devices: Devices;
  readonly rootKeys: RootKeys;
  readonly User: UserModel;
}

/** Where attempts are counted. */
export interface Counting {
  /** All that an attempt under these limits is counted on; `onDevice` instead where it comes from a known device. */
  of(uses: readonly LimitUse[], client: Client): Promise<{ readonly all: readonly Counted[]; readonly onDevice?: readonly Counted[] }>;
  /** Forgets the wrong passwords and recovery codes of a user, in every process, once the transaction is committed. */
  forgive(userId: number, transaction: Transaction): Promise<void>;
}

/** Names and e-mail addresses are hashed: the counters' store holds no personal data, and they may be long. */
function createKeys(rootKeys: RootKeys): (limit: LimitName, by: Counted['by'], whom: string) => string {
  // Counters live no longer than the process.
  const { current: hashingKey } = deriveKeys(rootKeys, 'limits');
  return (limit, by, whom) => createHmac('sha256', hashingKey).update(`${limit} ${by} ${whom}`).digest('base64url');
}

/** Failures of these are forgiven by a reset and by an administrator: their keys change with the user's `limits_epoch`. */
const FORGIVEN: ReadonlySet<LimitName> = new Set<LimitName>(['log_in', 'recovery_code', 'current_password']);

const keyOfUser = ({ id, limits_epoch }: Pick<Identity, 'id' | 'limits_epoch'>, limit: LimitName): string =>
  FORGIVEN.has(limit) ? `user ${id} ${limits_epoch}` : `user ${id}`;

/** Counts an absent account under its identifier, like one that is there (ASVS 6.3.8). */
const candidateAccount = ({ user, identifier: { fold, emailFold } }: AccountCandidate, limit: LimitName): Account =>
  user === undefined
    ? { userId: null, key: `name ${emailFold ?? fold}`, owner: NOBODY }
    : { userId: user.id, key: keyOfUser(user, limit), owner: user };

/** Finds the accounts that an attempt is made at. An identifier that several limits share is looked up once. */
function createAccounts(User: UserModel): (use: LimitUse) => Promise<Account[]> {
  const identified = new Map<string, ReturnType<UserModel['identify']>>();
  const identify = (identifier: LoginIdentifier): ReturnType<UserModel['identify']> => {
    const found = identified.get(identifier.name) ?? User.identify(identifier);
    identified.set(identifier.name, found);
    return found;
  };
  return async ({ account, limit }) => {
    if (account === undefined) return [];
    if (typeof account === 'number') {
      const found = FORGIVEN.has(limit) ? await User.findByPk(account, { attributes: ['limits_epoch'] }) : null;
      return [{ userId: account, key: keyOfUser({ id: account, limits_epoch: found?.limits_epoch ?? 0 }, limit), owner: NOBODY }];
    }
    if (typeof account === 'object') return [candidateAccount(account, limit)];
    const identifier = loginIdentifier(account);
    return (await identify(identifier)).map((user) => candidateAccount({ user, identifier }, limit));
  };
}

/** Limits that count each of the accounts that a log-in may mean by itself, when its password is compared. */
const BY_CANDIDATE: ReadonlySet<LimitName> = new Set<LimitName>(['log_in', 'log_ins']);

export function createCounting({ policies, devices, rootKeys, User }: Parts): Counting {
  const keyOf = createKeys(rootKeys);
  /** Of a user it is the address that a verification mail goes to. */
  const mailboxOf = async (mailbox: string | number): Promise<string | undefined> => {
    const user = typeof mailbox === 'string' ? null : await User.findByPk(mailbox);
    const email = typeof mailbox === 'string' ? mailbox : (user?.pending_email ?? user?.email);
    return typeof email === 'string' ? mailboxKey(email) : undefined;
  };

  const countedOf = async (use: LimitUse, accounts: readonly Account[], client: Client): Promise<Counted[]> => {
    const { limit, key } = use;
    const mailbox = use.mailbox === undefined ? undefined : await mailboxOf(use.mailbox);
    const userId = accounts[0]?.userId ?? null;
    const once: Readonly<Record<Exclude<By, 'account'>, string | undefined>> = {
      address: typeof use.account === 'object' ? undefined : networkOf(client.ip),
      key,
      mailbox,
    };
    const isTyped = (by: By): boolean => (by === 'account' && typeof use.account !== 'number') || by === 'mailbox';
    return policies.of[limit].flatMap(([by, tally]) => {
      const whom = by === 'account' ? accounts : [{ key: once[by], userId }];
      return whom.flatMap(({ key: one, userId: of }) =>
        one === undefined ? [] : [{ limit, by, tally, key: keyOf(limit, by, one), userId: of, isTold: !isTyped(by) }],
      );
    });
  };

  /** A device on which its user has logged in has a count of its own, so that no stranger can keep the owner out. */
  const deviceOf = ({ limit, device }: LimitUse, { userId, key, owner }: Account): readonly Counted[] | undefined => {
    const name = limit === 'log_in' ? devices.recognise(owner, device) : undefined;
    if (name === undefined || userId === null) return undefined;
    const failures: Counted = {
      limit,
      by: 'device',
      tally: policies.device,
      key: keyOf(limit, 'device', name),
      userId,
      isTold: true,
      // The owner is there: what strangers have tried is no longer in a row.
      afterSuccess: () => policies.account.endRow(keyOf(limit, 'account', key)),
    };
    const atOnce = keyOf(limit, 'device', `all of ${key}`);
    return [failures, { limit, by: 'device', tally: policies.devicesAtOnce, key: atOnce, userId, isTold: false }];
  };

  return {
    of: async (uses, client) => {
      const accountsOf = createAccounts(User);
      const all: Counted[] = [];
      let device: readonly Counted[] | undefined;
      for (const use of uses) {
        const accounts = await accountsOf(use);
        const known = accounts.map((account) => deviceOf(use, account)).filter((counted) => counted !== undefined);
        const isSplit = BY_CANDIDATE.has(use.limit) && accounts.length > 1;
        if (!isSplit || known.length === 0) all.push(...(await countedOf(use, isSplit ? [] : accounts, client)));
        if (!isSplit) device ??= known[0];
      }
      if (device === undefined) return { all };
      // Failures count for the device instead of the account and the client; log-ins as such count for those too.
      return { all, onDevice: [...device, ...all.filter(({ limit }) => limit !== 'log_in')] };
    },
    forgive: (userId, transaction) => User.forgiveFailures(userId, transaction),
  };
}
