import type { Reading } from '../imported-user.js';
import { createReader, firstText, isList, isMembers, type Members } from './members.js';
import { readingOf, recordFault, rightsNote, type Source } from './source.js';

/** One that nobody's password makes. */
const UNUSABLE = '!';

/** An object of `dumpdata`, whatever its model is. */
const isDumped = (row: unknown): boolean => isMembers(row) && typeof row['model'] === 'string' && isMembers(row['fields']);
const isTable = (row: Members): boolean => Object.hasOwn(row, 'password') && Object.hasOwn(row, 'date_joined');

/** Django's users: `dumpdata auth.user`, or of a model of its own, as JSON or JSON lines; or the table as CSV. */
export const djangoSource: Source = {
  isRow: (row) => isDumped(row) || isTable(row),
  rowsOf: (document) => (isList(document) && document.some(isDumped) ? document : undefined),
  read: (row): Reading => {
    const fields = isMembers(row['fields']) ? row['fields'] : row;
    if (!Object.hasOwn(fields, 'password')) {
      return isDumped(row) ? { skipped: 'is not a user' } : { faults: [recordFault('is not a user of Django: it has no password')] };
    }
    const reader = createReader(fields);
    const password = reader.text('password');
    const names = [firstText(fields, 'first_name'), firstText(fields, 'last_name')].filter((name) => name !== undefined);
    const user = {
      username: reader.text('username'),
      email: reader.text('email'),
      displayName: names.length === 0 ? undefined : names.join(' '),
      disabled: reader.flag('is_active') === false,
      createdAt: reader.time('date_joined'),
      passwordHash: password?.startsWith(UNUSABLE) === true ? undefined : password,
    };
    const right = ['is_superuser', 'is_staff'].find((name) => reader.flag(name) === true);
    return readingOf(reader, user, right === undefined ? [] : [rightsNote(right)]);
  },
};
