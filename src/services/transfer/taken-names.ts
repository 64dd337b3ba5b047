import type { FieldFault } from '../../errors/app-error.js';
import type { NameHolder, NewUserRow } from '../../models/user-batch.js';
import type { Candidate } from './import-rules.js';

/** A user who has a name: in the database, or earlier in the import. */
interface Holder {
  /** Left out where they are yet to be written. */
  readonly id?: number;
  readonly username: string;
  /** Null for a look-alike. */
  readonly username_fold: string | null;
}

/** Names and verified addresses by their folds. */
export interface Taken {
  readonly names: Map<string, Holder[]>;
  readonly addresses: Set<string>;
}

export const nobodys = (): Taken => ({ names: new Map(), addresses: new Set() });

/** What those have who are in the database. */
export function takenBy(holders: readonly NameHolder[]): Taken {
  const taken = nobodys();
  for (const holder of holders) take(taken, holder, holder.username_fold ?? holder.lookalike_fold, holder.verified_email_fold);
  return taken;
}

function take({ names, addresses }: Taken, holder: Holder, name: string | null, address: string | null): void {
  if (name !== null) names.set(name, [...(names.get(name) ?? []), holder]);
  if (address !== null) addresses.add(address);
}

/** What becomes of a candidate, told by what others have. */
export type Settled =
  | { readonly row: NewUserRow; readonly notes: readonly string[] }
  | { readonly there: Holder; readonly notes: readonly string[] }
  | { readonly faults: readonly FieldFault[] };

/**
 * Holds a candidate against those in the database and those before them in the import, whom they then join. A username and
 * another account's verified address are never equal; of an address that two have verified the first keeps it.
 */
export function settle({ row, fold, notes, adopted }: Candidate, stored: Taken, earlier: Taken): Settled {
  const named = [...(stored.names.get(fold) ?? []), ...(earlier.names.get(fold) ?? [])];
  const owner = named.find(({ username_fold }) => username_fold !== null) ?? named[0];
  const same = named.find(({ username }) => username === row.username) ?? (adopted === undefined ? owner : undefined);
  if (same !== undefined) return { there: same, notes: notesOf(same, row.username) };
  if (owner !== undefined && owner.username !== adopted?.looksLike) return { faults: [LOOKS_LIKE_ANOTHER] };
  const isVerified = (address: string): boolean => stored.addresses.has(address) || earlier.addresses.has(address);
  if (isVerified(fold)) return { faults: [ANOTHERS_ADDRESS] };

  const address = row.verified_email_fold;
  if (address !== null && address !== fold && (stored.names.has(address) || earlier.names.has(address))) return { faults: [ANOTHERS_NAME] };
  const settled = {
    ...row,
    ...(owner === undefined ? {} : { username_fold: null, lookalike_fold: fold }),
    ...(address !== null && isVerified(address) ? { email_verified_at: null, verified_email_fold: null, email_set_by_admin: true } : {}),
  };
  take(earlier, settled, fold, settled.verified_email_fold);
  return { row: settled, notes: settled.verified_email_fold === address ? notes : [...notes, UNVERIFIED] };
}

const LOOKS_LIKE_ANOTHER: FieldFault = { path: 'username', code: 'not_allowed', message: 'looks like the name of somebody who is there' };
const ANOTHERS_ADDRESS: FieldFault = {
  path: 'username',
  code: 'not_allowed',
  message: 'is the verified e-mail address of another account',
};
const ANOTHERS_NAME: FieldFault = {
  path: 'email',
  code: 'not_allowed',
  message: 'can’t be verified: it is the username of another account',
};
const UNVERIFIED = 'email is imported as unverified: another account has verified it';

const notesOf = ({ id, username }: Holder, asked: string): string[] => [
  ...(id === undefined ? ['is in this import before'] : []),
  ...(username === asked ? [] : [`is there as ${JSON.stringify(username)}`]),
];
