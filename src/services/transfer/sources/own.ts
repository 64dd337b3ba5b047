import type { FieldFault } from '../../../errors/app-error.js';
import type { ImportedUser, Reading } from '../imported-user.js';
import { nodeScryptHash } from './hash-forms.js';
import { createReader, isList, isMembers, type Members, pathOf } from './members.js';
import { readingOf, type Source } from './source.js';

/** The members of a line, and the columns of a table, in the order in which an export has them. */
const MEMBERS: ReadonlySet<string> = new Set([
  // Ids are given anew.
  'id',
  'username',
  'email',
  'email_verified',
  'email_verified_at',
  'display_name',
  'roles',
  'disabled',
  'created_at',
  'adopted',
  'looks_like',
  'password_hash',
  'hash_truncates',
]);

const MOST_FAULTS = 5;

/** What is told of names that no member of a user has: a misspelt one would be lost without a word. */
export const unknownFaults = (names: readonly string[]): FieldFault[] =>
  names
    .filter((name) => !MEMBERS.has(name))
    .slice(0, MOST_FAULTS)
    .map((name) => ({ path: pathOf(name), code: 'unknown', message: 'is no member of a user' }));

/** What `export` writes, and whoever has users somewhere else can write. */
export const ownSource: Source = {
  isRow: () => true,
  rowsOf: (document) => {
    const users = isMembers(document) ? document['users'] : document;
    return isList(users) ? users : undefined;
  },
  read: (row): Reading => {
    const faults = unknownFaults(Object.keys(row));
    if (faults.length > 0) return { faults };
    const reader = createReader(row, ['password_hash']);
    const verified = reader.flag('email_verified');
    const verifiedAt = reader.time('email_verified_at');
    return readingOf(reader, {
      username: reader.text('username'),
      email: reader.text('email'),
      emailVerified: verified === false ? false : (verifiedAt ?? verified),
      displayName: reader.text('display_name'),
      roles: reader.texts('roles'),
      disabled: reader.flag('disabled'),
      createdAt: reader.time('created_at'),
      ...hashOf(row),
      hashTruncates: reader.flag('hash_truncates'),
      adopted: reader.flag('adopted') === true ? { looksLike: reader.text('looks_like') } : undefined,
    });
  },
};

const NO_HASH = 'must be a text, or an object of Node’s scrypt: algorithm, N, r, p, salt, hash';

function hashOf({ password_hash: hash }: Members): Pick<ImportedUser, 'passwordHash' | 'unreadableHash'> {
  if (hash === undefined || hash === null || hash === '') return {};
  const passwordHash = isMembers(hash) ? nodeScryptHash(hash) : hash;
  return typeof passwordHash === 'string' ? { passwordHash } : { unreadableHash: NO_HASH };
}
