import { foldEmail } from '../../src/lib/email-address.js';
import { foldName } from '../../src/lib/names.js';
import { seededRandom } from './random.js';

export const now = new Date(Date.UTC(2026, 0, 1));

/** A user, as far as a search can tell. */
export interface Person {
  readonly username: string;
  readonly lookalike?: boolean;
  readonly email?: string;
  readonly name?: string;
  readonly roles?: string[];
  readonly disabled?: boolean;
  /** Not taken their invitation yet. */
  readonly invited?: boolean;
}

export const rowOf = ({ username, lookalike = false, email, name, roles = ['user'], disabled = false, invited = false }: Person) => ({
  username,
  username_fold: lookalike ? null : foldName(username),
  lookalike_fold: lookalike ? foldName(username) : null,
  hashed_password: invited ? null : 'a hash',
  email: email ?? null,
  email_verified_at: null,
  email_fold: email === undefined ? null : foldEmail(email),
  verified_email_fold: null,
  display_name: name ?? null,
  display_name_fold: name === undefined ? null : foldName(name),
  roles,
  disabled_at: disabled ? now : null,
  created_at: now,
  updated_at: now,
});

const MORE_ROLES = ['auditor', 'editor', 'guest', 'support', 'translator'];

/** Users of more kinds than are read in one query, many of whom are found by all their keys, or by keys that others have too. */
export function crowd(): Person[] {
  const random = seededRandom(7);
  return Array.from({ length: 260 }, (_, index) => ({
    username: `${random.pick(['user', 'User.', 'ada_', 'ada', 'zoë'])}${index}`,
    ...(random.below(5) > 0 && { email: `${random.pick([`user${index}`, `ada${index}`, 'shared', 'ADA'])}@example.com` }),
    ...(random.below(3) > 0 && { name: random.pick([`User ${index}`, 'Ada Lovelace', 'USER', 'Zoë']) }),
    roles: ['user', ...MORE_ROLES.filter(() => random.below(2) === 1)],
    disabled: random.below(3) === 0,
  }));
}

/** Users of one kind who are found by all three keys, but for each tenth, with fewer of another kind between them; and some with two keys that are one. */
export const unevenCrowd = (): Person[] =>
  Array.from({ length: 120 }, (_, index) => String(index).padStart(3, '0')).flatMap((number, index) => [
    {
      username: `mixed${number}`,
      disabled: true,
      ...(index % 10 !== 5 && { name: `Mixed !${number}`, email: `mixed${number}@example.com` }),
    },
    ...(index % 4 === 0
      ? [{ username: `mixed${number}x` }, { username: `twin${number}@example.com`, email: `twin${number}@example.com` }]
      : []),
  ]);
