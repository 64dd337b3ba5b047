import type { FieldFault } from '../../errors/app-error.js';
import { foldEmail, isEmailAddress } from '../../lib/email-address.js';
import { madeUsername } from '../../lib/made-name.js';
import { DISPLAY_NAME_RULES, displayNameFault, foldName, USERNAME_FORMAT, USERNAME_RULES, usernameFault } from '../../lib/names.js';
import { type Roles, USER } from '../../lib/roles.js';
import type { NewUserRow } from '../../models/user-batch.js';
import { bareHash, needsOrigin } from '../password/formats.js';
import type { PasswordService } from '../password/password.service.js';
import type { Adopted, ImportedUser } from './imported-user.js';

/** What PostgreSQL's index of names can hold, and some. */
const ADOPTED_NAME_BYTES = 1024;

export const MADE_NAME = 'the e-mail address is no username, so one is made from it';
export const MADE_NAME_UNVERIFIED = `${MADE_NAME}; they log in by it until they have verified the address`;

export const NO_PASSWORD = 'has no password: they log in once they have set one by a reset or an invitation';

/** A user who keeps to the rules that need no look at others. */
export interface Candidate {
  readonly row: NewUserRow;
  /** The name's fold, whichever column it will stand in. */
  readonly fold: string;
  readonly notes: readonly string[];
  readonly adopted: Adopted | undefined;
  /** Whether the name was made from the e-mail address, which then shows whether the user exists already. */
  readonly isNameMade: boolean;
}

export type Examined = { readonly candidate: Candidate } | { readonly faults: readonly FieldFault[] };

interface Circumstances {
  readonly roles: Roles;
  readonly now: Date;
  /** Whether names may be any text, where they are from where they were. */
  readonly adopts: boolean;
  /** Whether a hash that cannot be verified is left out, where it otherwise fails the record. */
  readonly withoutUnknownHashes: boolean;
  readonly passwords: Pick<PasswordService, 'hashFault'>;
}

/** Holds a user against every rule at once, and makes the row of one who keeps to them. */
export function examine(user: ImportedUser, circumstances: Circumstances): Examined {
  const { roles, adopts } = circumstances;
  const { email } = user;
  const notes: string[] = [];
  const { passwordHash, hashFault } = hashOf(user, circumstances, notes);
  const adopted = adopts ? user.adopted : undefined;
  const isAddress = email !== undefined && isEmailAddress(email);
  const isNameMade = isAddress && needsName(user, email, adopted);
  const username = isNameMade ? madeUsername(email) : (user.username ?? email);
  const faults = [
    ...(username === undefined ? [NAMELESS] : nameFaults(user.username, adopted, isNameMade)),
    ...(email === undefined || isAddress ? [] : [NO_ADDRESS]),
    ...roleFaults(user.roles, roles),
    ...hashFaults(hashFault),
  ];
  if (username === undefined || faults.length > 0) return { faults };

  const row = rowOf({ ...user, username, passwordHash }, circumstances, notes);
  if (isNameMade) notes.unshift(row.verified_email_fold === null ? MADE_NAME_UNVERIFIED : MADE_NAME);
  return { candidate: { row, fold: foldName(username), notes, adopted, isNameMade } };
}

/** Reports whether a name has to be made: where the address is the name, or would be, and breaks the rules of names. */
const needsName = ({ username = '' }: ImportedUser, email: string, adopted: Adopted | undefined): boolean =>
  adopted === undefined && (username === '' || foldEmail(username) === foldEmail(email)) && usernameFault(username || email) !== undefined;

type Named = ImportedUser & { readonly username: string };

function rowOf(user: Named, { roles, now }: Circumstances, notes: string[]): NewUserRow {
  const { username, email, passwordHash, disabled = false } = user;
  const displayName = displayNameOf(user, notes);
  const verifiedAt = email === undefined ? null : verifiedAtOf(user, now);
  const email_fold = email === undefined ? null : foldEmail(email);
  if (passwordHash === undefined) notes.push(NO_PASSWORD);
  return {
    username,
    username_fold: foldName(username),
    lookalike_fold: null,
    hashed_password: passwordHash ?? null,
    hash_truncates: passwordHash !== undefined && (user.hashTruncates ?? needsOrigin(passwordHash)),
    email: email ?? null,
    email_verified_at: verifiedAt,
    email_fold,
    verified_email_fold: verifiedAt === null ? null : email_fold,
    email_set_by_admin: email !== undefined && verifiedAt === null,
    display_name: displayName,
    display_name_fold: displayName === null ? null : foldName(displayName),
    roles: user.roles === undefined ? [USER] : roles.names.filter((role) => user.roles?.includes(role)),
    disabled_at: disabled ? now : null,
    created_at: createdAtOf(user, now, notes),
    updated_at: now,
  };
}

const NAMELESS: FieldFault = { path: 'username', code: 'required', message: 'is missing, and so is an e-mail address to take for it' };
const NO_ADDRESS: FieldFault = { path: 'email', code: 'format', message: 'is not an e-mail address' };

/** Returns the rules that the source's own name breaks; a name that is made or taken from the address breaks none. */
function nameFaults(username: string | undefined, adopted: Adopted | undefined, isNameMade: boolean): FieldFault[] {
  if (username === undefined || isNameMade) return [];
  const path = 'username';
  if (adopted !== undefined) {
    const fits = Buffer.byteLength(username) <= ADOPTED_NAME_BYTES && username.isWellFormed() && !username.includes('\0');
    return fits ? [] : [{ path, code: 'too_long', message: `has over ${ADOPTED_NAME_BYTES} bytes, or some that are not text` }];
  }
  const { fewest, most } = USERNAME_RULES;
  const fault = usernameFault(username);
  if (fault === undefined) return [];
  const messages = {
    too_short: `needs ${fewest} characters or more`,
    too_long: `may have ${most} characters at most`,
    format: USERNAME_FORMAT,
  };
  return [{ path, code: fault, message: messages[fault] }];
}

function roleFaults(asked: readonly string[] | undefined, roles: Roles): FieldFault[] {
  const fault = asked && roles.faultOf(asked);
  return fault === undefined ? [] : [{ path: 'roles', ...fault }];
}

/** Returns the hash to store, or why it cannot be verified. */
function hashOf(
  { passwordHash, unreadableHash }: ImportedUser,
  { passwords, withoutUnknownHashes }: Circumstances,
  notes: string[],
): { passwordHash?: string; hashFault?: string } {
  const hash = passwordHash === undefined ? undefined : bareHash(passwordHash);
  const hashFault = unreadableHash ?? (hash === undefined ? undefined : passwords.hashFault(hash));
  if (hashFault === undefined) return hash === undefined ? {} : { passwordHash: hash };
  if (!withoutUnknownHashes) return { hashFault };
  notes.push(`password_hash is left out: it ${hashFault}`);
  return {};
}

const hashFaults = (message: string | undefined): FieldFault[] =>
  message === undefined ? [] : [{ path: 'password_hash', code: 'format', message }];

function displayNameOf({ displayName }: ImportedUser, notes: string[]): string | null {
  if (displayName === undefined) return null;
  if (displayNameFault(displayName) === undefined) return displayName;
  notes.push(`display_name is left out: it has over ${DISPLAY_NAME_RULES.most} characters, or is no line of text that can be seen`);
  return null;
}

function verifiedAtOf({ emailVerified = false }: ImportedUser, now: Date): Date | null {
  if (emailVerified === false) return null;
  return emailVerified === true || !isSane(emailVerified, now) ? now : emailVerified;
}

function createdAtOf({ createdAt }: ImportedUser, now: Date, notes: string[]): Date {
  if (createdAt === undefined || isSane(createdAt, now)) return createdAt ?? now;
  notes.push('created_at is left out: it is before 1970 or to come');
  return now;
}

const isSane = (time: Date, now: Date): boolean => time.getTime() >= 0 && time <= now;
