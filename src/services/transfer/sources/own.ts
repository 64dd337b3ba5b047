import type { FieldFault } from '../../../errors/app-error.js';
import type { Reading } from '../imported-user.js';
import { nodeScryptHash } from './hash-forms.js';
import { createReader, isList, isMembers, type Members } from './members.js';
import { hashReading, readingOf, type Source } from './source.js';

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
/** Of a table without a header the first line is somebody's hash, which no answer repeats. */
const NAME = /^[A-Za-z_]\w{0,63}$/;

/** What is told of names that no member of a user has: a misspelt one would be lost without a word. */
export const unknownFaults = (names: readonly string[]): FieldFault[] =>
  names
    .filter((name) => !MEMBERS.has(name))
    .slice(0, MOST_FAULTS)
    .map((name) => ({ path: NAME.test(name) ? name : '', code: 'unknown', message: 'is no member of a user' }));

/** What `export` writes, and whoever has users somewhere else can write. */
export const ownSource: Source = {
  isRow: () => true,
  rowsOf: (document) => (isList(document) ? document : undefined),
  read: (row): Reading => {
    const faults = unknownFaults(Object.keys(row));
    if (faults.length > 0) return { faults };
    const passwordHash = hashOf(row);
    if (passwordHash === undefined) return hashReading('must be a text, or an object of Node’s scrypt: algorithm, N, r, p, salt, hash');
    const reader = createReader(row);
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
      passwordHash: passwordHash ?? undefined,
      hashTruncates: reader.flag('hash_truncates'),
      adopted: reader.flag('adopted') === true ? { looksLike: reader.text('looks_like') } : undefined,
    });
  },
};

/** Null where there is none; undefined where it can't be one. */
function hashOf({ password_hash: hash }: Members): string | null | undefined {
  if (hash === undefined || hash === null) return null;
  if (typeof hash === 'string') return hash;
  return isMembers(hash) ? nodeScryptHash(hash) : undefined;
}
