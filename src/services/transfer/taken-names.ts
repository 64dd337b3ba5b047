import type { FieldFault } from '../../errors/app-error.js';
import { madeUsername } from '../../lib/made-name.js';
import { foldName } from '../../lib/names.js';
import type { Claimant, NameHolder, NewUserRow } from '../../models/user-batch.js';
import type { Candidate } from './import-rules.js';

/** A user who has a name: in the database, or earlier in the import. */
interface Holder {
  /** Left out where they are yet to be written. */
  readonly id?: number;
  readonly username: string;
  /** Null for a look-alike. */
  readonly username_fold: string | null;
}

/** The users whose names share a fold. An adopted user may be one of any number, so none of this walks through them. */
export interface Alike {
  /** The user whose fold it is, or the first look-alike where there is none. */
  owner: Holder;
  readonly byUsername: Map<string, Holder>;
}

/** Names and verified addresses by their folds: two namespaces, in which the same text may stand twice. */
export interface Taken {
  readonly names: Map<string, Alike>;
  /** The user who has verified an address. */
  readonly addresses: Map<string, Holder>;
  /** The first user to whom an administrator or an import gave an address that is not verified. */
  readonly claims: Map<string, Holder>;
}

export const noneTaken = (): Taken => ({ names: new Map(), addresses: new Map(), claims: new Map() });

/** Returns the names and addresses of users in the database. */
export function takenBy(holders: readonly NameHolder[], claimants: readonly Claimant[]): Taken {
  const taken = noneTaken();
  for (const holder of holders) take(taken, holder, holder.username_fold ?? holder.lookalike_fold, holder.verified_email_fold);
  for (const { id, username, email_fold } of claimants) taken.claims.set(email_fold, { id, username, username_fold: null });
  return taken;
}

function take({ names, addresses }: Taken, holder: Holder, name: string | null, address: string | null): void {
  if (address !== null) addresses.set(address, holder);
  if (name === null) return;
  const alike = names.get(name);
  if (alike === undefined) {
    names.set(name, { owner: holder, byUsername: new Map([[holder.username, holder]]) });
    return;
  }
  alike.byUsername.set(holder.username, holder);
  if (holder.username_fold !== null) alike.owner = holder;
}

/** What becomes of a candidate, as the others leave room for. */
export type Settled =
  | { readonly row: NewUserRow; readonly notes: readonly string[] }
  | { readonly there: Holder; readonly notes: readonly string[] }
  | { readonly faults: readonly FieldFault[] };

/**
 * Holds a candidate against the users in the database and those before it in the import, whom it then joins. Of an address
 * that two have verified the first keeps it.
 */
export function settle(candidate: Candidate, stored: Taken, earlier: Taken): Settled {
  if (candidate.isNameMade) return settleByAddress(candidate, stored, earlier);
  const { row, fold, notes, adopted } = candidate;
  const [inDatabase, inImport] = [stored.names.get(fold), earlier.names.get(fold)];
  const owner = ownerAmong(inDatabase, inImport);
  const exact = inDatabase?.byUsername.get(row.username) ?? inImport?.byUsername.get(row.username);
  const same = exact ?? (adopted === undefined ? owner : undefined);
  if (same !== undefined) return { there: same, notes: notesOf(same, row.username) };
  if (owner !== undefined && owner.username !== adopted?.looksLike) return { faults: [LOOKS_LIKE_ANOTHER] };

  const address = row.verified_email_fold;
  const isVerified = address !== null && (stored.addresses.has(address) || earlier.addresses.has(address));
  const settled = {
    ...row,
    ...(owner === undefined ? {} : { username_fold: null, lookalike_fold: fold }),
    ...(isVerified ? { email_verified_at: null, verified_email_fold: null, email_set_by_admin: true } : {}),
  };
  take(earlier, settled, fold, settled.verified_email_fold);
  return { row: settled, notes: isVerified ? [...notes, UNVERIFIED] : notes };
}

/**
 * Settles a candidate whose name was made: the address shows whether the user exists, so that an import can be run again. The
 * address may be another account's claim, which says nothing about the user.
 */
function settleByAddress({ row, notes }: Candidate, stored: Taken, earlier: Taken): Settled {
  const address = row.email_fold ?? '';
  const there = [stored.addresses, earlier.addresses, stored.claims, earlier.claims].flatMap((holders) => holders.get(address) ?? [])[0];
  if (there !== undefined) return { there, notes: notesOf(there, row.username) };
  let { username } = row;
  while (stored.names.has(foldName(username)) || earlier.names.has(foldName(username))) username = madeUsername(address);
  const named = { ...row, username, username_fold: foldName(username) };
  take(earlier, named, named.username_fold, named.verified_email_fold);
  if (named.verified_email_fold === null) earlier.claims.set(address, named);
  return { row: named, notes };
}

/** The user whose fold it is, wherever they are; a look-alike only where there is none. */
function ownerAmong(inDatabase: Alike | undefined, inImport: Alike | undefined): Holder | undefined {
  const owners = [inDatabase, inImport].flatMap((alike) => alike?.owner ?? []);
  return owners.find(({ username_fold }) => username_fold !== null) ?? owners[0];
}

const LOOKS_LIKE_ANOTHER: FieldFault = { path: 'username', code: 'not_allowed', message: 'looks like the name of somebody who is there' };
const UNVERIFIED = 'email is imported as unverified: another account has verified it';

const notesOf = ({ id, username }: Holder, asked: string): string[] => [
  ...(id === undefined ? ['is in this import before'] : []),
  ...(username === asked ? [] : [`is there as ${JSON.stringify(username)}`]),
];
