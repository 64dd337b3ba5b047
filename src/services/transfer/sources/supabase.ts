import type { Reading } from '../imported-user.js';
import { asMembers, createReader, firstText, isList, isMembers, type Members } from './members.js';
import { readingOf, type Source } from './source.js';

const isRow = (row: Members): boolean => Object.hasOwn(row, 'encrypted_password') && Object.hasOwn(row, 'email');

/** The table `auth.users` of Supabase Auth (https://github.com/supabase/auth): as lines, as one JSON array, or as CSV. */
export const createSupabaseSource = ({ now }: { now: () => number }): Source => ({
  isRow,
  rowsOf: (document) => (isList(document) && document.some((row) => isMembers(row) && isRow(row)) ? document : undefined),
  read: (row): Reading => {
    const reader = createReader(row);
    const metadata = asMembers(row['raw_user_meta_data']) ?? {};
    if (reader.time('deleted_at') !== undefined) return { skipped: 'was deleted there' };
    if (reader.flag('is_anonymous') === true) return { skipped: 'is anonymous there: nobody could log in' };
    return readingOf(reader, {
      email: reader.text('email'),
      emailVerified: reader.time('email_confirmed_at', 'confirmed_at') ?? false,
      displayName: firstText(metadata, 'full_name', 'name', 'display_name'),
      disabled: row['banned_until'] === 'infinity' || (reader.time('banned_until')?.getTime() ?? 0) > now(),
      createdAt: reader.time('created_at'),
      passwordHash: reader.text('encrypted_password'),
    });
  },
});
