import type { Reading } from '../imported-user.js';
import { betterAuthHash } from './hash-forms.js';
import { createReader, firstText, isList, isMembers, type Members } from './members.js';
import { hashReading, readingOf, rightsNote, type Source } from './source.js';

const has = (row: Members, ...names: string[]): boolean => names.some((name) => Object.hasOwn(row, name));
const listOf = (document: Members, ...names: string[]): readonly unknown[] | undefined =>
  names.map((name) => document[name]).find((value): value is readonly unknown[] => isList(value));

/**
 * better-auth's tables `user` and `account` in one document, each a list; or a user a line, with `accounts`, or the
 * `password` of the account that has one, beside the user's own columns. Columns may be in camel case or snake case.
 */
export const createBetterAuthSource = ({ now }: { now: () => number }): Source => ({
  isRow: (row) => has(row, 'emailVerified', 'email_verified') && has(row, 'accounts', 'password') && !has(row, 'localId'),
  rowsOf: (document) => {
    if (!isMembers(document)) return undefined;
    const [users, accounts] = [listOf(document, 'user', 'users'), listOf(document, 'account', 'accounts')];
    return users === undefined || accounts === undefined ? undefined : joined(users, accounts);
  },
  read: (row): Reading => {
    const reader = createReader(row);
    const stored = passwordOf(row);
    const passwordHash = stored === undefined || stored.startsWith('$') ? stored : betterAuthHash(stored);
    if (stored !== undefined && passwordHash === undefined) return hashReading('is not in better-auth’s form, salt:key in hexadecimal');
    const role = reader.text('role');
    const until = reader.time('banExpires', 'ban_expires');
    const banned = reader.flag('banned') === true && (until === undefined || until.getTime() > now());
    const user = {
      username: reader.text('displayUsername', 'display_username', 'username'),
      email: reader.text('email'),
      emailVerified: reader.flag('emailVerified', 'email_verified'),
      displayName: reader.text('name'),
      disabled: banned,
      createdAt: reader.time('createdAt', 'created_at'),
      passwordHash,
    };
    if (reader.flag('isAnonymous', 'is_anonymous') === true) return { skipped: 'is anonymous there: nobody could log in' };
    return readingOf(reader, user, role === undefined || role === 'user' ? [] : [rightsNote('the role')]);
  },
});

const userIdOf = (account: unknown): unknown => (isMembers(account) ? (account['userId'] ?? account['user_id']) : undefined);

/** Users with their accounts. */
function joined(users: readonly unknown[], accounts: readonly unknown[]): unknown[] {
  const byUser = new Map<unknown, unknown[]>();
  for (const account of accounts) byUser.set(userIdOf(account), [...(byUser.get(userIdOf(account)) ?? []), account]);
  return users.map((user) => (isMembers(user) ? { ...user, accounts: byUser.get(user['id']) ?? [] } : user));
}

/** Of the account that has a password; the others are log-ins with a provider. */
function passwordOf(row: Members): string | undefined {
  const accounts = isList(row['accounts']) ? row['accounts'] : [];
  const credential = accounts.find((account) => isMembers(account) && (account['providerId'] ?? account['provider_id']) === 'credential');
  return isMembers(credential) ? firstText(credential, 'password') : firstText(row, 'password');
}
