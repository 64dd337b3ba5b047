import type { Reading } from '../imported-user.js';
import { betterAuthHash } from './hash-forms.js';
import { createReader, firstText, isList, isMembers, type MemberReader, type Members } from './members.js';
import { readingOf, rightsNote, type Source } from './source.js';

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
    const stored = passwordOf(row, reader)?.trim();
    const passwordHash = stored === undefined || stored.startsWith('$') ? stored : betterAuthHash(stored);
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
      unreadableHash: stored !== undefined && passwordHash === undefined ? NO_FORM : undefined,
    };
    if (reader.flag('isAnonymous', 'is_anonymous') === true) return { skipped: 'is anonymous there: nobody could log in' };
    return readingOf(reader, user, role === undefined || role === 'user' ? [] : [rightsNote('the role')]);
  },
});

const NO_FORM = 'is not in better-auth’s form, salt:key in hexadecimal';

const userIdOf = (account: Members): unknown => account['userId'] ?? account['user_id'];

/** Whether an account has a password; the others are log-ins with a provider. */
const isCredential = (account: unknown): account is Members =>
  isMembers(account) && (account['providerId'] ?? account['provider_id']) === 'credential';

/**
 * Joins users with their first account that has a password. The others are left out: a document may have very many accounts
 * of one user id, and very many users of that id, and each user is searched for a password.
 */
function joined(users: readonly unknown[], accounts: readonly unknown[]): unknown[] {
  const byUser = new Map<unknown, Members>();
  for (const account of accounts) {
    if (!isCredential(account)) continue;
    const userId = userIdOf(account);
    if (!byUser.has(userId)) byUser.set(userId, account);
  }
  return users.map((user) => {
    if (!isMembers(user)) return user;
    const credential = byUser.get(user['id']);
    return { ...user, accounts: credential === undefined ? [] : [credential] };
  });
}

/** Returns the password of the account that has one. */
function passwordOf(row: Members, reader: MemberReader): string | undefined {
  const accounts = isList(row['accounts']) ? row['accounts'] : [];
  const credential = accounts.find(isCredential);
  return credential === undefined ? reader.text('password') : firstText(credential, 'password');
}
